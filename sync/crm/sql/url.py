"""`CRM_SQL_URL`: from the setting to an engine and a fingerprint; no I/O, and no SQL.

A URL may hold a password, so no text here repeats any part of it but the path of an SQLite file.
"""

import os
import re
from hashlib import sha256
from pathlib import Path

import sqlalchemy as sa
from sqlalchemy import exc

from sync.crm.adapter import TellUserError
from sync.database import plain

SETTING = "CRM_SQL_URL"

_EXTRAS = {"psycopg": "postgres", "pymysql": "mysql"}
"""Of a driver's module, the extra that it comes with."""
_TAKES_CHARSET = re.compile(r"(mysql|mariadb)(\+(pymysql|mysqldb))?")
"""Begins a URL whose driver is told in which alphabet it talks to the server."""
_SECRET_NAME = re.compile(r"pass|pwd|secret|token", re.IGNORECASE)
_ODBC_PASSWORD = re.compile(r"\b(pwd|password)\s*=\s*(\{[^}]*\}|[^;]*)", re.IGNORECASE)


def parse_url(value: str, home: Path) -> sa.URL:
    """Read the setting; a relative SQLite path starts at `home`.

    Raises:
        TellUserError: it is not a URL, or an SQLite URL that names no file.
    """
    try:
        url = sa.make_url(value)
        # What no driver could look up, or give to the system, ends in an error of Python's own.
        (url.host or "").encode("idna")
        _require_plain(url)
    except (exc.ArgumentError, ValueError):
        msg = (
            f"{SETTING} is not a URL such as sqlite:///crm.db or postgresql+psycopg://USER@HOST/DB"
        )
        raise TellUserError(msg) from None
    if sqlite_file(url) is None:
        if value.count("@") > 1:
            # A part of the password would be taken for the host, and named to everybody.
            msg = f"{SETTING}: write an @ in a user or a password as %40"
            raise TellUserError(msg)
        return url
    _require_file(url)
    return url.set(database=str(home / (url.database or "")))


def _require_plain(url: sa.URL) -> None:
    parts = (url.username, url.password, url.host, url.database, *map(str, url.query.values()))
    if any(plain(part) != part for part in parts if part):
        msg = "characters that nothing can be named with"
        raise ValueError(msg)


def _require_file(url: sa.URL) -> None:
    """Refuse a table that would be gone with the process, and options that could move it."""
    if not url.database or url.database.startswith((":", "file:")):
        msg = f"{SETTING} names no file: give one after the third slash, as in sqlite:///crm.db"
        raise TellUserError(msg)
    if set(url.query) - {"timeout"}:
        msg = f"{SETTING}: only timeout may stand after the ? of an SQLite URL"
        raise TellUserError(msg)


def sqlite_file(url: sa.URL) -> Path | None:
    """The file of an SQLite URL; None for a server."""
    return Path(url.database or "") if url.get_backend_name() == "sqlite" else None


def make_engine(url: sa.URL, busy_timeout: float) -> sa.Engine:
    """Make an engine that hides parameters and keeps no connection; connects to nothing.

    On SQLite the driver is told to begin no transaction of its own, so that ours can begin with
    the lock that it needs.

    Raises:
        TellUserError: an unknown kind of database, a driver that is not installed or that can't
            be used here, or an option that it doesn't take.
    """
    arguments: dict[str, object] = {}
    if sqlite_file(url) is not None:
        url = url.set(query={"timeout": str(busy_timeout), **url.query})
        arguments["isolation_level"] = None
    elif _TAKES_CHARSET.fullmatch(url.drivername):
        # In another one a text would lose letters on the way, and be like a text that it isn't.
        arguments["charset"] = "utf8mb4"
    try:
        engine = sa.create_engine(
            url, connect_args=arguments, hide_parameters=True, poolclass=sa.NullPool
        )
    except exc.NoSuchModuleError:
        raise TellUserError(_not_there("a database or driver that SQLAlchemy knows")) from None
    except ImportError as error:
        needed = f"the Python module {error.name!r}" if error.name else "a driver that works here"
        raise TellUserError(_not_there(needed, _EXTRAS.get(error.name or ""))) from None
    except (exc.ArgumentError, TypeError, ValueError):
        msg = f"{SETTING} has an option that its driver doesn't take: look after the ?"
        raise TellUserError(msg) from None
    if engine.dialect.is_async:
        raise TellUserError(_not_there("a driver that is not asynchronous"))
    return engine


def _not_there(needed: str, extra: str | None = None) -> str:
    """Say what the beginning of the URL asks for, and where to change that."""
    how = (
        f"pip install 'holdersync[{extra}]'"
        if extra
        else "Install the driver's package beside this tool"
    )
    return (
        f"{SETTING} needs {needed}. {how}, or name another one before the colon, "
        "as in postgresql+psycopg:// or mysql+pymysql://"
    )


def place_of(url: sa.URL) -> str:
    """Name a server and its database for a person; neither user nor password nor options."""
    plain = sa.URL.create(
        url.get_backend_name(), host=url.host, port=url.port, database=url.database
    )
    return plain.render_as_string()


def fingerprint(url: sa.URL, table: str) -> str:
    """Eight hex digits for database and table; neither password nor driver count.

    An option of the URL may choose the database, so each one counts that is not a secret.
    """
    file = sqlite_file(url)
    if file is not None:
        place = f"sqlite:{os.path.normpath(file)}"
    else:
        place = sa.URL.create(
            url.get_backend_name(),
            username=url.username,
            host=url.host,
            port=url.port,
            database=url.database,
            query=_without_secrets(url),
        ).render_as_string()
    return sha256(f"{place}#{table}".encode()).hexdigest()[:8]


def _without_secrets(url: sa.URL) -> dict[str, str | tuple[str, ...]]:
    """The options of the URL without passwords, those inside an ODBC string too."""
    return {
        name: _ODBC_PASSWORD.sub("", value) if isinstance(value, str) else value
        for name, value in url.query.items()
        if not _SECRET_NAME.search(name)
    }
