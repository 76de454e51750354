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

from sync.errors import NotNowError, TellUserError

BUGS = (DataError, IntegrityError, NotSupportedError, ProgrammingError)
"""What only a mistake of ours can cause; a person could do nothing about it."""


BUSY = frozenset({sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED})


@contextmanager
def told(where: str) -> Iterator[None]:
    """Tell a person when the ledger at `where` is missing, locked, full, read-only or broken.

    Raises:
        NotNowError: another program holds it.
        TellUserError: a person has to do something about it.
    """
    try:
        yield
    except BUGS:
        raise
    except (DatabaseError, sqlite3.Error) as error:
        cause = error.orig if isinstance(error, DatabaseError) else error
        if _is_busy(cause):
            msg = f"the ledger {where} is held by another program; what was stored before is kept"
            raise NotNowError(msg) from error
        folder = Path(where).parent
        msg = (
            f"the ledger {where} can't be used ({cause}): see that {folder} exists, can be written "
            "and has room, and that the file is a ledger"
        )
        raise TellUserError(msg) from error


def _is_busy(cause: BaseException | None) -> bool:
    # The low byte is the code itself, the rest says more about it.
    code = getattr(cause, "sqlite_errorcode", None)
    return code is not None and code & 0xFF in BUSY
