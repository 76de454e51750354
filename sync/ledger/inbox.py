"""What webhooks told: stored as it comes, and taken up by the next run.

A webhook is a hint. Taking one up lets a run ask; what that run reads is the finding. Hints are
stored before they are answered and handed over in the transaction that marks them as taken, so none
is lost, whatever is killed. They are kept for a while after that, so that a replay changes nothing.
Whoever was to be forgotten is not stored, however often Voucherify names them.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, TypeVar

from sqlalchemy import (
    ColumnElement,
    Row,
    and_,
    case,
    delete,
    exists,
    func,
    literal,
    or_,
    select,
    update,
)
from sqlalchemy.engine import Connection

from sync.database import insert_into
from sync.ledger.findings import insert_new
from sync.ledger.forgotten import remembered
from sync.ledger.hints import take_up
from sync.ledger.ledger import Ledger
from sync.ledger.people import held_by
from sync.ledger.tables import assignments, codes, customers, inbox, receiver, unassignments
from sync.model.event import Hint
from sync.model.received import Received
from sync.model.unassignment import CustomerId, HolderId

AT_ONCE = 500
KEPT_FOR = timedelta(days=20)
"""Longer than anything is sent again."""
Told = TypeVar("Told", Received, Row[Any])


@dataclass(frozen=True, slots=True)
class ReceiverState:
    """What webhooks ever came: all of them, and those about holders; times are UTC."""

    received: int = 0
    last_at: datetime | None = None
    holder_first_at: datetime | None = None
    holder_last_at: datetime | None = None


def store(ledger: Ledger, told: Sequence[Received | None], now: datetime) -> None:
    """Store webhooks that came, in one transaction; None told us nothing and is only counted.

    None at all proves that the ledger can be written.
    """
    hints = [each for each in told if each is not None]
    with ledger.transaction() as connection:
        for each in _remembered(connection, hints):
            values = {
                "key": each.key,
                "kind": each.kind,
                "customer_id": each.customer_id,
                "holder_id": each.holder_id,
                "voucher_id": each.voucher_id,
                "campaign_id": each.campaign_id,
                "at": each.at,
                "received_at": now,
            }
            statement = insert_into(connection, inbox).values(values)
            connection.execute(statement.on_conflict_do_nothing())
        _count(connection, len(told), now, holder=any(each.kind == "holder" for each in hints))


def take_inbox(ledger: Ledger, run_id: str, now: datetime) -> int:
    """Take up what webhooks told since the last run; give how many hints that were."""
    taken = 0
    while True:
        with ledger.transaction() as connection:
            query = select(inbox).where(inbox.c.taken_at.is_(None)).order_by(inbox.c.number)
            rows = connection.execute(query.limit(AT_ONCE)).all()
            kept = _remembered(connection, rows)
            for row in kept:
                _take(connection, row, run_id, now)
            if rows:
                # No range: a number may be given out, and stored only after higher ones were.
                these = inbox.c.number.in_([row.number for row in rows])
                connection.execute(update(inbox).where(these).values(taken_at=now))
            if len(kept) < len(rows):
                # They were forgotten while this was stored.
                others = {row.number for row in rows} - {row.number for row in kept}
                connection.execute(delete(inbox).where(inbox.c.number.in_(others)))
            connection.execute(delete(inbox).where(inbox.c.taken_at < now - KEPT_FOR))
        taken += len(rows)
        if len(rows) < AT_ONCE:
            return taken


def receiver_state(ledger: Ledger) -> ReceiverState:
    """Give what webhooks ever came."""
    with ledger.read_only() as connection:
        row = connection.execute(select(receiver)).first()
    if row is None:
        return ReceiverState()
    return ReceiverState(row.received, row.last_at, row.holder_first_at, row.holder_last_at)


def count_unassigned_since(ledger: Ledger, since: datetime | None) -> int:
    """Count the unassignments that events date after a time; none if there is no time.

    Of those that we derived no event tells, so that no webhook could have told of them either.
    """
    told = unassignments.c.event_id.not_like("derived:%")
    query = select(func.count()).select_from(unassignments).where(told)
    with ledger.read_only() as connection:
        if since is None:
            return 0
        return connection.execute(query.where(unassignments.c.unassigned_at > since)).scalar_one()


def _remembered(connection: Connection, told: Sequence[Told]) -> Sequence[Told]:
    """Leave out what names somebody who was to be forgotten."""
    named = {each.customer_id for each in told if each.customer_id is not None}
    kept = set(remembered(connection, sorted(named)))
    return [each for each in told if each.customer_id is None or each.customer_id in kept]


def _take(connection: Connection, row: Row[Any], run_id: str, now: datetime) -> None:
    # A receiver's clock that was ahead would keep a code hinted at until that time.
    received_at = min(row.received_at, now)
    match row.kind:
        case "holder":
            hint = Hint(CustomerId(row.customer_id), HolderId(row.holder_id), row.at)
            take_up(connection, hint, run_id)
        case "customer":
            # For one who is not known nothing follows from it.
            _hint_at_customer(connection, row.customer_id, row.at)
        case "code":
            _hint_at_codes(connection, codes.c.voucher_id == row.voucher_id, received_at)
        case "campaign":
            _hint_at_codes(connection, _is_of(row.campaign_id), received_at)


def _hint_at_customer(connection: Connection, customer_id: str, at: datetime) -> None:
    """Let a customer be asked who may have been asked before, or whom only codes told of."""
    known = customers.c.hinted_at
    oldest = case((known < at, known), else_=literal(at, known.type))
    here = customers.c.gone_at.is_(None)
    them = update(customers).where(customers.c.customer_id == customer_id, here)
    is_there = connection.execute(them.values(hinted_at=oldest, failures=0)).rowcount
    if not is_there and held_by(connection, CustomerId(customer_id)):
        insert_new(connection, customers, {"customer_id": customer_id, "hinted_at": at})


def _is_of(campaign_id: str) -> ColumnElement[bool]:
    """Tell which codes are of a campaign; of one that a person named, its holders tell it."""
    told = exists().where(
        assignments.c.voucher_id == codes.c.voucher_id, assignments.c.campaign_id == campaign_id
    )
    return or_(codes.c.campaign_id == campaign_id, and_(codes.c.campaign_id.is_(None), told))


def _hint_at_codes(connection: Connection, which: ColumnElement[bool], at: datetime) -> None:
    here = codes.c.gone_at.is_(None)
    connection.execute(update(codes).where(which, here).values(hinted_at=at, failures=0))


def _count(connection: Connection, number: int, now: datetime, *, holder: bool) -> None:
    first = {"holder_first_at": now, "holder_last_at": now} if holder else {}
    values = {"id": 1, "received": number, "last_at": now if number else None, **first}
    statement = insert_into(connection, receiver).values(values)
    last_at = {"last_at": now} if number else {}
    marks: dict[str, object] = {"received": receiver.c.received + number, **last_at}
    if holder:
        marks["holder_first_at"] = func.coalesce(
            receiver.c.holder_first_at, literal(now, receiver.c.holder_first_at.type)
        )
        marks["holder_last_at"] = now
    key = [receiver.c.id]
    connection.execute(statement.on_conflict_do_update(index_elements=key, set_=marks))
