"""The written form of the settings that are URLs of databases: text in, value out.

Contract: as in `values`. What a driver would refuse later, in words of its own that may hold the
password, is refused here.
"""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final
from urllib.parse import unquote

from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError

from sync.settings.values import is_plain

_FILE_DRIVERS: Final = frozenset({"sqlite", "sqlite+pysqlite"})
_PORTS: Final = range(1, 65_536)
_URL_PASSWORD = re.compile(r"://[^:/]*:(?:(?P<short>[^@]*)@)(?:(?P<more>.*)@)?")


def parse_database_url(text: str) -> str:
    """Read where the ledger is: an SQLite file, so that something is remembered, or PostgreSQL.

    Raises:
        ValueError: not such a URL.
    """
    url = _database_url(text)
    if url is None or not (_names_a_file(url, text) or _names_a_server(url)):
        msg = (
            "write a database URL: sqlite:///ledger.db or sqlite:////absolute/path/ledger.db, with "
            "no ? in it, or postgresql+psycopg://USER@HOST/DATABASE"
        )
        raise ValueError(msg)
    return text


def parse_server_url(text: str) -> str:
    """Read the URL of a PostgreSQL database.

    Raises:
        ValueError: not such a URL.
    """
    url = _database_url(text)
    if url is None or not _names_a_server(url):
        msg = "write the URL of a PostgreSQL database: postgresql+psycopg://USER@HOST/DATABASE"
        raise ValueError(msg)
    return text


def absolute_database_url(url: str, home: Path) -> str:
    """Let a relative SQLite path start at `home`; every other URL stays as it is."""
    driver, _, rest = url.partition(":///")
    if driver.partition("+")[0] != "sqlite" or Path(rest).is_absolute():
        return url
    return f"{driver}:///{home / rest}"


def url_passwords(text: str) -> Iterator[str]:
    """Give what may be the password in a URL, as written and unquoted.

    An unquoted `@` leaves two readings; both are given, because these are only ever hidden.
    """
    match = _URL_PASSWORD.search(text)
    if match is None:
        return
    short, more = match["short"], match["more"]
    for password in (short, f"{short}@{more}") if more is not None else (short,):
        yield from {password, unquote(password)} - {""}


def _database_url(text: str) -> URL | None:
    """Read as the drivers' library will; None if it, or a driver, could make nothing of it.

    Raises:
        ValueError: a part of the password would be taken for the host, and named to everybody.
    """
    try:
        url = make_url(text)
        (url.host or "").encode("idna")
    except (ArgumentError, ValueError):
        return None
    if url.get_backend_name() != "sqlite" and text.count("@") > 1:
        msg = "write an @ in a user or a password as %40"
        raise ValueError(msg)
    unquoted = (url.username, url.password, url.database, *map(str, url.query.values()))
    is_written_so = all(is_plain(part) for part in (text, *filter(None, unquoted)))
    return url if is_written_so and (url.port is None or url.port in _PORTS) else None


def _names_a_file(url: URL, text: str) -> bool:
    path = url.database or ""
    return (
        url.drivername in _FILE_DRIVERS
        and not url.host
        and "?" not in text
        and path not in {"", ":memory:"}
        and not path.startswith("file:")
    )


def _names_a_server(url: URL) -> bool:
    return url.get_backend_name() == "postgresql" and bool(url.database)
