"""Manual passes over a stated window, and how far each one got; cursors are not touched."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, and_, insert, null, select, update
from sqlalchemy.engine import Connection

from sync.database import insert_into
from sync.ledger.findings import Stored, insert_new
from sync.ledger.hints import is_news, take_up
from sync.ledger.ledger import Ledger
from sync.ledger.people import select_customers
from sync.ledger.reading import Known, Progress, Read
from sync.ledger.tables import backfill_customers, backfills
from sync.model.event import Hint, Invalid
from sync.model.unassignment import CustomerId
from sync.model.window import Window


@dataclass(frozen=True, slots=True)
class Backfill:
    """One manual pass; `listed` once all its customers are known.

    Until then `reached` is the creation time up to which the list of customers was read.
    """

    backfill_id: str
    window: Window
    listed: bool
    reached: datetime | None = None


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
    return Backfill(row.backfill_id, window, row.listed, row.listing_reached) if row else None


class BackfillProgress(Progress):
    """One backfill's view of customers; it moves no cursor and no bookmark of the runs.

    Args:
        ledger: where it is kept.
        backfill_id: marks how far each customer was read.
        run_id: marks what is found.
    """

    def __init__(self, ledger: Ledger, backfill_id: str, run_id: str) -> None:
        super().__init__(ledger, run_id, backfill_id)
        self._mine = backfills.c.backfill_id == backfill_id

    def select_named(self, customer_ids: Sequence[CustomerId]) -> None:
        """Take customers into this backfill that a person named."""
        with self._ledger.transaction() as connection:
            self._select(connection, self._remembered(connection, customer_ids))

    def select_listed(
        self,
        customer_ids: Sequence[CustomerId],
        invalid: Iterable[Invalid],
        now: datetime,
        reached: datetime | None = None,
    ) -> Stored:
        """Take customers into this backfill that Voucherify just named, and store how far that is.

        `reached` is the last one's creation time; None leaves the place as it is.
        """
        with self._ledger.transaction() as connection:
            kept = self._remembered(connection, customer_ids)
            self._select(connection, kept)
            select_customers(connection, kept, {"listed_at": now, "gone_at": None})
            if reached is not None:
                place = {"listing_reached": reached}
                connection.execute(update(backfills).where(self._mine).values(place))
            return self._store(connection, invalid, None, now)

    def all_selected(self) -> None:
        """Store that all customers of this backfill are known."""
        with self._ledger.transaction() as connection:
            connection.execute(update(backfills).where(self._mine).values(listed=True))

    def finish(self, now: datetime) -> None:
        """Store that nobody is left; another backfill of this window starts anew."""
        with self._ledger.transaction() as connection:
            connection.execute(update(backfills).where(self._mine).values(finished_at=now))

    def to_ask(self) -> Iterator[Known]:
        """Give the customers that are still to be read, those last who could not be read before."""
        for failed in (False, True):
            line = backfill_customers.c.failed.is_(failed)
            yield from self._people(and_(backfill_customers.c.hinted.is_(False), line))

    def hinted_meanwhile(self) -> Iterator[Known]:
        """Give who was hinted at in this window and is still to be read."""
        yield from self._people(backfill_customers.c.hinted.is_(True))

    def failed(self, customer_id: CustomerId, _now: datetime) -> None:
        """Ask after all others, when the backfill is resumed, whom it was not possible to read."""
        mine = and_(self._in_line(), backfill_customers.c.customer_id == customer_id)
        with self._ledger.transaction() as connection:
            connection.execute(update(backfill_customers).where(mine).values(failed=True))

    def postpone(self, customer_ids: Sequence[CustomerId], until: datetime) -> None:
        """Leave them as they are: whoever resumes the backfill asks them again."""

    def _people(self, who: ColumnElement[bool]) -> Iterator[Known]:
        customer_id = backfill_customers.c.customer_id
        people = select(customer_id, null().label("cursor"), null().label("hinted_at"))
        return self._in_batches(people, who, customer_id)

    def _select(self, connection: Connection, customer_ids: Sequence[CustomerId]) -> None:
        rows = [
            {"backfill_id": self._reader, "customer_id": each, "done": False, "hinted": False}
            for each in dict.fromkeys(customer_ids)
        ]
        # Whoever is in it already stays as it is.
        if rows:
            statement = insert_into(connection, backfill_customers).values(rows)
            connection.execute(statement.on_conflict_do_nothing())

    def _in_line(self) -> ColumnElement[bool]:
        return and_(
            backfill_customers.c.backfill_id == self._reader, backfill_customers.c.done.is_(False)
        )

    def _leave_line(self, connection: Connection, customer_id: CustomerId) -> None:
        mine = and_(self._in_line(), backfill_customers.c.customer_id == customer_id)
        connection.execute(update(backfill_customers).where(mine).values(done=True))

    def _plan(self, connection: Connection, read: Read, now: datetime) -> None:
        """Leave it as it is: a window that a person named says nothing of what follows it."""

    def _moved(self, *_: object) -> dict[str, object]:
        return {}

    def _follow(self, connection: Connection, hint: Hint) -> None:
        # Whoever is hinted at has to be read in this window too: a run reads another one.
        if is_news(connection, hint):
            row = {"customer_id": hint.customer_id, "done": False, "hinted": True}
            insert_new(connection, backfill_customers, {"backfill_id": self._reader, **row})
        take_up(connection, hint)
