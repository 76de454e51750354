"""Manual passes over a stated window, and how far each one got; cursors are not touched."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, and_, func, insert, select, update
from sqlalchemy.engine import Connection

from sync.database import insert_into
from sync.ledger.bookmarks import COLUMNS, bookmark_in, drop_bookmark, of_reader, save_bookmark
from sync.ledger.findings import Stored, insert_new, is_news, store_findings
from sync.ledger.ledger import Ledger
from sync.ledger.reading import BATCH, Known, held_by, is_known, select_customers, store_gone
from sync.ledger.tables import backfill_customers, backfills, bookmarks, customers
from sync.model.event import Finding, Gone, Hint, Invalid
from sync.model.unassignment import Assignment, CustomerId
from sync.model.window import Bookmark, Window


@dataclass(frozen=True, slots=True)
class Backfill:
    """One manual pass; `listed` once all its customers are known."""

    backfill_id: str
    window: Window
    listed: bool


def unfinished(ledger: Ledger, window: Window, selection: str) -> Backfill | None:
    """Give the backfill of this window and selection that was cut short, if there is one.

    `selection` names the customers, for example `all`; another selection is another backfill.
    """
    with ledger.read_only() as connection:
        return _unfinished(connection, window, selection)


def begin(ledger: Ledger, new_id: str, window: Window, selection: str, now: datetime) -> Backfill:
    """Go on with the unfinished backfill of this window and selection, or begin one."""
    values = {
        "backfill_id": new_id,
        "window_start": window.start,
        "window_end": window.end,
        "selection": selection,
        "listed": False,
        "started_at": now,
    }
    with ledger.transaction() as connection:
        open_one = _unfinished(connection, window, selection)
        if open_one is not None:
            return open_one
        connection.execute(insert(backfills).values(values))
    return Backfill(new_id, window, listed=False)


def _unfinished(connection: Connection, window: Window, selection: str) -> Backfill | None:
    same = and_(
        backfills.c.window_start == window.start,
        backfills.c.window_end == window.end,
        backfills.c.selection == selection,
        backfills.c.finished_at.is_(None),
    )
    row = connection.execute(select(backfills).where(same)).first()
    return Backfill(row.backfill_id, window, row.listed) if row else None


class BackfillProgress:
    """One backfill's view of customers; the counterpart of `RunProgress`."""

    def __init__(self, ledger: Ledger, backfill_id: str, run_id: str) -> None:
        self._ledger = ledger
        self._id = backfill_id
        self._run_id = run_id

    def select_named(self, customer_ids: Sequence[CustomerId]) -> None:
        """Take customers into this backfill that a person named."""
        with self._ledger.transaction() as connection:
            self._select(connection, customer_ids)

    def select_listed(
        self, customer_ids: Sequence[CustomerId], invalid: Iterable[Invalid], now: datetime
    ) -> Stored:
        """Take customers into this backfill that Voucherify just named."""
        with self._ledger.transaction() as connection:
            self._select(connection, customer_ids)
            marks = {"listed_at": now, "gone_at": None}
            select_customers(connection, customer_ids, marks)
            return store_findings(connection, invalid, asked=None, run_id=self._run_id, now=now)

    def _select(self, connection: Connection, customer_ids: Sequence[CustomerId]) -> None:
        rows = [
            {"backfill_id": self._id, "customer_id": each, "done": False, "hinted": False}
            for each in dict.fromkeys(customer_ids)
        ]
        # Whoever is in it already stays as it is.
        if rows:
            statement = insert_into(connection, backfill_customers).values(rows)
            connection.execute(statement.on_conflict_do_nothing())

    def all_selected(self) -> None:
        """Store that all customers of this backfill are known."""
        with self._ledger.transaction() as connection:
            mine = backfills.c.backfill_id == self._id
            connection.execute(update(backfills).where(mine).values(listed=True))

    def selected(self) -> int:
        """Count who is still to be read."""
        with self._ledger.read_only() as connection:
            return connection.execute(select(func.count()).where(self._to_do())).scalar_one()

    def is_known(self, customer_id: CustomerId) -> bool:
        """Tell whether Voucherify ever named this customer, or answered for it."""
        with self._ledger.read_only() as connection:
            return is_known(connection, customer_id)

    def to_ask(self) -> Iterator[Known]:
        """Give the customers that are still to be read."""
        yield from self._in_batches(backfill_customers.c.hinted.is_(False))

    def hinted_meanwhile(self) -> Iterator[Known]:
        """Give who was hinted at in this window and is still to be read."""
        yield from self._in_batches(backfill_customers.c.hinted.is_(True))

    def _in_batches(self, condition: ColumnElement[bool]) -> Iterator[Known]:
        last = ""
        while True:
            query = (
                select(backfill_customers.c.customer_id, *COLUMNS)
                .outerjoin(bookmarks, of_reader(self._id, backfill_customers.c.customer_id))
                .where(self._to_do(), condition, backfill_customers.c.customer_id > last)
                .order_by(backfill_customers.c.customer_id)
                .limit(BATCH)
            )
            with self._ledger.read_only() as connection:
                batch = [
                    Known(CustomerId(row.customer_id), None, bookmark_in(row))
                    for row in connection.execute(query)
                ]
            yield from batch
            if len(batch) < BATCH:
                return
            last = batch[-1].customer_id

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
                save_bookmark(connection, self._id, customer_id, bookmark)
            return self._store(connection, findings, customer_id, now)

    def window_read(
        self,
        customer_id: CustomerId,
        findings: Iterable[Finding],
        cursor: datetime | None,  # noqa: ARG002  # a backfill never moves a cursor
        now: datetime,
    ) -> Stored:
        """Store what the last page held, and that this customer is done."""
        with self._ledger.transaction() as connection:
            self._done(connection, customer_id)
            back = update(customers).where(customers.c.customer_id == customer_id)
            connection.execute(back.values(gone_at=None))
            return self._store(connection, findings, customer_id, now)

    def restart(self, customer_id: CustomerId) -> None:
        """Drop a bookmark that Voucherify refused."""
        with self._ledger.transaction() as connection:
            drop_bookmark(connection, self._id, customer_id)

    def postpone(self, customer_ids: Sequence[CustomerId], now: datetime) -> None:
        """Leave them as they are: whoever resumes the backfill asks them again."""

    def held_by(self, customer_id: CustomerId) -> tuple[Assignment, ...]:
        """Give the assignments of a customer that are known and not known to have ended."""
        with self._ledger.read_only() as connection:
            return held_by(connection, customer_id)

    def gone(self, gone: Gone, now: datetime) -> Stored:
        """Store that a customer was deleted, with what follows from it."""
        with self._ledger.transaction() as connection:
            self._done(connection, gone.customer_id)
            return store_gone(connection, gone, self._run_id, now)

    def finish(self, now: datetime) -> None:
        """Store that nobody is left; another backfill of this window starts anew."""
        with self._ledger.transaction() as connection:
            mine = backfills.c.backfill_id == self._id
            connection.execute(update(backfills).where(mine).values(finished_at=now))

    def _store(
        self,
        connection: Connection,
        findings: Iterable[Finding],
        asked: CustomerId,
        now: datetime,
    ) -> Stored:
        # Whoever is hinted at has to be read in this window too: a run reads another one.
        kept = tuple(findings)
        for hint in kept:
            if isinstance(hint, Hint) and is_news(connection, hint):
                row = {"customer_id": hint.customer_id, "done": False, "hinted": True}
                insert_new(connection, backfill_customers, {"backfill_id": self._id, **row})
        return store_findings(connection, kept, asked=asked, run_id=self._run_id, now=now)

    def _to_do(self) -> ColumnElement[bool]:
        return and_(
            backfill_customers.c.backfill_id == self._id, backfill_customers.c.done.is_(False)
        )

    def _done(self, connection: Connection, customer_id: CustomerId) -> None:
        drop_bookmark(connection, self._id, customer_id)
        mine = and_(self._to_do(), backfill_customers.c.customer_id == customer_id)
        connection.execute(update(backfill_customers).where(mine).values(done=True))
