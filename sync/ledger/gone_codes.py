"""Codes that were deleted while somebody held them: one dead letter a code, whenever that shows."""

from datetime import datetime

from sqlalchemy import ColumnElement, exists, func, select, update
from sqlalchemy.engine import Connection

from sync.database import insert_into
from sync.ledger.codes import is_there
from sync.ledger.due_codes import DueCode
from sync.ledger.findings import open_letter, store_letter
from sync.ledger.ledger import Ledger
from sync.ledger.listing import ANEW_AFTER
from sync.ledger.planning import is_held, is_past
from sync.ledger.tables import assignments, codes, dead_letters, holders
from sync.model.unassignment import CustomerId, VoucherId

IS_COUNTED = exists().where(holders.c.holder_id == assignments.c.holder_id)
"""Whoever held a code when it went is among its holders since then, however we knew of it."""
COLUMNS = ["holder_id", "voucher_id", "customer_id"]


def store_code_gone(ledger: Ledger, code: DueCode, run_id: str, now: datetime) -> bool:
    """Store that a code was deleted: one dead letter if somebody held it; tell whether it is new.

    Nobody is taken off by it one by one: no event tells of that, and a person decides.
    """
    mine = codes.c.voucher_id == code.voucher_id
    with ledger.transaction() as connection:
        told_at = _told_at(connection, code.voucher_id)
        is_news = told_at is None or (code.looked_at is not None and code.looked_at > told_at)
        gone = {
            "gone_at": now if is_news else told_at,
            "due_at": (now + ANEW_AFTER).timestamp(),
            "hinted_at": None,
            "failures": 0,
            "doubted": False,
        }
        connection.execute(update(codes).where(mine).values(gone))
        _count(connection, assignments.c.voucher_id == code.voucher_id)
        return _tell(connection, code.voucher_id, run_id, now, is_news=is_news)


def tell_gone_codes(
    connection: Connection,
    customer_id: CustomerId,
    run_id: str,
    now: datetime,
    *,
    by_another: bool = False,
) -> int:
    """Tell of codes that went before it was known that a customer held them; give the new letters.

    An event can be listed late, or be read long after: nothing would tell of such an end. If it was
    `by_another` customer's list that told of it, whoever is still to be read for it comes later.
    """
    theirs = assignments.c.customer_id == customer_id
    if by_another:
        theirs &= is_past()
    query = (
        select(assignments.c.voucher_id)
        .join(codes, codes.c.voucher_id == assignments.c.voucher_id)
        .where(theirs, codes.c.gone_at.is_not(None), is_held(covered=False), ~IS_COUNTED)
        .distinct()
    )
    new = 0
    for voucher_id in sorted(connection.execute(query).scalars().all()):
        _count(connection, theirs & (assignments.c.voucher_id == voucher_id))
        new += _tell(connection, VoucherId(voucher_id), run_id, now, is_news=True)
    return new


def _count(connection: Connection, which: ColumnElement[bool]) -> None:
    known = select(
        assignments.c.holder_id, assignments.c.voucher_id, assignments.c.customer_id
    ).where(which, is_held(covered=False), ~IS_COUNTED)
    # A run and a backfill may do so at the same time.
    statement = insert_into(connection, holders).from_select(COLUMNS, known)
    connection.execute(statement.on_conflict_do_nothing())


def _tell(
    connection: Connection, voucher_id: VoucherId, run_id: str, now: datetime, *, is_news: bool
) -> bool:
    """Write the letter of a code if somebody held it; one that is no news is opened no more."""
    held = connection.execute(
        select(func.count()).where(
            assignments.c.voucher_id == voucher_id, is_held(covered=False), is_there()
        )
    ).scalar_one()
    if not held:
        return False
    reason = (
        f"code_gone: {voucher_id} was deleted in Voucherify while {held} held it, and no event "
        "tells of that. holdersync reconcile names them; set "
        "HOLDERSYNC_ON_CUSTOMER_GONE=unassign and retry to unassign them all, or discard"
    )
    write = open_letter if is_news else store_letter
    return write(connection, _key(voucher_id), "code", reason, found_at=now, found_by=run_id)


def _told_at(connection: Connection, voucher_id: VoucherId) -> datetime | None:
    query = select(dead_letters.c.found_at).where(dead_letters.c.key == _key(voucher_id))
    return connection.execute(query).scalar()


def _key(voucher_id: VoucherId) -> str:
    return f"code:{voucher_id}"
