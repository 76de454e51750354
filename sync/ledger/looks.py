"""Stores one look at a code: who came and who vanished, and what follows, in short transactions."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import TypeVar

from sqlalchemy import delete, exists, select, update
from sqlalchemy.engine import Connection

from sync.database import insert_into
from sync.ledger.codes import still_hinted
from sync.ledger.findings import remember_assignments
from sync.ledger.forgotten import remembered
from sync.ledger.hints import take_up
from sync.ledger.ledger import Ledger
from sync.ledger.tables import assignments, codes, customers, holders, unassignments
from sync.model.event import Hint
from sync.model.planning import CodeHistory
from sync.model.unassignment import Assignment, CustomerId, HolderId, VoucherId

AT_ONCE = 500
Item = TypeVar("Item")
KEPT_FOR = timedelta(days=1)
"""Who vanished is kept for so long after the event was found: a campaign's heat counts them."""
IS_FOUND = exists().where(unassignments.c.holder_id == holders.c.holder_id)


@dataclass(frozen=True, slots=True)
class StoredLook:
    """What a look at a code becomes in the ledger.

    Args:
        began: before its first page was asked for.
        since: when the look before began, or the best that is known of when somebody was there.
        walked: the whole list was read.
        due_at: when the next look is due, in seconds since 1970.
    """

    voucher_id: VoucherId
    began: datetime
    since: datetime
    total: int
    newest: HolderId | None
    walked: bool
    history: CodeHistory
    due_at: float
    appeared: Sequence[Assignment]
    vanished: Sequence[HolderId]
    missing: Sequence[HolderId]
    back: Sequence[HolderId]


def store_look(ledger: Ledger, look: StoredLook, run_id: str) -> None:
    """Store a look; whoever vanished is asked in this run.

    Of thousands, the first are stored before, part by part: who stores a webhook must not wait for
    all of them. A look that is cut off there has not been made, so the next one stores the rest.
    """
    *came, appeared = _parts_of(look.appeared)
    *went, vanished = _parts_of(look.vanished)
    for part in came:
        with ledger.transaction() as connection:
            _appear(connection, look.voucher_id, part)
    for lost in went:
        with ledger.transaction() as connection:
            _vanish(connection, look, lost, run_id)
    with ledger.transaction() as connection:
        _appear(connection, look.voucher_id, appeared)
        _vanish(connection, look, vanished, run_id)
        _miss(connection, look, run_id)
        _mark(connection, look.back, {"vanished_at": None, "missed_at": None})
        if look.walked:
            _drop_settled(connection, look)
        walked = {"walked_at": look.began} if look.walked else {}
        connection.execute(
            update(codes)
            .where(codes.c.voucher_id == look.voucher_id)
            .values(
                total=look.total,
                newest=look.newest,
                looked_at=look.began,
                looked_by=run_id,
                cost=look.history.cost,
                watched=look.history.watched,
                vanished=look.history.vanished,
                due_at=look.due_at,
                hinted_at=still_hinted(look.began),
                gone_at=None,
                failures=0,
                doubted=False,
                **walked,
            )
        )


def keep_holders(connection: Connection, there: Sequence[Assignment]) -> None:
    """Store who was seen to hold something."""
    for part in _parts(there):
        rows = [
            {
                "holder_id": each.holder_id,
                "voucher_id": each.voucher_id,
                "customer_id": each.customer_id,
            }
            for each in part
        ]
        statement = insert_into(connection, holders).values(rows)
        marks = {
            "voucher_id": statement.excluded.voucher_id,
            "customer_id": statement.excluded.customer_id,
            "vanished_at": None,
            "missed_at": None,
        }
        key = [holders.c.holder_id]
        connection.execute(statement.on_conflict_do_update(index_elements=key, set_=marks))


def _appear(connection: Connection, voucher_id: VoucherId, appeared: Sequence[Assignment]) -> None:
    kept = set(remembered(connection, [each.customer_id for each in appeared]))
    new = [each for each in appeared if each.customer_id in kept]
    remember_assignments(connection, new)
    keep_holders(connection, [replace(each, voucher_id=voucher_id) for each in new])


def _vanish(
    connection: Connection, look: StoredLook, vanished: Sequence[HolderId], run_id: str
) -> None:
    """Mark who vanished, and let each one's customer be asked, back to the look before."""
    _remember_as_holders(connection, vanished)
    _mark(connection, vanished, {"vanished_at": look.began, "missed_at": look.began})
    query = select(holders.c.holder_id, holders.c.customer_id).where(
        holders.c.holder_id.in_(vanished)
    )
    for row in connection.execute(query).all():
        hint = Hint(CustomerId(row.customer_id), HolderId(row.holder_id), look.since)
        take_up(connection, hint, run_id, again=True)


def _miss(connection: Connection, look: StoredLook, run_id: str) -> None:
    """Mark who is missing still.

    If the clock was ahead when their customer was read, that read may have come before the event
    was listed, so there is one more.
    """
    _mark(connection, look.missing, {"missed_at": look.began})
    for part in _parts(look.missing):
        query = (
            select(holders.c.holder_id, holders.c.customer_id)
            .join(customers, customers.c.customer_id == holders.c.customer_id)
            .where(holders.c.holder_id.in_(part), customers.c.asked_at > look.began, ~IS_FOUND)
        )
        for row in connection.execute(query).all():
            hint = Hint(CustomerId(row.customer_id), HolderId(row.holder_id), look.began)
            take_up(connection, hint, run_id, again=True)


def _remember_as_holders(connection: Connection, vanished: Sequence[HolderId]) -> None:
    """Take those who are known from events alone among the holders, so that they can vanish."""
    known = select(
        assignments.c.holder_id, assignments.c.voucher_id, assignments.c.customer_id
    ).where(
        assignments.c.holder_id.in_(vanished),
        ~exists().where(holders.c.holder_id == assignments.c.holder_id),
    )
    columns = ["holder_id", "voucher_id", "customer_id"]
    connection.execute(holders.insert().from_select(columns, known))


def _drop_settled(connection: Connection, look: StoredLook) -> None:
    connection.execute(
        delete(holders).where(
            holders.c.voucher_id == look.voucher_id,
            holders.c.vanished_at < look.began - KEPT_FOR,
            IS_FOUND,
        )
    )


def _mark(connection: Connection, ids: Sequence[HolderId], marks: dict[str, object]) -> None:
    for part in _parts(ids):
        connection.execute(update(holders).where(holders.c.holder_id.in_(part)).values(marks))


def _parts_of(items: Sequence[Item]) -> Sequence[Sequence[Item]]:
    """Cut into parts; there is one at the least."""
    return [*_parts(items)] or [()]


def _parts(items: Sequence[Item]) -> Iterable[Sequence[Item]]:
    return (items[start : start + AT_ONCE] for start in range(0, len(items), AT_ONCE))
