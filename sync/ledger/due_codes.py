"""Referral codes as they are due: which are looked at by a run, and in which order."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import (
    Column,
    ColumnElement,
    Row,
    Text,
    and_,
    false,
    func,
    literal,
    or_,
    select,
    true,
    tuple_,
)
from sqlalchemy.engine import Connection

from sync.ledger.hints import EVER
from sync.ledger.ledger import Ledger
from sync.ledger.tables import codes
from sync.model.planning import CodeHistory
from sync.model.unassignment import CampaignId, HolderId, VoucherId

AT_ONCE = 500
HINTED = codes.c.hinted_at > EVER
HERE = codes.c.gone_at.is_(None)


@dataclass(frozen=True, slots=True)
class DueCode:
    """A code to look at, with what is known of earlier looks; `hinted` if something told of it.

    The last `failures` looks failed, in a row.
    """

    voucher_id: VoucherId
    code: str | None
    campaign_id: CampaignId | None
    history: CodeHistory
    total: int | None
    newest: HolderId | None
    looked_at: datetime | None
    walked_at: datetime | None
    hinted: bool
    failures: int = 0


def count_hinted(ledger: Ledger, now: datetime) -> int:
    """Count the codes that something told of and that are to be looked at for that."""
    query = select(func.count()).where(HERE, _hinted(now))
    with ledger.read_only() as connection:
        return connection.execute(query).scalar_one()


def count_due(ledger: Ledger, at: datetime) -> int:
    """Count the codes that were due at a time."""
    query = select(func.count()).where(HERE, codes.c.due_at <= at.timestamp())
    with ledger.read_only() as connection:
        return connection.execute(query).scalar_one()


def due(
    ledger: Ledger,
    at_most: int,
    run_id: str,
    now: datetime,
    *,
    doubted: bool = False,
    hinted_at_most: int | None = None,
) -> Iterator[DueCode]:
    """Give the first so many as they are due, then those that were hinted at.

    A hint tells that a code was deleted, and a campaign has thousands: they keep no other waiting.
    Those come later that could not be read, since some in a row end the looks. What this run has
    looked at already is left out, whatever the clock says. With `doubted`, those come last whose
    deletion was doubted, for a person says now that it is none.
    """
    fresh = codes.c.looked_by.is_distinct_from(run_id)
    hinted, again = _hinted(now), codes.c.doubted.is_(True) if doubted else false()
    others = fresh & ~again & or_(codes.c.hinted_at.is_(None), ~hinted)
    others &= _until(ledger, others, at_most)
    well = (codes.c.failures == 0) & codes.c.doubted.is_(False)
    yield from _in_order(ledger, others & well, codes.c.due_at, at_most)
    yield from _in_order(ledger, hinted & fresh & ~again, codes.c.hinted_at, hinted_at_most)
    yield from _in_order(ledger, others & ~well, codes.c.due_at, at_most)
    yield from _in_order(ledger, again, codes.c.due_at, None)


def _until(ledger: Ledger, among: ColumnElement[bool], at_most: int) -> ColumnElement[bool]:
    """Tell which are the first so many as they are due."""
    if at_most <= 0:
        return false()
    order = codes.c.due_at, codes.c.voucher_id
    query = select(*order).where(HERE, among).order_by(*order).offset(at_most - 1).limit(1)
    with ledger.read_only() as connection:
        last = connection.execute(query).first()
    if last is None:
        return true()
    place = tuple_(literal(last.due_at, codes.c.due_at.type), literal(last.voucher_id, Text))
    return tuple_(*order) <= place


def _hinted(now: datetime) -> ColumnElement[bool]:
    """Tell which hints are to be followed: after a failed or doubted look, when the next is due."""
    well = and_(codes.c.failures == 0, codes.c.doubted.is_(False))
    again = or_(well, codes.c.due_at <= now.timestamp())
    return and_(HINTED, again)


def _in_order(
    ledger: Ledger, among: ColumnElement[bool], order: Column[Any], at_most: int | None
) -> Iterator[DueCode]:
    """Give codes in an order, batch by batch; one that moves on in it comes no second time."""
    place: tuple[object, str] | None = None
    left = at_most
    while left is None or left > 0:
        batch = AT_ONCE if left is None else min(AT_ONCE, left)
        with ledger.read_only() as connection:
            rows = _batch(connection, among, order, place, batch)
        yield from (_due_code(row) for row in rows)
        if len(rows) < batch:
            return
        place = (getattr(rows[-1], order.name), rows[-1].voucher_id)
        left = None if left is None else left - len(rows)


def _batch(
    connection: Connection,
    among: ColumnElement[bool],
    order: Column[Any],
    place: tuple[object, str] | None,
    at_most: int,
) -> Sequence[Row[Any]]:
    query = select(codes).where(HERE, among).order_by(order, codes.c.voucher_id)
    if place is not None:
        at = tuple_(literal(place[0], order.type), literal(place[1], Text))
        query = query.where(tuple_(order, codes.c.voucher_id) > at)
    return connection.execute(query.limit(at_most)).all()


def _due_code(row: Row[Any]) -> DueCode:
    return DueCode(
        voucher_id=VoucherId(row.voucher_id),
        code=row.code,
        campaign_id=CampaignId(row.campaign_id) if row.campaign_id else None,
        history=CodeHistory(row.total or 0, row.cost, row.watched, row.vanished),
        total=row.total,
        newest=HolderId(row.newest) if row.newest else None,
        looked_at=row.looked_at,
        walked_at=row.walked_at,
        hinted=row.hinted_at is not None,
        failures=row.failures,
    )
