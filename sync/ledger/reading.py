"""Who is asked, and how far each one's activity was read by the scheduled runs."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, and_, func, or_, select, update
from sqlalchemy.engine import Connection

from sync.database import insert_into
from sync.ledger.bookmarks import COLUMNS, bookmark_in, drop_bookmark, of_reader, save_bookmark
from sync.ledger.findings import Stored, insert_new, open_letter, store_findings, store_letter
from sync.ledger.ledger import Ledger
from sync.ledger.tables import assignments, bookmarks, customers, unassignments
from sync.model.event import Finding, Gone, Invalid, Unassigned
from sync.model.unassignment import (
    Assignment,
    CampaignId,
    CustomerId,
    HolderId,
    VoucherId,
)
from sync.model.window import Bookmark

READER = "run"
BATCH = 500


@dataclass(frozen=True, slots=True)
class Known:
    """A customer to ask, with what is known of earlier reads."""

    customer_id: CustomerId
    cursor: datetime | None
    bookmark: Bookmark | None


class Reading:
    """The scheduled runs' view of customers; one object per run.

    Who was read leaves the run's selection. So a clock that jumps neither makes a run ask
    somebody twice nor leave somebody out.

    Args:
        ledger: where it is kept.
        run_id: marks what this run selects and finds.
        started_at: when the run began; a hint that came later is for the next run.
    """

    def __init__(self, ledger: Ledger, run_id: str, started_at: datetime) -> None:
        self._ledger = ledger
        self._run_id = run_id
        self._started_at = started_at

    def select(
        self, customer_ids: Sequence[CustomerId], *, listed: bool, invalid: Iterable[Invalid] = ()
    ) -> Stored:
        """Take customers into this run; `listed` if Voucherify itself just named them."""
        with self._ledger.transaction() as connection:
            _select(connection, customer_ids, self._run_id, listed=listed)
            return self._store(connection, invalid, None, self._started_at)

    def select_known(self) -> None:
        """Take everybody into this run who is known and not gone."""
        with self._ledger.transaction() as connection:
            connection.execute(
                update(customers)
                .where(customers.c.gone_at.is_(None))
                .values(selected_by=self._run_id)
            )

    def selected(self) -> int:
        """Count who is still to be asked in this run."""
        with self._ledger.reading() as connection:
            mine = and_(customers.c.selected_by == self._run_id, customers.c.gone_at.is_(None))
            return connection.execute(select(func.count()).where(mine)).scalar_one()

    def to_ask(self) -> Iterator[Known]:
        """Give this run's customers: hinted first, then never asked, then longest not asked."""
        hinted = customers.c.hinted_at < self._started_at
        rest = or_(customers.c.hinted_at.is_(None), customers.c.hinted_at >= self._started_at)
        yield from self._in_batches(hinted)
        yield from self._in_batches(and_(rest, customers.c.asked_at.is_(None)))
        yield from self._in_batches(and_(rest, customers.c.asked_at.is_not(None)))

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
                save_bookmark(connection, READER, customer_id, bookmark)
            return self._store(connection, findings, customer_id, now)

    def window_read(
        self,
        customer_id: CustomerId,
        findings: Iterable[Finding],
        cursor: datetime | None,
        now: datetime,
    ) -> Stored:
        """Store what the last page held and the new cursor."""
        with self._ledger.transaction() as connection:
            drop_bookmark(connection, READER, customer_id)
            connection.execute(
                update(customers)
                .where(customers.c.customer_id == customer_id)
                .values(cursor=cursor, asked_at=now, hinted_at=None, selected_by=None)
            )
            return self._store(connection, findings, customer_id, now)

    def restart(self, customer_id: CustomerId) -> None:
        """Drop a bookmark that Voucherify refused."""
        with self._ledger.transaction() as connection:
            drop_bookmark(connection, READER, customer_id)

    def held_by(self, customer_id: CustomerId) -> tuple[Assignment, ...]:
        """Give the assignments of a customer that are known and not known to have ended."""
        with self._ledger.reading() as connection:
            return held_by(connection, customer_id)

    def gone(self, gone: Gone, now: datetime) -> Stored:
        """Store that a customer was deleted, with what follows from it."""
        with self._ledger.transaction() as connection:
            drop_bookmark(connection, READER, gone.customer_id)
            return store_gone(connection, gone, self._run_id, now)

    def _store(
        self,
        connection: Connection,
        findings: Iterable[Finding],
        asked: CustomerId | None,
        now: datetime,
    ) -> Stored:
        return store_findings(connection, findings, asked=asked, run_id=self._run_id, now=now)

    def _in_batches(self, condition: ColumnElement[bool]) -> Iterator[Known]:
        last: tuple[datetime | None, str] | None = None
        while True:
            batch = self._batch(condition, last)
            yield from (known for known, _ in batch)
            if len(batch) < BATCH:
                return
            known, asked_at = batch[-1]
            last = (asked_at, known.customer_id)

    def _batch(
        self, condition: ColumnElement[bool], last: tuple[datetime | None, str] | None
    ) -> list[tuple[Known, datetime | None]]:
        query = (
            select(customers.c.customer_id, customers.c.cursor, customers.c.asked_at, *COLUMNS)
            .outerjoin(bookmarks, of_reader(READER, customers.c.customer_id))
            .where(customers.c.selected_by == self._run_id, customers.c.gone_at.is_(None))
            .where(condition)
            .order_by(customers.c.asked_at.nulls_first(), customers.c.customer_id)
            .limit(BATCH)
        )
        if last is not None:
            query = query.where(_behind(*last))
        with self._ledger.reading() as connection:
            return [
                (Known(row.customer_id, row.cursor, bookmark_in(row)), row.asked_at)
                for row in connection.execute(query)
            ]


def held_by(connection: Connection, customer_id: CustomerId) -> tuple[Assignment, ...]:
    """Give the assignments of a customer that are known and not known to have ended."""
    ended = select(unassignments.c.holder_id)
    rows = connection.execute(
        select(assignments)
        .where(assignments.c.customer_id == customer_id, assignments.c.holder_id.not_in(ended))
        .order_by(assignments.c.assigned_at)
    )
    return tuple(
        Assignment(
            holder_id=HolderId(row.holder_id),
            customer_id=CustomerId(row.customer_id),
            voucher_id=VoucherId(row.voucher_id),
            code=row.code,
            campaign_id=CampaignId(row.campaign_id) if row.campaign_id else None,
            role=row.role,
            assigned_at=row.assigned_at,
        )
        for row in rows
    )


def store_gone(connection: Connection, gone: Gone, run_id: str, now: datetime) -> Stored:
    """Store that a customer was deleted, with what follows from it."""
    who = gone.customer_id
    is_news = _mark_gone(connection, who, now)
    found = [Unassigned(each) for each in gone.derived]
    stored = store_findings(connection, found, asked=who, run_id=run_id, now=now)
    if gone.letter is None:
        return stored
    fields = {"customer_id": who, "found_at": now, "found_by": run_id}
    write = open_letter if is_news else store_letter
    is_new = write(connection, f"customer:{who}", "customer", gone.letter, **fields)
    return Stored(stored.new, stored.invalid + is_new)


def _mark_gone(connection: Connection, customer_id: CustomerId, now: datetime) -> bool:
    """Tell whether this is news: a customer may come back and be deleted once more."""
    values = {"gone_at": now, "asked_at": now, "hinted_at": None, "selected_by": None}
    if insert_new(connection, customers, {"customer_id": customer_id, **values}):
        return True
    same = customers.c.customer_id == customer_id
    was_here = update(customers).where(same, customers.c.gone_at.is_(None))
    return bool(connection.execute(was_here.values(values)).rowcount)


def _select(
    connection: Connection, customer_ids: Sequence[CustomerId], run_id: str, *, listed: bool
) -> None:
    if not customer_ids:
        return
    changed: dict[str, object] = {"selected_by": run_id}
    if listed:
        changed["gone_at"] = None
    rows = [{"customer_id": each, "selected_by": run_id} for each in dict.fromkeys(customer_ids)]
    statement = insert_into(connection, customers).values(rows)
    connection.execute(
        statement.on_conflict_do_update(index_elements=[customers.c.customer_id], set_=changed)
    )


def _behind(asked_at: datetime | None, customer_id: str) -> ColumnElement[bool]:
    # Within one batch query asked_at is null for all rows or for none, except among the hinted.
    if asked_at is None:
        return or_(
            customers.c.asked_at.is_not(None),
            and_(customers.c.asked_at.is_(None), customers.c.customer_id > customer_id),
        )
    return or_(
        customers.c.asked_at > asked_at,
        and_(customers.c.asked_at == asked_at, customers.c.customer_id > customer_id),
    )
