"""Who is asked, and how far each one's activity was read by the scheduled runs."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, and_, func, or_, select, update
from sqlalchemy.engine import Connection

from sync.database import insert_into
from sync.ledger.bookmarks import COLUMNS, bookmark_in, drop_bookmark, of_reader, save_bookmark
from sync.ledger.findings import Stored, insert_new, open_letter, store_findings, store_letter
from sync.ledger.ledger import Ledger
from sync.ledger.listing import Listing, save_listing
from sync.ledger.tables import (
    assignments,
    backfill_customers,
    bookmarks,
    customers,
    unassignments,
)
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
LISTED = or_(customers.c.listed_at.is_not(None), customers.c.hinted_at.is_not(None))
"""Whom Voucherify named by the id that it uses itself; a person may have given a source_id."""
NAMED = or_(LISTED, customers.c.asked_at.is_not(None))
"""Whom Voucherify named in a list or an event, or answered for in a run."""
BATCH = 500


@dataclass(frozen=True, slots=True)
class Known:
    """A customer to ask, with what is known of earlier reads."""

    customer_id: CustomerId
    cursor: datetime | None
    bookmark: Bookmark | None


class RunProgress:
    """The scheduled runs' view of customers; one object per run.

    Who was read leaves the run's selection. So a clock that jumps neither makes a run ask
    somebody twice nor leave somebody out.

    Args:
        ledger: where it is kept.
        run_id: marks what this run selects and finds.
        started_at: when the run began; marks what it lists, and tells old hints from new ones.
    """

    def __init__(self, ledger: Ledger, run_id: str, started_at: datetime) -> None:
        self._ledger = ledger
        self._run_id = run_id
        self._started_at = started_at

    def select_named(self, customer_ids: Sequence[CustomerId]) -> None:
        """Take customers into this run that a person named."""
        with self._ledger.transaction() as connection:
            select_customers(connection, customer_ids, {"selected_by": self._run_id})

    def select_listed(
        self, customer_ids: Sequence[CustomerId], invalid: Iterable[Invalid], listing: Listing
    ) -> Stored:
        """Take customers into this run that Voucherify just named, and store how far that is."""
        named = {"selected_by": self._run_id, "listed_at": self._started_at, "gone_at": None}
        with self._ledger.transaction() as connection:
            select_customers(connection, customer_ids, named)
            save_listing(connection, listing)
            return self._store(connection, invalid, None, self._started_at)

    def select_known(self, *, hinted_only: bool) -> None:
        """Take everybody into this run who is known and not gone, or only who was hinted at.

        An id that only a person named, and that was never answered for, is that person's to name.
        """
        chosen = customers.c.hinted_at.is_not(None) if hinted_only else LISTED
        with self._ledger.transaction() as connection:
            connection.execute(
                update(customers)
                .where(customers.c.gone_at.is_(None), chosen)
                .values(selected_by=self._run_id)
            )

    def is_known(self, customer_id: CustomerId) -> bool:
        """Tell whether Voucherify ever named this customer, or answered for it."""
        with self._ledger.read_only() as connection:
            return is_known(connection, customer_id)

    def selected(self) -> int:
        """Count who is still to be asked in this run."""
        with self._ledger.read_only() as connection:
            mine = customers.c.selected_by == self._run_id
            return connection.execute(select(func.count()).where(mine)).scalar_one()

    def to_ask(self) -> Iterator[Known]:
        """Give this run's customers: hinted first, then never asked, then longest not asked."""
        rest = customers.c.hinted_at.is_(None)
        yield from self._in_batches(customers.c.hinted_at < self._started_at)
        yield from self._in_batches(and_(rest, customers.c.asked_at.is_(None)))
        yield from self._in_batches(and_(rest, customers.c.asked_at.is_not(None)))

    def hinted_meanwhile(self) -> Iterator[Known]:
        """Give who was hinted at since the run began and is still to be read."""
        yield from self._in_batches(customers.c.hinted_at >= self._started_at)

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
                .values(cursor=cursor, asked_at=now, hinted_at=None, gone_at=None, selected_by=None)
            )
            return self._store(connection, findings, customer_id, now)

    def restart(self, customer_id: CustomerId) -> None:
        """Drop a bookmark that Voucherify refused."""
        with self._ledger.transaction() as connection:
            drop_bookmark(connection, READER, customer_id)

    def postpone(self, customer_ids: Sequence[CustomerId], now: datetime) -> None:
        """Ask these after everybody else the next time; nothing was learned of them."""
        with self._ledger.transaction() as connection:
            for who in customer_ids:
                same = customers.c.customer_id == who
                connection.execute(
                    update(customers).where(same).values(asked_at=now, hinted_at=None)
                )

    def held_by(self, customer_id: CustomerId) -> tuple[Assignment, ...]:
        """Give the assignments of a customer that are known and not known to have ended."""
        with self._ledger.read_only() as connection:
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
        # Whoever was named by a source_id is asked by the real id in the same run.
        return store_findings(
            connection,
            findings,
            asked=asked,
            run_id=self._run_id,
            now=now,
            select_hinted=True,
        )

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
            .where(customers.c.selected_by == self._run_id)
            .where(condition)
            .order_by(customers.c.asked_at.nulls_first(), customers.c.customer_id)
            .limit(BATCH)
        )
        if last is not None:
            query = query.where(_behind(*last))
        with self._ledger.read_only() as connection:
            return [
                (Known(row.customer_id, row.cursor, bookmark_in(row)), row.asked_at)
                for row in connection.execute(query)
            ]


def is_known(connection: Connection, customer_id: CustomerId) -> bool:
    """Tell whether Voucherify ever named this customer, or answered for it."""
    named = select(customers.c.customer_id).where(customers.c.customer_id == customer_id, NAMED)
    answered = select(backfill_customers.c.customer_id).where(
        backfill_customers.c.customer_id == customer_id, backfill_customers.c.done.is_(True)
    )
    return connection.execute(named.union_all(answered).limit(1)).first() is not None


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


def select_customers(
    connection: Connection, customer_ids: Sequence[CustomerId], marks: Mapping[str, object]
) -> None:
    """Make customers known, and set these columns of theirs."""
    if not customer_ids:
        return
    rows = [{"customer_id": each, **marks} for each in dict.fromkeys(customer_ids)]
    statement = insert_into(connection, customers).values(rows)
    connection.execute(
        statement.on_conflict_do_update(index_elements=[customers.c.customer_id], set_=marks)
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
