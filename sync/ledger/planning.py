"""What the planner keeps between runs: what a look is worth, the shop's rate, calls saved up."""

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from typing import Any

from sqlalchemy import ColumnElement, Select, and_, exists, func, literal, or_, select, true, update
from sqlalchemy.engine import Connection

from sync.database import insert_into
from sync.ledger.ledger import Ledger
from sync.ledger.people import LISTED
from sync.ledger.tables import assignments, codes, customers, planning, unassignments
from sync.model.planning import CodeHistory, Price, Shop
from sync.model.unassignment import CustomerId

AT_ONCE = 5_000
NOT_COVERED_AFTER = 3
"""Failed looks in a row after which a code's holders are read one by one."""


@dataclass(frozen=True, slots=True)
class Planned:
    """What was planned last; times are seconds since 1970.

    Args:
        price: what the budget could pay, found at `priced_at`.
        shop: what was seen to vanish, as of `shop_at`.
        tokens: calls that could be made at `tokens_at`; less than none is a debt.
    """

    price: Price
    priced_at: float
    shop: Shop
    shop_at: float
    tokens: float
    tokens_at: float


def read_planned(ledger: Ledger) -> Planned | None:
    """Give what was planned last; None before the first run."""
    with ledger.read_only() as connection:
        row = connection.execute(select(planning)).first()
    if row is None:
        return None
    return Planned(
        price=Price(row.stretch, row.longest, row.sweep, row.part),
        priced_at=row.priced_at,
        shop=Shop(row.watched, row.vanished),
        shop_at=row.shop_at,
        tokens=row.tokens,
        tokens_at=row.tokens_at,
    )


def save_planned(ledger: Ledger, planned: Planned) -> None:
    """Store what was planned."""
    values: Mapping[str, object] = {
        "id": 1,
        **asdict(planned.price),
        "priced_at": planned.priced_at,
        **asdict(planned.shop),
        "shop_at": planned.shop_at,
        "tokens": planned.tokens,
        "tokens_at": planned.tokens_at,
    }
    with ledger.transaction() as connection:
        statement = insert_into(connection, planning).values(values)
        key = [planning.c.id]
        connection.execute(statement.on_conflict_do_update(index_elements=key, set_=values))


def code_histories(ledger: Ledger) -> Iterator[CodeHistory]:
    """Give what is known of each code that is there, as a stream."""
    query = select(codes.c.total, codes.c.cost, codes.c.watched, codes.c.vanished).where(
        codes.c.gone_at.is_(None)
    )
    with ledger.read_only() as connection:
        found = connection.execute(query, execution_options={"yield_per": AT_ONCE})
        for row in found:
            yield CodeHistory(row.total or 0, row.cost, row.watched, row.vanished)


def candidates_among(*, listed: bool) -> ColumnElement[bool]:
    """Tell which customers are candidates: whoever holds something, and all others if `listed`.

    An id that only a person named, and that was never answered for, is that person's to name.
    """
    here = customers.c.gone_at.is_(None)
    return and_(here, or_(customers.c.seen, LISTED)) if listed else and_(here, customers.c.seen)


def count_customers(ledger: Ledger, *, listed: bool) -> tuple[int, int]:
    """Count candidates: those who are known to hold what no code covers, and all others."""
    among = candidates_among(listed=listed)
    query = select(customers.c.seen, func.count()).where(among).group_by(customers.c.seen)
    with ledger.read_only() as connection:
        found = {bool(row[0]): row[1] for row in connection.execute(query)}
    return found.get(True, 0), found.get(False, 0)


def count_others(ledger: Ledger, at_most: int, *, listed: bool) -> int:
    """Count candidates who were never seen to hold anything, up to `at_most`."""
    among = select(customers.c.customer_id).where(
        customers.c.seen.is_(False), candidates_among(listed=listed)
    )
    with ledger.read_only() as connection:
        some = among.limit(at_most).subquery()
        return connection.execute(select(func.count()).select_from(some)).scalar_one()


def due_codes(ledger: Ledger, at_most: int) -> list[tuple[float, float]]:
    """Give when the first codes are due, in seconds since 1970, and the calls of each look."""
    query = (
        select(codes.c.due_at, codes.c.cost)
        .where(codes.c.gone_at.is_(None))
        .order_by(codes.c.due_at, codes.c.voucher_id)
        .limit(at_most)
    )
    return _pairs(ledger, query)


def due_customers(ledger: Ledger, at_most: int) -> list[tuple[float, float]]:
    """Give the same of customers who are known to hold something; a read takes one call."""
    query = (
        select(customers.c.due_at, literal(1.0).label("cost"))
        .where(customers.c.seen.is_(True), customers.c.gone_at.is_(None))
        .order_by(customers.c.due_at, customers.c.customer_id)
        .limit(at_most)
    )
    return _pairs(ledger, query)


def count_due(connection: Connection, run_id: str, at: float, *, listed: bool) -> int:
    """Count candidates who are due at a time, in seconds since 1970, and not taken into a run."""
    due = and_(customers.c.due_at <= at, customers.c.selected_by.is_distinct_from(run_id))
    among = candidates_among(listed=listed)
    # Line by line, as the index has them.
    return sum(
        connection.execute(
            select(func.count()).where(customers.c.seen.is_(line), due, among)
        ).scalar_one()
        for line in (True, False)
    )


def mend_due(ledger: Ledger, at: float, longest: float) -> None:
    """Make customers due that were planned by a clock that was ahead; seconds since 1970."""
    with ledger.transaction() as connection:
        for line in (True, False):
            odd = and_(customers.c.seen.is_(line), customers.c.due_at > at + longest)
            connection.execute(update(customers).where(odd).values(due_at=at))


def mark_seen(ledger: Ledger, at: float, within: float, *, covered: bool) -> None:
    """Let everybody be followed who is known, or believed by the CRM, to hold something.

    `covered` is as for `holding_of`.

    Reads do so one by one; this is for what was learned elsewhere, or under other settings, or was
    covered until now. They are due one after the other from `at` on, `within` so many seconds: as
    many as a campaign has would keep all others waiting.
    """
    followed = exists().where(
        customers.c.customer_id == assignments.c.customer_id,
        or_(customers.c.seen.is_(True), customers.c.gone_at.is_not(None)),
    )
    holding = select(assignments.c.customer_id).where(is_held(covered=covered), ~followed)
    believed = select(customers.c.customer_id).where(
        customers.c.believed_at.is_not(None), customers.c.gone_at.is_(None), ~customers.c.seen
    )
    new = holding.union(believed).subquery()
    place = func.row_number().over(order_by=new.c.customer_id) - 1
    due_at = at + within * place / func.count().over()
    # SQLite takes a conflict's clause for a join's, but for a WHERE.
    rows = select(new.c.customer_id, true(), due_at).where(new.c.customer_id.is_not(None))
    with ledger.transaction() as connection:
        statement = insert_into(connection, customers).from_select(
            ["customer_id", "seen", "due_at"], rows
        )
        marks = {"seen": True, "due_at": statement.excluded.due_at}
        key = [customers.c.customer_id]
        connection.execute(statement.on_conflict_do_update(index_elements=key, set_=marks))


def holding_of(connection: Connection, customer_id: CustomerId, *, covered: bool) -> int:
    """Count what a customer is known to hold and to be able to lose.

    `covered` leaves out what the looks at codes follow.
    """
    mine = assignments.c.customer_id == customer_id
    query = select(func.count()).where(mine, is_held(covered=covered))
    return connection.execute(query).scalar_one()


def is_held(*, covered: bool) -> ColumnElement[bool]:
    """Tell which assignments are not known to have ended; only a REFEREE can be taken off."""
    ended = exists().where(unassignments.c.holder_id == assignments.c.holder_id)
    held = and_(assignments.c.role == "REFEREE", ~ended)
    if not covered:
        return held
    looked_at = exists().where(codes.c.voucher_id == assignments.c.voucher_id, is_looked_at())
    return and_(held, ~looked_at, ~is_past())


def is_looked_at() -> ColumnElement[bool]:
    """Tell which codes are looked at, so that nobody needs to be asked for their holders.

    A code whose deletion is doubted tells nothing, for as long as that takes.
    """
    return and_(
        codes.c.gone_at.is_(None),
        codes.c.doubted.is_(False),
        codes.c.looked_at.is_not(None),
        codes.c.failures < NOT_COVERED_AFTER,
    )


def is_past() -> ColumnElement[bool]:
    """Tell which assignments no event can end any more: who held a deleted code was read since."""
    reader = customers.alias("reader")
    return exists().where(
        codes.c.voucher_id == assignments.c.voucher_id,
        reader.c.customer_id == assignments.c.customer_id,
        reader.c.asked_at > codes.c.gone_at,
    )


def _pairs(ledger: Ledger, query: Select[Any]) -> list[tuple[float, float]]:
    with ledger.read_only() as connection:
        return [(row.due_at, row.cost) for row in connection.execute(query)]
