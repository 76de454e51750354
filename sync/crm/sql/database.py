"""The database of `CRM_SQL_URL` at work: its transactions, and what its errors mean; no table.

Each transaction has a connection of its own: minutes may pass between two of them, and one that a
server dropped meanwhile would look like a server that is down.

MySQL's numbers are those of the "Server Error Message Reference" of MySQL and of MariaDB's "Error
Codes"; PostgreSQL's are of its appendix "PostgreSQL Error Codes".
"""

import os
import re
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Literal

import sqlalchemy as sa
from sqlalchemy import exc

from sync.crm.adapter import CredentialsRefusedError, Outcome, TellUserError
from sync.crm.sql.url import SETTING, place_of, sqlite_file

Begin = Literal["BEGIN", "BEGIN IMMEDIATE"]

MYSQL = frozenset({"mysql", "mariadb"})
"""SQLAlchemy's names of MySQL."""
CHUNK = 200
"""Rows per transaction: short for others who write, and below any database's parameter limit."""

# By SQLite's codes, because Python's classes put a locked file and a missing column together.
_SQLITE_NEEDS_A_PERSON = frozenset(
    {
        sqlite3.SQLITE_ERROR,
        sqlite3.SQLITE_PERM,
        sqlite3.SQLITE_READONLY,
        sqlite3.SQLITE_CORRUPT,
        sqlite3.SQLITE_AUTH,
        sqlite3.SQLITE_NOTADB,
    }
)
_NEEDS_A_PERSON = (exc.ProgrammingError, exc.InternalError, exc.NotSupportedError)
# Rights (1044, 1142, 1143, 1227), a name that isn't there (1049, 1054), a view or a column that
# can't be written (1288, 1348, 1906, 3105), and a server that only reads (1290).
_MYSQL_NEEDS_A_PERSON = frozenset(
    {1044, 1049, 1054, 1142, 1143, 1227, 1288, 1290, 1348, 1906, 3105}
)
# A wrong password, another way to log in, one that has run out, and a user who is locked.
_MYSQL_REFUSES_KEY = frozenset({1045, 1698, 1820, 1862, 3118, 4151})
# A view that can't be written.
_POSTGRESQL_NEEDS_A_PERSON = frozenset({"55000"})
# No driver has a code for what PostgreSQL says before it lets one in, so its words have to do. A
# server that says it in another language is taken for one that is down.
_POSTGRESQL_REFUSES_KEY = re.compile(
    r'authentication failed for user|no password supplied|role ".*" (does not exist|is not permitt)'
)
_POSTGRESQL_HAS_NO_PLACE = re.compile(
    r'database ".*" does not exist|permission denied for database|pg_hba\.conf'
)
_REFUSES_ROW = (exc.DataError, exc.IntegrityError)
# A value of the wrong kind (1292, 3140), none where one is needed (1364), a check that fails
# (1369, 3819, 4025), and a trigger's own no (1644): all of them no more than an OperationalError.
_MYSQL_REFUSES_ROW = frozenset({1292, 1364, 1369, 1644, 3140, 3819, 4025})
# RAISE in a trigger, and the check option of a view.
_POSTGRESQL_REFUSES_ROW = frozenset({"P0001", "44000"})
_POSTGRESQL_CHECKS_ROW = "ExecWithCheckOptions"
"""Where the server refuses a row by a policy; the code is that of a missing right."""
# A text has letters that the column's alphabet lacks.
_MYSQL_OTHER_ALPHABET = frozenset({1267, 1270, 1271, 3988})
# Waited too long for a lock, and met another writer who waits for ours.
_MYSQL_LOCKED = frozenset({1205, 1213})
_POSTGRESQL_LOCKED = frozenset({"55P03", "40P01"})


def patience(dialect: str, seconds: float) -> tuple[str, ...]:
    """Give the statements that limit how long a server lets us wait for somebody's lock."""
    if dialect == "postgresql":
        return (f"SET LOCAL lock_timeout = {round(seconds * 1000)}",)
    if dialect in MYSQL:
        wait = max(1, round(seconds))
        return (f"SET SESSION innodb_lock_wait_timeout = {wait}, lock_wait_timeout = {wait}",)
    return ()


class SqlDatabase:
    """One database.

    Args:
        engine: as `make_engine` makes it.
        prepares: statements with which each transaction begins.
    """

    def __init__(self, engine: sa.Engine, *, prepares: Sequence[str] = ()) -> None:
        self.file = sqlite_file(engine.url)
        self._engine = engine
        self._prepares = prepares

    @property
    def place(self) -> str:
        """The file, or the server and its database."""
        return str(self.file) if self.file is not None else place_of(self._engine.url)

    @property
    def is_there(self) -> bool:
        """Tell whether there is something to connect to: connecting would make an SQLite file."""
        return self.file is None or self.file.exists()

    @contextmanager
    def transaction(self, begin: Begin, *, is_trial: bool = False) -> Iterator[sa.Connection]:
        """Commit at the end, roll back on an error; a trial is rolled back in any case.

        On SQLite `begin` chooses the lock: who reads first and asks for the right to write later
        can meet another one who did the same, and neither would get on.
        """
        with self._engine.connect() as connection, connection.begin() as under_way:
            for statement in self._prepares:
                connection.exec_driver_sql(statement)
            if self.file is not None:
                connection.exec_driver_sql(begin)
            yield connection
            if is_trial:
                under_way.rollback()

    def require_place(self) -> None:
        """Refuse an SQLite file that can't be read and written, or a folder that can't hold it.

        SQLite writes a journal beside the file, so the folder must be writable as well.
        """
        if self.file is not None:
            _require_folder(self.file.parent)
            _require_file(self.file)


def _require_folder(folder: Path) -> None:
    # The separator makes this false for a file in the folder's place.
    if not os.access(f"{folder}{os.sep}", os.W_OK | os.X_OK):
        msg = (
            f"{SETTING}: {folder} is not a folder that this user can write to: "
            "make it, or give the right to write"
        )
        raise TellUserError(msg)


def _require_file(file: Path) -> None:
    if file.exists() and not (file.is_file() and os.access(file, os.R_OK | os.W_OK)):
        msg = (
            f"{SETTING}: {file} is not a file that this user can read and write: "
            "name another one, or give the rights"
        )
        raise TellUserError(msg)


def retry_or_tell(error: exc.DBAPIError, table: str) -> Outcome:
    """Tell a database that is locked, full or lost from one that only a person can repair.

    Raises:
        TellUserError: the latter.
        CredentialsRefusedError: the database refuses user or password.
    """
    if refuses_key(error):
        raise unusable(error) from None
    if _needs_a_person(error):
        msg = (
            f"the table {table} of {SETTING} can't be read or written "
            f"({kind_of(error)}): check the rights and the columns, then run holdersync check"
        )
        raise TellUserError(msg) from None
    return Outcome.retry(f"the database is locked, full or can't be reached ({kind_of(error)})")


def rejected_by(error: exc.DBAPIError, table: str) -> Outcome:
    """Say that the database refuses one row."""
    return Outcome.rejected(
        f"the database refuses this row ({kind_of(error)}): "
        f"look at the constraints and triggers of {table}"
    )


def unusable(error: exc.DBAPIError) -> TellUserError | CredentialsRefusedError:
    """Say to a person who checks that the database can't be used now."""
    if refuses_key(error):
        return CredentialsRefusedError(
            f"the database of {SETTING} refuses its user or password ({kind_of(error)})"
        )
    msg = (
        f"the database of {SETTING} can't be used ({kind_of(error)}): see that it is up, not "
        "locked, and what the URL says, and that user, password and rights are right"
    )
    return TellUserError(msg)


def refuses_key(error: exc.DBAPIError) -> bool:
    """Tell whether user or password are wrong."""
    return _mysql_code(error) in _MYSQL_REFUSES_KEY or _says(error, _POSTGRESQL_REFUSES_KEY)


def is_locked(error: exc.DBAPIError) -> bool:
    """Tell whether somebody holds a row, or a table, that was to be written."""
    code = _mysql_code(error)
    return code in _MYSQL_LOCKED or getattr(error.orig, "sqlstate", None) in _POSTGRESQL_LOCKED


def is_never_held(error: exc.DBAPIError) -> bool:
    """Tell whether a text that was looked for is none that the column can hold."""
    return _mysql_code(error) in _MYSQL_OTHER_ALPHABET


def refuses_row(error: exc.DBAPIError) -> bool:
    """Tell whether an error is about what one row would hold, and not about the others."""
    return (
        isinstance(error, _REFUSES_ROW)
        or _mysql_code(error) in _MYSQL_REFUSES_ROW
        or getattr(error.orig, "sqlstate", None) in _POSTGRESQL_REFUSES_ROW
        or _raised_in(error) == _POSTGRESQL_CHECKS_ROW
    )


def _needs_a_person(error: exc.DBAPIError) -> bool:
    code = getattr(error.orig, "sqlite_errorcode", None)
    if code is not None:
        return code & 0xFF in _SQLITE_NEEDS_A_PERSON
    if (
        _mysql_code(error) in _MYSQL_NEEDS_A_PERSON
        or getattr(error.orig, "sqlstate", None) in _POSTGRESQL_NEEDS_A_PERSON
        or _says(error, _POSTGRESQL_HAS_NO_PLACE)
    ):
        return True
    return isinstance(error, _NEEDS_A_PERSON) and not error.connection_invalidated


def kind_of(error: exc.DBAPIError) -> str:
    """Give the error's class and the database's own code: its text may hold values."""
    code = (
        getattr(error.orig, "sqlite_errorname", None)
        or _mysql_code(error)
        or getattr(error.orig, "sqlstate", None)
    )
    return f"{type(error).__name__}, {code}" if code else type(error).__name__


def _says(error: exc.DBAPIError, words: re.Pattern[str]) -> bool:
    """Tell whether a server says so while it is connected to; nothing was sent to it then."""
    return error.statement is None and words.search(str(error.orig)) is not None


def _raised_in(error: exc.DBAPIError) -> str | None:
    """Give the function of PostgreSQL's that refused, in a name that no language changes."""
    function: str | None = getattr(getattr(error.orig, "diag", None), "source_function", None)
    return function


def _mysql_code(error: exc.DBAPIError) -> int | None:
    """Give the number that MySQL's drivers put first; no other driver puts one there."""
    told = error.orig.args[:1] if error.orig is not None else ()
    return told[0] if told and isinstance(told[0], int) else None
