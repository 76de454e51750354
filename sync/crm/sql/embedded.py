"""The embedded CRM: one row per assignment, in any database that SQLAlchemy reaches.

A row is matched on its `holder_id` alone, so a newer assignment, which has another one, is never
touched; `superseded_by` changes nothing here. Unassigning sets status, time and event of the row
and leaves the rest; an unknown `holder_id` becomes a row of its own, so that nothing is lost.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager

import sqlalchemy as sa
from sqlalchemy import exc

from sync.crm.adapter import (
    BelievedHolder,
    Capability,
    Change,
    Fields,
    HeldNow,
    Outcome,
    Restored,
    Result,
    Unassignment,
)
from sync.crm.mapped.restoring import restore
from sync.crm.mapped.writer import LOST_RACE, CrmBusyError, Record, in_parts
from sync.crm.sql.database import (
    CHUNK,
    SqlDatabase,
    patience,
    refuses_row,
    rejected_by,
    retry_or_tell,
    unusable,
)
from sync.crm.sql.table import (
    ASSIGNED,
    ENDED_BY,
    UNASSIGNED,
    RaceLostError,
    end_assignment,
    insert_ended,
    metadata,
    read_assigned,
    read_rows,
    rewrite,
    shown_once_ended,
    table_exists,
    try_rights,
    voucher_assignments,
)
from sync.crm.sql.writing import write_rows
from sync.errors import UnavailableError

NAME = voucher_assignments.name


class EmbeddedTable:
    """The table `voucher_assignments`; the first `unassign` makes it if it is not there.

    `busy_timeout` is in seconds.
    """

    meaning = NAME
    capabilities = frozenset(
        {
            Capability.READS_BACK,
            Capability.REPORTS_NOT_FOUND,
            Capability.COMPARES_ON_SERVER,
            Capability.RESTORES,
            Capability.LISTS_ASSIGNED,
        }
    )

    def __init__(self, engine: sa.Engine, busy_timeout: float) -> None:
        prepares = patience(engine.dialect.name, busy_timeout)
        self._database = SqlDatabase(engine, prepares=prepares)

    @property
    def place(self) -> str:
        """The database and the table."""
        return f"{self._database.place}, table {NAME}"

    def check(self) -> Sequence[str]:
        """Look at place, columns and rights; what the first `unassign` will make is not missed."""
        try:
            with self._reading() as connection:
                if connection is not None and self._database.file is None:
                    try_rights(connection)
        except exc.DBAPIError as error:
            raise unusable(error) from None
        return ()

    def ask_by(self, _held_now: HeldNow) -> None:
        """Nothing is cleared by its code here, so nothing is asked."""

    def preview(self, batch: Sequence[Unassignment]) -> Sequence[Outcome]:
        """Say what `unassign` would answer now; makes neither file nor table."""
        known: dict[str, Fields] = {}
        try:
            with self._reading() as connection:
                if connection is not None:
                    for chunk in in_parts(batch, CHUNK):
                        known |= read_rows(connection, [each.holder_id for each in chunk])
        except exc.DBAPIError as error:
            return [retry_or_tell(error, NAME)] * len(batch)
        return decide_all(batch, known)

    def assigned(self, after: str | None, at_most: int) -> Sequence[BelievedHolder]:
        """Give the rows that are not ended, by their holder's id; makes neither file nor table."""
        try:
            with self._reading() as connection:
                return [] if connection is None else read_assigned(connection, after, at_most)
        except exc.DBAPIError as error:
            told = retry_or_tell(error, NAME)
            msg = f"the CRM can't be listed now: {told.reason}"
            raise UnavailableError(msg) from None

    def unassign(self, batch: Sequence[Unassignment]) -> Sequence[Outcome]:
        """End each assignment; once the database fails, the rest is `RETRY` without trying."""
        outcomes: list[Outcome] = []
        try:
            for outcome in self._unassigned(batch):
                outcomes.append(outcome)  # noqa: PERF402 (what came before an error must be kept)
        except exc.DBAPIError as error:
            outcomes += [retry_or_tell(error, NAME)] * (len(batch) - len(outcomes))
        return outcomes

    def restore(self, changes: Sequence[Change], *, dry_run: bool) -> Sequence[Restored]:
        """Write back what rows showed, where they still show what `unassign` left."""
        return restore(_Rows(self._database), _Compared(), changes, dry_run=dry_run)

    def _unassigned(self, batch: Sequence[Unassignment]) -> Iterator[Outcome]:
        """Yield each outcome after its transaction; a refused row costs its chunk the speed."""
        for chunk in in_parts(batch, CHUNK):
            try:
                outcomes = self._in_one_transaction(chunk)
            except RaceLostError:
                yield from map(self._alone, chunk)
            except exc.DBAPIError as error:
                if not refuses_row(error):
                    raise
                yield from map(self._alone, chunk)
            else:
                yield from outcomes

    def _in_one_transaction(self, chunk: Sequence[Unassignment]) -> list[Outcome]:
        self._database.require_place()
        with self._database.transaction("BEGIN IMMEDIATE") as connection:
            if not table_exists(connection):
                metadata.create_all(connection)
            known = read_rows(connection, [each.holder_id for each in chunk])
            outcomes = decide_all(chunk, known)
            for unassignment, outcome in zip(chunk, outcomes, strict=True):
                if outcome.result is Result.REMOVED:
                    end_assignment(connection, unassignment)
                elif outcome.result is Result.ASSIGNMENT_NOT_FOUND:
                    insert_ended(connection, unassignment)
        return outcomes

    def _alone(self, unassignment: Unassignment) -> Outcome:
        """Try one row, and once more: a race that was lost is decided by reading again."""
        outcome = Outcome.retry("another writer changes this row at the same time")
        for _ in range(2):
            try:
                return self._in_one_transaction([unassignment])[0]
            except RaceLostError:
                continue
            except exc.DBAPIError as error:
                if not refuses_row(error):
                    raise
                outcome = rejected_by(error, NAME)
        return outcome

    @contextmanager
    def _reading(self) -> Iterator[sa.Connection | None]:
        """A connection on which the table is; None while there is no file or no table."""
        self._database.require_place()
        if not self._database.is_there:
            yield None
            return
        with self._database.transaction("BEGIN") as connection:
            yield connection if table_exists(connection) else None


def decide(status: str | None) -> Outcome:
    """Decide what an unassignment means for a row, by the row's status (None: no such row)."""
    if status is None:
        return Outcome(Result.ASSIGNMENT_NOT_FOUND)
    if status == ASSIGNED:
        return Outcome(Result.REMOVED)
    if status == UNASSIGNED:
        return Outcome(Result.ALREADY_REMOVED)
    reason = f"the row's status is neither {ASSIGNED} nor {UNASSIGNED}: correct it in the table"
    return Outcome.rejected(reason)


def decide_all(batch: Sequence[Unassignment], known: Mapping[str, Fields]) -> list[Outcome]:
    """Decide a batch in order: a repeated `holder_id` meets what the one before it left.

    `known` is what each row that is there shows, by `holder_id`.
    """
    statuses = {holder_id: shown["status"] for holder_id, shown in known.items()}
    outcomes = []
    for unassignment in batch:
        holder_id = unassignment.holder_id
        outcome = decide(statuses.get(holder_id))
        if outcome.result is Result.REMOVED:
            change = Change(holder_id, known[holder_id], shown_once_ended(unassignment))
            outcome = Outcome(Result.REMOVED, change=change)
        if outcome.result is not Result.REJECTED:
            statuses[holder_id] = UNASSIGNED
        outcomes.append(outcome)
    return outcomes


class _Compared:
    """What is compared before something is written back: all that `unassign` wrote."""

    fields = ENDED_BY
    told: frozenset[str] = frozenset()
    fixed: frozenset[str] = frozenset()


class _Rows:
    """The table as records to be written back, by `holder_id`."""

    at_once = CHUNK

    def __init__(self, database: SqlDatabase) -> None:
        self._database = database

    def find(
        self,
        where: str | None,  # noqa: ARG002 (always by holder id)
        values: Sequence[str],
        fields: Sequence[str],  # noqa: ARG002 (always the same)
    ) -> Mapping[str, Sequence[Record]]:
        self._database.require_place()
        if not self._database.is_there:
            return {}
        try:
            with self._database.transaction("BEGIN") as connection:
                known = read_rows(connection, values) if table_exists(connection) else {}
        except exc.DBAPIError as error:
            raise CrmBusyError(retry_or_tell(error, NAME)) from None
        return {holder_id: [Record(holder_id, shown)] for holder_id, shown in known.items()}

    def write(self, changes: Sequence[Change]) -> Sequence[Outcome | None]:
        return write_rows(self._database, NAME, changes, _write_back)


def _write_back(connection: sa.Connection, change: Change) -> Outcome | None:
    return None if rewrite(connection, change) else LOST_RACE
