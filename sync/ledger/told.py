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

from sync.errors import TellUserError

BUGS = (DataError, IntegrityError, NotSupportedError, ProgrammingError)
"""What only a mistake of ours can cause; a person could do nothing about it."""


@contextmanager
def told(where: str) -> Iterator[None]:
    """Tell a person when the ledger at `where` is missing, locked, full, read-only or broken.

    Raises:
        TellUserError: the database can't be used.
    """
    try:
        yield
    except BUGS:
        raise
    except (DatabaseError, sqlite3.Error) as error:
        cause = error.orig if isinstance(error, DatabaseError) else error
        folder = Path(where).parent
        msg = (
            f"the ledger {where} can't be used ({cause}): see that {folder} exists, can be written "
            "and has room, that the file is a ledger, and that no other program holds it"
        )
        raise TellUserError(msg) from error
