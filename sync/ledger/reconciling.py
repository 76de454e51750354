"""What the ledger knows of assignments that no event explains, for `reconcile` and for runs."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, Row, Select, exists, or_, select, update
from sqlalchemy.engine import Connection

from sync.ledger.codes import is_there
from sync.ledger.findings import store_letter
from sync.ledger.hints import EVER
from sync.ledger.ledger import Ledger
from sync.ledger.planning import is_held
from sync.ledger.tables import (
    assignments,
    codes,
    customers,
    deliveries,
    holders,
    unassignments,
)
from sync.model.believed import BelievedHolder
from sync.model.unassignment import Assignment, CampaignId, CustomerId, HolderId, VoucherId

AT_ONCE = 500


@dataclass(frozen=True, slots=True)
class Vanished:
    """A holder who is missing since `vanished_at`, was missed again, and whom no event explains."""

    holder_id: HolderId
    customer_id: CustomerId
    voucher_id: VoucherId | None
    vanished_at: datetime


@dataclass(frozen=True, slots=True)
class KnownOf:
    """What the ledger knows of one holder that the CRM believes in.

    Args:
        ended: an event told that it ended, and `delivered` that this CRM was told.
        held: it was there at the last whole look, at its code or at what its customer holds.
        missing: it was not.
        customer_gone: its customer was deleted in Voucherify.
        code_gone: its code was.
    """

    ended: bool = False
    delivered: bool = False
    held: bool = False
    missing: bool = False
    customer_gone: bool = False
    code_gone: bool = False


def vanished_without_event(ledger: Ledger, lookback: timedelta) -> Sequence[Vanished]:
    """Give who was missing at two looks at least one lookback apart, though the customer was read.

    That read came one lookback after the first of the two looks, too: the event would have been in
    it, though it may be listed late. Whatever the clock says, nobody whose read is still to come
    was read. A code that went after the first look is missed for good.
    """
    is_known = exists().where(unassignments.c.holder_id == holders.c.holder_id)
    query = (
        select(holders, customers.c.asked_at, codes.c.gone_at.label("code_gone_at"))
        .join(customers, customers.c.customer_id == holders.c.customer_id)
        .outerjoin(codes, codes.c.voucher_id == holders.c.voucher_id)
        .where(
            holders.c.vanished_at > EVER,
            ~is_known,
            customers.c.gone_at.is_(None),
            customers.c.hinted_at.is_(None),
        )
        .order_by(holders.c.vanished_at, holders.c.holder_id)
    )
    with ledger.read_only() as connection:
        rows = connection.execute(query).all()
    return [
        Vanished(
            HolderId(row.holder_id),
            CustomerId(row.customer_id),
            VoucherId(row.voucher_id) if row.voucher_id else None,
            row.vanished_at,
        )
        for row in rows
        if (row.code_gone_at is not None or row.missed_at - row.vanished_at >= lookback)
        and row.asked_at is not None
        and row.asked_at - row.vanished_at >= lookback
    ]


def held_though_ended(ledger: Ledger) -> Sequence[HolderId]:
    """Give the holders whom an event ended and who were there at a later whole look."""
    query = (
        select(holders.c.holder_id)
        .join(unassignments, unassignments.c.holder_id == holders.c.holder_id)
        .join(codes, codes.c.voucher_id == holders.c.voucher_id)
        .where(
            holders.c.vanished_at.is_(None),
            codes.c.gone_at.is_(None),
            codes.c.walked_at > unassignments.c.unassigned_at,
        )
        .order_by(holders.c.holder_id)
    )
    with ledger.read_only() as connection:
        return [HolderId(each) for each in connection.execute(query).scalars()]


def known_of(
    ledger: Ledger, destination: str, page: Sequence[BelievedHolder], asked_since: datetime
) -> Mapping[str, KnownOf]:
    """Give what is known of what a CRM believes, by its record.

    Of what it believes without a holder's id, only what a customer's own list told since
    `asked_since` is known: whatever came later might be meant.
    """
    ids = [each.holder_id for each in page if each.holder_id]
    people = [each.customer_id for each in page if each.customer_id]
    with ledger.read_only() as connection:
        ended = _set(connection, select(unassignments.c.holder_id), unassignments.c.holder_id, ids)
        told = select(deliveries.c.holder_id).where(
            deliveries.c.destination == destination, deliveries.c.status == "delivered"
        )
        delivered = _set(connection, told, deliveries.c.holder_id, ids)
        there = select(holders.c.holder_id).where(holders.c.vanished_at.is_(None))
        others = select(assignments.c.holder_id).where(assignments.c.role != "REFEREE")
        held = _set(connection, there, holders.c.holder_id, ids)
        held |= _set(connection, others, assignments.c.holder_id, ids)
        away = select(holders.c.holder_id).where(holders.c.vanished_at > EVER)
        vanished = _set(connection, away, holders.c.holder_id, ids)
        not_shown = _not_held_by_code(connection, page, asked_since)
        gone = select(customers.c.customer_id).where(customers.c.gone_at.is_not(None))
        deleted = _set(connection, gone, customers.c.customer_id, people)
        looked = _codes_of(connection, ids)
    return {
        each.record_id: KnownOf(
            ended=each.holder_id in ended,
            delivered=each.holder_id in delivered,
            held=each.holder_id in held,
            missing=each.record_id in not_shown
            or each.holder_id in vanished
            or (each.holder_id not in held and looked.get(each.holder_id or "") == "walked"),
            customer_gone=each.customer_id in deleted,
            code_gone=looked.get(each.holder_id or "") == "gone",
        )
        for each in page
    }


def tell_again(ledger: Ledger, destination: str, holder_ids: Sequence[HolderId]) -> int:
    """Make deliveries pending again that a CRM was told and does not show any more."""
    again = 0
    for start in range(0, len(holder_ids), AT_ONCE):
        these = deliveries.c.holder_id.in_(holder_ids[start : start + AT_ONCE])
        done = (deliveries.c.destination == destination) & (deliveries.c.status == "delivered")
        with ledger.transaction() as connection:
            pending = {"status": "pending", "attempts": 0, "outcome": None, "finished_at": None}
            changed = update(deliveries).where(done, these)
            again += connection.execute(changed.values(**pending)).rowcount
    return again


def write_holder_letters(
    ledger: Ledger, reasons: Mapping[Vanished, str], run_id: str, now: datetime
) -> int:
    """Write a dead letter for each; give how many are new."""
    new = 0
    with ledger.transaction() as connection:
        for each, reason in reasons.items():
            fields = {
                "customer_id": each.customer_id,
                "holder_id": each.holder_id,
                "found_at": now,
                "found_by": run_id,
            }
            key = f"holder:{each.holder_id}"
            new += store_letter(connection, key, "holder", reason, **fields)
    return new


def is_explained(ledger: Ledger, holder_id: str) -> bool:
    """Tell whether somebody who had vanished was found again, or an event tells of the end."""
    back = select(holders.c.holder_id).where(
        holders.c.holder_id == holder_id, holders.c.vanished_at.is_(None)
    )
    ended = select(unassignments.c.holder_id).where(unassignments.c.holder_id == holder_id)
    with ledger.read_only() as connection:
        return connection.execute(back.union_all(ended).limit(1)).first() is not None


def is_back(ledger: Ledger, voucher_id: str) -> bool:
    """Tell whether a code that was said to be deleted was found again."""
    found = select(codes.c.voucher_id).where(
        codes.c.voucher_id == voucher_id, codes.c.gone_at.is_(None)
    )
    with ledger.read_only() as connection:
        return connection.execute(found).first() is not None


def is_customer_back(ledger: Ledger, customer_id: CustomerId) -> bool:
    """Tell whether a customer who was said to be deleted was listed or answered for again."""
    found = select(customers.c.customer_id).where(
        customers.c.customer_id == customer_id, customers.c.gone_at.is_(None)
    )
    with ledger.read_only() as connection:
        return connection.execute(found).first() is not None


def assignment_of(ledger: Ledger, holder_id: str) -> Assignment | None:
    """Give what is known of one assignment; None if nothing is."""
    found = _assignments(ledger, select(assignments).where(assignments.c.holder_id == holder_id))
    return found[0] if found else None


def held_of_code(ledger: Ledger, voucher_id: str) -> Sequence[Assignment]:
    """Give who held a code at its last look and is not known to have ended."""
    query = select(assignments).where(
        assignments.c.voucher_id == voucher_id, is_held(covered=False), is_there()
    )
    return _assignments(ledger, query.order_by(assignments.c.holder_id))


def _assignments(ledger: Ledger, query: Select[Any]) -> Sequence[Assignment]:
    with ledger.read_only() as connection:
        rows = connection.execute(query).all()
    return [_assignment(row) for row in rows]


def _assignment(row: Row[Any]) -> Assignment:
    return Assignment(
        HolderId(row.holder_id),
        CustomerId(row.customer_id),
        VoucherId(row.voucher_id),
        row.code,
        CampaignId(row.campaign_id) if row.campaign_id else None,
        row.role,
        row.assigned_at,
    )


def _not_held_by_code(
    connection: Connection, page: Sequence[BelievedHolder], asked_since: datetime
) -> set[str]:
    """Give the records that show a code, and no holder's id, which their customer does not hold."""
    bare = [each for each in page if each.customer_id and each.code and not each.holder_id]
    people = [each.customer_id for each in bare]
    asked = select(customers.c.customer_id).where(customers.c.held_at >= asked_since)
    read = _set(connection, asked, customers.c.customer_id, [each for each in people if each])
    there = or_(assignments.c.role != "REFEREE", is_there())
    held = connection.execute(
        select(assignments.c.customer_id, assignments.c.code).where(
            assignments.c.customer_id.in_(people), there, ~_is_ended()
        )
    )
    pairs = {tuple(row) for row in held}
    return {
        each.record_id
        for each in bare
        if each.customer_id in read and (each.customer_id, each.code) not in pairs
    }


def _is_ended() -> ColumnElement[bool]:
    return exists().where(unassignments.c.holder_id == assignments.c.holder_id)


def _codes_of(connection: Connection, holder_ids: Sequence[HolderId]) -> Mapping[str, str]:
    """Tell of each holder whether its code is gone, or was read to its end."""
    query = (
        select(assignments.c.holder_id, codes.c.gone_at, codes.c.walked_at)
        .join(codes, codes.c.voucher_id == assignments.c.voucher_id)
        .where(assignments.c.holder_id.in_(holder_ids), assignments.c.role == "REFEREE")
    )
    return {
        row.holder_id: "gone" if row.gone_at else "walked" if row.walked_at else ""
        for row in connection.execute(query)
    }


def _set(connection: Connection, query: Select[Any], column: Any, ids: Sequence[str]) -> set[str]:  # noqa: ANN401 - of any table
    return set(connection.execute(query.where(column.in_(ids))).scalars())
