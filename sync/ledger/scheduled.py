"""Who is asked by the scheduled runs, in which order, and when each is due again."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, and_, not_, or_, select, update
from sqlalchemy.engine import Connection

from sync.ledger.findings import Stored
from sync.ledger.hints import EVER, is_awaited, still_hinted, take_up
from sync.ledger.ledger import Ledger
from sync.ledger.listing import Listing, save_listing
from sync.ledger.people import select_customers
from sync.ledger.planning import candidates_among, count_due, holding_of
from sync.ledger.reading import Known, Progress, Read
from sync.ledger.tables import customers
from sync.model.event import Hint, Invalid
from sync.model.unassignment import CustomerId


class RunProgress(Progress):
    """The scheduled runs' view of customers; one object per run.

    A clock that jumps neither makes a run ask somebody twice nor leave somebody out.

    Args:
        ledger: where it is kept.
        run_id: marks what this run selects, reads and finds.
        started_at: when the run began; marks what it lists.
        due: when a customer is due again, in seconds since 1970, from how much it is known to
            hold, how many reads failed in a row, and the time of the last one; without it, whoever
            was read longest ago is due first.
        covered: what the looks at codes follow needs no reads of its own.
        lookback: an unassignment that news tells of may be listed so late, and is read for again.
    """

    def __init__(
        self,
        ledger: Ledger,
        run_id: str,
        started_at: datetime,
        *,
        due: Callable[[int, int, datetime], float] | None = None,
        covered: bool = False,
        lookback: timedelta | None = None,
    ) -> None:
        super().__init__(ledger, run_id, "run")
        self._started_at = started_at
        self._due = due or _at_once
        self._covered = covered
        self._lookback = lookback

    def select_named(self, customer_ids: Sequence[CustomerId]) -> None:
        """Take customers into this run that a person named."""
        with self._ledger.transaction() as connection:
            kept = self._remembered(connection, customer_ids)
            select_customers(connection, kept, {"selected_by": self._run_id})

    def select_listed(
        self, customer_ids: Sequence[CustomerId], invalid: Iterable[Invalid], listing: Listing
    ) -> Stored:
        """Take customers into this run that Voucherify just named, and store how far that is."""
        named = {"selected_by": self._run_id, "listed_at": self._started_at, "gone_at": None}
        with self._ledger.transaction() as connection:
            select_customers(connection, self._remembered(connection, customer_ids), named)
            save_listing(connection, listing)
            return self._store(connection, invalid, None, self._started_at)

    def select_hinted(self) -> int:
        """Take everybody into this run who was hinted at; give their number.

        Whoever can't be read is taken when due, or many such would keep a run from all others. A
        hint at somebody who is gone came later than that: those are asked for once more.
        """
        at = self._started_at.timestamp()
        again = or_(customers.c.failures == 0, customers.c.due_at <= at)
        return self._take_all(and_(customers.c.hinted_at > EVER, again))

    def select_doubted(self) -> int:
        """Take everybody into this run whose deletion was doubted; give their number."""
        return self._take_all(and_(customers.c.doubted.is_(True), customers.c.gone_at.is_(None)))

    def select_next(self, seen: int, others: int, *, listed: bool) -> None:
        """Take so many into this run as are due first: of those who hold something, of all others.

        `listed` says whether the others are candidates at all.
        """
        with self._ledger.transaction() as connection:
            for line, at_most in ((True, seen), (False, others)):
                first = (
                    select(customers.c.customer_id)
                    .where(customers.c.seen.is_(line), candidates_among(listed=listed))
                    .order_by(customers.c.due_at, customers.c.customer_id)
                    .limit(at_most)
                )
                connection.execute(
                    update(customers)
                    .where(customers.c.customer_id.in_(first))
                    .values(selected_by=self._run_id)
                )

    def still_due(self, *, listed: bool) -> int:
        """Count candidates who were due when the run began and were not taken into it."""
        with self._ledger.read_only() as connection:
            at = self._started_at.timestamp()
            return count_due(connection, self._run_id, at, listed=listed)

    def to_ask(self) -> Iterator[Known]:
        """Give this run's customers: hinted first, then as they are due, last who failed before.

        So those who can't be read, and end a run once there are some in a row, cost nobody else's.
        """
        who, due_at = customers.c.customer_id, customers.c.due_at
        people = select(who, customers.c.cursor, customers.c.hinted_at, due_at)
        well, hinted = customers.c.failures == 0, customers.c.hinted_at.is_not(None)
        for line in (and_(hinted, well), and_(not_(hinted), well), not_(well)):
            yield from self._in_batches(people, line, due_at, who)

    def hinted_meanwhile(self) -> Iterator[Known]:
        """Give who was hinted at and is still to be read."""
        who = customers.c.customer_id
        people = select(who, customers.c.cursor, customers.c.hinted_at)
        yield from self._in_batches(people, customers.c.hinted_at.is_not(None), who)

    def failed(self, customer_id: CustomerId, now: datetime) -> None:
        """Ask after all others whom it was not possible to read, and later each time."""
        them = customers.c.customer_id == customer_id
        with self._ledger.transaction() as connection:
            before = connection.execute(select(customers.c.failures).where(them)).scalar()
            failures = (before or 0) + 1
            holding = holding_of(connection, customer_id, covered=self._covered)
            marks = {"failures": failures, "due_at": self._due(holding, failures, now)}
            connection.execute(update(customers).where(them).values(marks))

    def postpone(self, customer_ids: Sequence[CustomerId], until: datetime) -> None:
        """Ask these no sooner than at a time, unless a person wants it: they may be deleted."""
        later = {"doubted": True, "failures": customers.c.failures + 1, "due_at": until.timestamp()}
        with self._ledger.transaction() as connection:
            for who in customer_ids:
                them = update(customers).where(customers.c.customer_id == who)
                connection.execute(them.values(later))

    def _in_line(self) -> ColumnElement[bool]:
        return customers.c.selected_by == self._run_id

    def _leave_line(self, connection: Connection, customer_id: CustomerId) -> None:
        them = update(customers).where(customers.c.customer_id == customer_id)
        connection.execute(them.values(selected_by=None, read_by=self._run_id))

    def _moved(self, read: Read, cursor: datetime | None, now: datetime) -> dict[str, object]:
        hinted_at = still_hinted(read.customer_id, read.start, read.began, resumed=read.resumed)
        return {"cursor": cursor, "asked_at": now, "hinted_at": hinted_at}

    def _plan(self, connection: Connection, read: Read, now: datetime) -> None:
        customer_id = read.customer_id
        holding = holding_of(connection, customer_id, covered=self._covered)
        this = customers.c.customer_id == customer_id
        believed = connection.execute(select(customers.c.believed_at).where(this)).scalar()
        # What a CRM believes is one assignment at the least, whatever else is known.
        seen = max(holding, int(believed is not None))
        due_at = self._due(seen, 0, now)
        lookback = self._lookback
        if lookback and is_awaited(connection, customer_id, read.began, lookback, now):
            seen, due_at = 1, min(due_at, (now + lookback).timestamp())
        connection.execute(update(customers).where(this).values(seen=bool(seen), due_at=due_at))

    def _take_all(self, who: ColumnElement[bool]) -> int:
        with self._ledger.transaction() as connection:
            return connection.execute(
                update(customers).where(who).values(selected_by=self._run_id)
            ).rowcount

    def _follow(self, connection: Connection, hint: Hint) -> None:
        take_up(connection, hint, self._run_id)


def _at_once(_holding: int, _failures: int, now: datetime) -> float:
    return now.timestamp()
