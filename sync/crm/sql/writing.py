"""Writes changes into the rows of one table: many in one transaction, or each in its own.

A row that the database refuses, or that somebody else holds, takes its transaction with it. So then
each is written alone, and it concerns only that one.
"""

from collections.abc import Callable, Sequence

import sqlalchemy as sa
from sqlalchemy import exc

from sync.crm.adapter import Change, CredentialsRefusedError, Outcome, TellUserError
from sync.crm.mapped.writer import CrmBusyError
from sync.crm.sql.database import SqlDatabase, is_locked, refuses_row, rejected_by, retry_or_tell

LOCKED_ROWS = 3
"""Rows held by somebody else after which the rest is not tried: each of them took its time."""

WriteOne = Callable[[sa.Connection, Change], Outcome | None]
"""Writes one change by a comparing statement; None, or why it was not written."""


class SeveralRowsError(Exception):
    """A statement for one row would have changed more of them."""


def write_rows(
    database: SqlDatabase, table: str, changes: Sequence[Change], write_one: WriteOne
) -> Sequence[Outcome | None]:
    """Do what `Records.write` promises."""
    try:
        with database.transaction("BEGIN IMMEDIATE") as connection:
            return [write_one(connection, change) for change in changes]
    except SeveralRowsError:
        pass
    except exc.DBAPIError as error:
        if not (refuses_row(error) or is_locked(error)):
            raise CrmBusyError(retry_or_tell(error, table)) from None
    return _each_alone(database, table, changes, write_one)


def _each_alone(
    database: SqlDatabase, table: str, changes: Sequence[Change], write_one: WriteOne
) -> Sequence[Outcome | None]:
    """Write one after the other; once the database fails, what was written stays told."""
    outcomes: list[Outcome | None] = []
    locked = 0
    for change in changes:
        try:
            with database.transaction("BEGIN IMMEDIATE") as connection:
                outcome = write_one(connection, change)
        except SeveralRowsError:
            outcome = Outcome.rejected(f"several rows of {table} have this key: give each its own")
        except exc.DBAPIError as error:
            locked += is_locked(error)
            if refuses_row(error):
                outcome = rejected_by(error, table)
            elif is_locked(error) and locked < LOCKED_ROWS:
                outcome = retry_or_tell(error, table)
            else:
                later = _later(error, table, is_first=not outcomes)
                return [*outcomes, *[later] * (len(changes) - len(outcomes))]
        outcomes.append(outcome)
    return outcomes


def _later(error: exc.DBAPIError, table: str, *, is_first: bool) -> Outcome:
    """Say why the rest has to wait: what a person must mend is told when nothing would be lost."""
    try:
        return retry_or_tell(error, table)
    except (CredentialsRefusedError, TellUserError) as told:
        if is_first:
            raise
        return Outcome.retry(str(told))
