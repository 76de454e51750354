"""A database that can't be used, as an error that names the next step."""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy.exc import (
    DatabaseError,
    DataError,
    IntegrityError,
    NotSupportedError,
    ProgrammingError,
)

from sync.database import UnreadableValueError
from sync.errors import HoldersyncError, NotNowError, TellUserError

BUGS = (DataError, IntegrityError, NotSupportedError, ProgrammingError)
"""What only a mistake of ours can cause; a person could do nothing about it."""

BUSY = frozenset({sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED})
DAMAGED = frozenset({sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB})

LOCK_WAIT_ENDED = "55P03"
MISSING_RIGHT = "42501"
FOR_A_PERSON = ("28", "3D", "3F", "42501", "25006", "53100")
"""SQLSTATE classes and codes: credentials, no such database or schema, rights, read-only, full.
Source: PostgreSQL documentation, "PostgreSQL Error Codes"."""
REFUSALS = (
    "authentication failed",
    "does not exist",
    "no pg_hba.conf entry",
    "no password supplied",
)
"""A connection that the server refused comes without a code, only with the server's text."""


class DamagedError(Exception):
    """A ledger holds what no release wrote; the text says what, without a value."""


UNREADABLE = (DamagedError, UnreadableValueError, UnicodeDecodeError)
"""The last one comes from SQLite's driver, when even the error's text is damaged."""


@contextmanager
def told(where: str) -> Iterator[None]:
    """Tell a person when the ledger at `where` is missing, locked, full, read-only or broken.

    Raises:
        NotNowError: another program holds it, or its server can't be reached.
        TellUserError: a person has to do something about it.
    """
    try:
        yield
    except UNREADABLE as error:
        raise _damaged(where, error) from error
    except (DatabaseError, sqlite3.Error) as error:
        cause = error.orig if isinstance(error, DatabaseError) else error
        if isinstance(error, BUGS) and _state(cause) != MISSING_RIGHT:
            raise
        raise _error(where, cause) from error


def _error(where: str, cause: BaseException | None) -> HoldersyncError:
    if not isinstance(cause, sqlite3.Error):
        return _servers_error(where, cause)
    # The low byte is the code itself, the rest says more about it.
    code = getattr(cause, "sqlite_errorcode", None) or 0
    if code & 0xFF in BUSY:
        return _busy(where)
    if code & 0xFF in DAMAGED:
        return _damaged(where, cause)
    return TellUserError(_unusable(where, cause))


def _unusable(where: str, cause: Exception) -> str:
    return (
        f"the ledger {where} can't be used ({cause}): see that {Path(where).parent} exists, can be "
        "written and has room, and that the file is a ledger"
    )


def _damaged(where: str, cause: Exception) -> TellUserError:
    return TellUserError(
        f"{_unusable(where, cause)}. If it is one that was damaged: put a copy of it in its place; "
        "or move it away, and the next run makes a new one and reads "
        "HOLDERSYNC_INITIAL_LOOKBACK anew, what is older being left to holdersync backfill"
    )


def _servers_error(where: str, cause: BaseException | None) -> HoldersyncError:
    state = _state(cause)
    if state == LOCK_WAIT_ENDED:
        return _busy(where)
    said = " ".join(str(cause).split())
    if state.startswith(FOR_A_PERSON) or (not state and any(each in said for each in REFUSALS)):
        return TellUserError(
            f"the ledger {where} can't be used ({said}): see that HOLDERSYNC_LEDGER_URL names the "
            "right server, database and user, that the user may create and write tables there, and "
            "that the server has room"
        )
    return NotNowError(
        f"the ledger {where} can't be reached, or was lost ({said}); what was stored before is "
        "kept. If this lasts, see that the server is up and what HOLDERSYNC_LEDGER_URL says"
    )


def _state(cause: BaseException | None) -> str:
    return getattr(cause, "sqlstate", None) or ""


def _busy(where: str) -> NotNowError:
    return NotNowError(
        f"the ledger {where} is held by another program; what was stored before is kept"
    )
