"""What customers hold by their own list: asked for where no look at a code covers them."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, and_, func, literal, or_, select, tuple_
from sqlalchemy.engine import Connection

from sync.database import insert_into
from sync.ledger.findings import remember_assignments
from sync.ledger.forgotten import remembered
from sync.ledger.hints import take_up
from sync.ledger.ledger import Ledger
from sync.ledger.looks import keep_holders
from sync.ledger.people import select_customers
from sync.ledger.planning import is_looked_at
from sync.ledger.tables import assignments, codes, customers, holders, unassignments
from sync.model.believed import BelievedHolder
from sync.model.event import Hint
from sync.model.unassignment import Assignment, CustomerId, HolderId

Key = str | tuple[str | None, str | None]


@dataclass(frozen=True, slots=True)
class ToAsk:
    """A customer worth a call, and the assignments that a CRM believes in and no look covers."""

    customer_id: CustomerId
    holder_ids: tuple[HolderId, ...]


def to_ask(
    ledger: Ledger, page: Sequence[BelievedHolder], *, asked_since: datetime, missed_until: datetime
) -> Sequence[ToAsk]:
    """Give the customers of a page of the CRM's whose own list is to be read.

    Left out is what ended, what the looks at codes cover, who is gone or forgotten, and what a
    list told since `asked_since`, unless it was missing there for the first time, and that until
    `missed_until`.
    """
    named = [each for each in page if each.customer_id]
    with ledger.read_only() as connection:
        known = _ended(connection, named) | _covered(connection, named)
        known |= _told(connection, named, asked_since, missed_until)
        open_ = [each for each in named if _key(each) not in known]
        people = [each.customer_id for each in open_ if each.customer_id]
        gone = _gone(connection, people)
        kept = remembered(connection, [each for each in dict.fromkeys(people) if each not in gone])
    return [
        ToAsk(
            who, tuple(one.holder_id for one in open_ if one.customer_id == who and one.holder_id)
        )
        for who in kept
    ]


def store_held(ledger: Ledger, asked: ToAsk, held: Sequence[Assignment], began: datetime) -> None:
    """Store what a customer holds by their whole list, and hint at what is missing in it."""
    who = asked.customer_id
    with ledger.transaction() as connection:
        select_customers(connection, [who], {"held_at": began})
        remember_assignments(connection, held)
        keep_holders(connection, [each for each in held if each.role == "REFEREE"])
        there = {each.holder_id for each in held}
        known = _uncovered_of(connection, who)
        missing = [each for each in {*known, *asked.holder_ids} if each not in there]
        for holder_id in sorted(_not_ended(connection, missing)):
            _miss(connection, who, holder_id, began)


def _miss(connection: Connection, who: CustomerId, holder_id: HolderId, began: datetime) -> None:
    known = connection.execute(
        select(assignments.c.voucher_id, assignments.c.assigned_at).where(
            assignments.c.holder_id == holder_id
        )
    ).first()
    statement = insert_into(connection, holders).values(
        holder_id=holder_id,
        voucher_id=known.voucher_id if known else None,
        customer_id=who,
        vanished_at=began,
        missed_at=began,
    )
    since = func.coalesce(holders.c.vanished_at, literal(began, holders.c.vanished_at.type))
    marks = {"vanished_at": since, "missed_at": began}
    key = [holders.c.holder_id]
    connection.execute(statement.on_conflict_do_update(index_elements=key, set_=marks))
    # The read reaches back to the horizon at most, whatever is said here.
    take_up(connection, Hint(who, holder_id, known.assigned_at if known else began))


def _key(believed: BelievedHolder) -> Key:
    """Name what a CRM believes in: by the holder's id or, for want of it, by who and which code."""
    return believed.holder_id or (believed.customer_id, believed.code)


def _ids(named: Sequence[BelievedHolder]) -> Sequence[HolderId]:
    return [each.holder_id for each in named if each.holder_id]


def _pairs(named: Sequence[BelievedHolder]) -> ColumnElement[bool]:
    pairs = [(each.customer_id, each.code) for each in named if not each.holder_id and each.code]
    return tuple_(assignments.c.customer_id, assignments.c.code).in_(pairs)


def _ended(connection: Connection, named: Sequence[BelievedHolder]) -> set[Key]:
    ended = unassignments.c.holder_id
    return set(connection.execute(select(ended).where(ended.in_(_ids(named)))).scalars())


def _gone(connection: Connection, people: Sequence[CustomerId]) -> set[CustomerId]:
    theirs = and_(customers.c.customer_id.in_(people), customers.c.gone_at.is_not(None))
    return set(
        map(CustomerId, connection.execute(select(customers.c.customer_id).where(theirs)).scalars())
    )


def _covered(connection: Connection, named: Sequence[BelievedHolder]) -> set[Key]:
    """Give what looks at codes follow, or followed until the code was deleted."""
    followed = assignments.join(codes, codes.c.voucher_id == assignments.c.voucher_id)
    until_gone = or_(is_looked_at(), codes.c.gone_at.is_not(None))
    by_id = select(assignments.c.holder_id).select_from(followed)
    by_code = select(assignments.c.customer_id, assignments.c.code).select_from(followed)
    ids = connection.execute(by_id.where(assignments.c.holder_id.in_(_ids(named)), until_gone))
    pairs = connection.execute(by_code.where(_pairs(named), is_looked_at()))
    return {*ids.scalars(), *map(tuple, pairs)}


def _told(
    connection: Connection, named: Sequence[BelievedHolder], since: datetime, until: datetime
) -> set[Key]:
    """Give what customers' own lists told of since a time; what is missing has to be twice."""
    lately = customers.c.held_at >= since
    of_customer = holders.join(customers, customers.c.customer_id == holders.c.customer_id)
    missing_once = holders.c.vanished_at == holders.c.missed_at
    again = and_(missing_once, holders.c.vanished_at <= until)
    by_id = select(holders.c.holder_id).select_from(of_customer)
    by_code = select(assignments.c.customer_id, assignments.c.code).select_from(
        of_customer.join(assignments, assignments.c.holder_id == holders.c.holder_id)
    )
    told = or_(holders.c.vanished_at.is_(None), ~again)
    ids = connection.execute(by_id.where(holders.c.holder_id.in_(_ids(named)), lately, told))
    there = and_(lately, holders.c.vanished_at.is_(None))
    return {*ids.scalars(), *map(tuple, connection.execute(by_code.where(_pairs(named), there)))}


def _uncovered_of(connection: Connection, who: CustomerId) -> Sequence[HolderId]:
    """Give what a customer was seen to hold and no look at a code follows."""
    query = (
        select(holders.c.holder_id)
        .outerjoin(codes, codes.c.voucher_id == holders.c.voucher_id)
        .where(holders.c.customer_id == who, or_(codes.c.voucher_id.is_(None), ~is_looked_at()))
    )
    return [HolderId(each) for each in connection.execute(query).scalars()]


def _not_ended(connection: Connection, ids: Sequence[HolderId]) -> set[HolderId]:
    query = select(unassignments.c.holder_id).where(unassignments.c.holder_id.in_(ids))
    return set(ids) - set(map(HolderId, connection.execute(query).scalars()))
