"""Who is asked, and how far each one's activity was read: what a run and a backfill share."""

from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Select, func, literal, select, tuple_, update
from sqlalchemy.engine import Connection

from sync.ledger.bookmarks import COLUMNS, bookmark_in, drop_bookmark, of_reader, save_bookmark
from sync.ledger.findings import Stored, store_findings
from sync.ledger.forgotten import remembered
from sync.ledger.gone_codes import tell_gone_codes
from sync.ledger.ledger import Ledger
from sync.ledger.people import (
    drop_unknown,
    held_by,
    is_known,
    store_gone,
    told_of,
)
from sync.ledger.tables import bookmarks, customers
from sync.model.event import Assigned, Finding, Gone, Hint
from sync.model.unassignment import Assignment, CustomerId, HolderId
from sync.model.window import Bookmark, Window

BATCH = 500


@dataclass(frozen=True, slots=True)
class Known:
    """A customer to ask, with what is known of earlier reads.

    `hinted_at` is the time of the oldest event that a hint tells of and no read looked for yet.
    """

    customer_id: CustomerId
    cursor: datetime | None
    bookmark: Bookmark | None
    hinted_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Read:
    """A read of a customer, to the end: from `start` on; it `began` at Voucherify's time.

    `resumed`: an earlier run had begun it, and was cut off.
    """

    customer_id: CustomerId
    start: datetime
    began: datetime
    resumed: bool


class Progress(ABC):
    """Where a run, or a backfill, keeps what was found and how far it read.

    Both are stored together. Who was read, or is gone, leaves the line of those to be asked.
    `forgotten` counts whom this object kept out, since they are not to come back.

    Args:
        ledger: where it is kept.
        run_id: marks what is found.
        reader: whose bookmarks are meant.
    """

    def __init__(self, ledger: Ledger, run_id: str, reader: str) -> None:
        self._ledger = ledger
        self._run_id = run_id
        self._reader = reader
        self.forgotten = 0

    @abstractmethod
    def to_ask(self) -> Iterator[Known]:
        """Give who is to be read, in the right order."""

    @abstractmethod
    def hinted_meanwhile(self) -> Iterator[Known]:
        """Give who was hinted at and is still to be read."""

    @abstractmethod
    def failed(self, customer_id: CustomerId, now: datetime) -> None:
        """Ask after all others the next time whom it was not possible to read."""

    @abstractmethod
    def postpone(self, customer_ids: Sequence[CustomerId], until: datetime) -> None:
        """Ask these no sooner than at a time, unless a person wants it: they may be deleted."""

    @abstractmethod
    def _in_line(self) -> ColumnElement[bool]:
        """Tell who is still to be read."""

    @abstractmethod
    def _leave_line(self, connection: Connection, customer_id: CustomerId) -> None:
        """Take somebody out of the line."""

    @abstractmethod
    def _follow(self, connection: Connection, hint: Hint) -> None:
        """Take in whom a hint names."""

    @abstractmethod
    def _moved(self, read: Read, cursor: datetime | None, now: datetime) -> dict[str, object]:
        """Give what a customer's columns become after a read to the end."""

    @abstractmethod
    def _plan(self, connection: Connection, read: Read, now: datetime) -> None:
        """Decide when a customer who was read is due again, once all that was found is stored."""

    def _remembered(
        self, connection: Connection, customer_ids: Sequence[CustomerId]
    ) -> Sequence[CustomerId]:
        """Leave out, and count, who was to be forgotten."""
        named = list(dict.fromkeys(customer_ids))
        kept = remembered(connection, named)
        self.forgotten += len(named) - len(kept)
        return kept

    def selected(self) -> int:
        """Count who is still to be read."""
        with self._ledger.read_only() as connection:
            return connection.execute(select(func.count()).where(self._in_line())).scalar_one()

    def is_known(self, customer_id: CustomerId) -> bool:
        """Tell whether Voucherify ever named this customer, or answered for it."""
        with self._ledger.read_only() as connection:
            return is_known(connection, customer_id)

    def held_by(self, customer_id: CustomerId) -> tuple[Assignment, ...]:
        """Give the assignments of a customer that are known and not known to have ended."""
        with self._ledger.read_only() as connection:
            return held_by(connection, customer_id)

    def told_of(self, customer_id: CustomerId) -> tuple[HolderId, ...]:
        """Give whom a hint told to have ended, and of whom nothing else is known."""
        with self._ledger.read_only() as connection:
            return told_of(connection, customer_id)

    def page_read(
        self,
        customer_id: CustomerId,
        findings: Iterable[Finding],
        bookmark: Bookmark | None,
        now: datetime,
    ) -> Stored:
        """Store what a page held and where to go on; None keeps the bookmark as it is."""
        with self._ledger.transaction() as connection:
            if bookmark is not None:
                save_bookmark(connection, self._reader, customer_id, bookmark)
            return self._store(connection, findings, customer_id, now)

    def window_read(
        self,
        customer_id: CustomerId,
        window: Window,
        findings: Iterable[Finding],
        cursor: datetime | None,
        now: datetime,
        *,
        began: datetime | None = None,
        looked_from: datetime | None = None,
    ) -> Stored:
        """Store what the last page of a window held and, for a run, the new cursor.

        `began` is Voucherify's time when the read began, or `now`; what happened later it can't
        have seen. `looked_from` is where a read went on that had been cut off, if it was: nor can
        it have seen what a list shows too late, before that.
        """
        start, resumed = looked_from or window.start, looked_from is not None
        read = Read(customer_id, start, began or now, resumed)
        with self._ledger.transaction() as connection:
            drop_bookmark(connection, self._reader, customer_id)
            self._leave_line(connection, customer_id)
            stored = self._store(connection, findings, customer_id, now)
            told = tell_gone_codes(connection, customer_id, self._run_id, now)
            them = update(customers).where(customers.c.customer_id == customer_id)
            well = {"gone_at": None, "failures": 0, "doubted": False}
            connection.execute(them.values(well | self._moved(read, cursor, now)))
            self._plan(connection, read, now)
            return replace(stored, invalid=stored.invalid + told)

    def restart(self, customer_id: CustomerId) -> None:
        """Drop a bookmark that Voucherify refused."""
        with self._ledger.transaction() as connection:
            drop_bookmark(connection, self._reader, customer_id)

    def drop_unknown(self, customer_ids: Sequence[CustomerId]) -> None:
        """Keep nothing of ids that Voucherify never knew: a person may have named anything.

        A backfill that is still open keeps them in its own line.
        """
        for start in range(0, len(customer_ids), BATCH):
            these = customer_ids[start : start + BATCH]
            with self._ledger.transaction() as connection:
                drop_unknown(connection, these)

    def gone(self, gone: Gone, now: datetime) -> Stored:
        """Store that a customer was deleted, with what follows from it."""
        with self._ledger.transaction() as connection:
            drop_bookmark(connection, self._reader, gone.customer_id)
            self._leave_line(connection, gone.customer_id)
            return store_gone(connection, gone, self._run_id, now)

    def _store(
        self,
        connection: Connection,
        findings: Iterable[Finding],
        asked: CustomerId | None,
        now: datetime,
    ) -> Stored:
        found = tuple(findings)
        stored = store_findings(
            connection, found, asked=asked, run_id=self._run_id, now=now, follow=self._follow
        )
        told = self._tell_others(connection, found, asked, now)
        return replace(stored, invalid=stored.invalid + told)

    def _tell_others(
        self,
        connection: Connection,
        found: Sequence[Finding],
        asked: CustomerId | None,
        now: datetime,
    ) -> int:
        began = {one.assignment.customer_id for one in found if isinstance(one, Assigned)} - {asked}
        return sum(
            tell_gone_codes(connection, other, self._run_id, now, by_another=True)
            for other in sorted(began)
        )

    def _in_batches(
        self, people: Select[Any], who: ColumnElement[bool], *order: ColumnElement[Any]
    ) -> Iterator[Known]:
        """Give people in the order of columns that are in the row and never null."""
        customer_id, *_ = people.selected_columns
        query = (
            people.add_columns(*COLUMNS)
            .outerjoin(bookmarks, of_reader(self._reader, customer_id))
            .where(self._in_line(), who)
            .order_by(*order)
            .limit(BATCH)
        )
        last: Any = None
        while True:
            following = query if last is None else query.where(_behind(order, last))
            with self._ledger.read_only() as connection:
                batch = connection.execute(following).all()
            for row in batch:
                yield Known(row.customer_id, row.cursor, bookmark_in(row), row.hinted_at)
            if len(batch) < BATCH:
                return
            last = batch[-1]


def _behind(order: Sequence[ColumnElement[Any]], last: Any) -> ColumnElement[bool]:  # noqa: ANN401  # rows are typed by position only
    place = [literal(getattr(last, str(column.key)), column.type) for column in order]
    return tuple_(*order) > tuple_(*place)
