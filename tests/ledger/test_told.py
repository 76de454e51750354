"""A database that can't be used: what a person has to mend, and what the next run may find well."""

import sqlite3

import pytest
from sqlalchemy.exc import DataError, IntegrityError, NotSupportedError, ProgrammingError
from sqlalchemy.exc import OperationalError as SqlAlchemyError

from sync.errors import NotNowError, TellUserError
from sync.ledger.told import told

HELD = [
    sqlite3.SQLITE_BUSY,
    sqlite3.SQLITE_BUSY_RECOVERY,
    sqlite3.SQLITE_BUSY_SNAPSHOT,
    sqlite3.SQLITE_BUSY_TIMEOUT,
    sqlite3.SQLITE_LOCKED,
    sqlite3.SQLITE_LOCKED_SHAREDCACHE,
]
BROKEN = [
    sqlite3.SQLITE_FULL,
    sqlite3.SQLITE_READONLY,
    sqlite3.SQLITE_READONLY_DIRECTORY,
    sqlite3.SQLITE_IOERR,
    sqlite3.SQLITE_CORRUPT,
    sqlite3.SQLITE_NOTADB,
    sqlite3.SQLITE_CANTOPEN,
    None,
]


def failure(code):
    error = sqlite3.OperationalError("it failed")
    if code is not None:
        error.sqlite_errorcode = code
    return error


def wrapped(error):
    return SqlAlchemyError("SELECT 1", {}, error)


def broken_by(error):
    """Use a ledger, and let this come of it."""
    with told("/x/ledger.db"):
        raise error


@pytest.mark.parametrize("as_raised", [wrapped, lambda error: error], ids=["wrapped", "bare"])
@pytest.mark.parametrize("code", HELD)
def test_what_another_program_holds_may_be_free_for_the_next_run(code, as_raised):
    with pytest.raises(NotNowError, match=r"ledger /x/ledger\.db is held by another") as not_now:
        broken_by(as_raised(failure(code)))

    assert not_now.value.exit_code == 69


@pytest.mark.parametrize("as_raised", [wrapped, lambda error: error], ids=["wrapped", "bare"])
@pytest.mark.parametrize("code", BROKEN)
def test_anything_else_is_for_a_person(code, as_raised):
    with pytest.raises(TellUserError, match=r"can't be used \(it failed\): see that /x exists"):
        broken_by(as_raised(failure(code)))


@pytest.mark.parametrize("bug", [DataError, IntegrityError, NotSupportedError, ProgrammingError])
def test_a_mistake_of_ours_stays_one(bug):
    statement = "SELECT 1"

    with pytest.raises(bug):
        broken_by(bug(statement, {}, failure(sqlite3.SQLITE_BUSY)))
