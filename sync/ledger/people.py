"""What the ledger knows of a customer, whoever reads: named by whom, holding what, deleted."""

from collections.abc import Mapping, Sequence
from datetime import datetime

from sqlalchemy import delete, exists, not_, or_, select, update
from sqlalchemy.engine import Connection

from sync.database import insert_into
from sync.ledger.findings import Stored, insert_new, open_letter, store_findings, store_letter
from sync.ledger.tables import (
    assignments,
    backfill_customers,
    customers,
    dead_letters,
    hints,
    unassignments,
)
from sync.model.event import Gone, Unassigned
from sync.model.unassignment import Assignment, CampaignId, CustomerId, HolderId, VoucherId

LISTED = or_(customers.c.listed_at.is_not(None), customers.c.hinted_at.is_not(None))
"""Whom Voucherify named by the id that it uses itself; a person may have given a source_id."""
NAMED = or_(LISTED, customers.c.asked_at.is_not(None), customers.c.believed_at.is_not(None))
"""Whom Voucherify named in a list or an event or answered for in a run, or the CRM names."""


def select_customers(
    connection: Connection, customer_ids: Sequence[CustomerId], marks: Mapping[str, object]
) -> None:
    """Make customers known, and set these columns of theirs."""
    if not customer_ids:
        return
    rows = [{"customer_id": each, **marks} for each in dict.fromkeys(customer_ids)]
    statement = insert_into(connection, customers).values(rows)
    connection.execute(
        statement.on_conflict_do_update(index_elements=[customers.c.customer_id], set_=marks)
    )


def is_known(connection: Connection, customer_id: CustomerId) -> bool:
    """Tell whether Voucherify ever named this customer, as a code's holder too, or answered."""
    named = select(customers.c.customer_id).where(customers.c.customer_id == customer_id, NAMED)
    answered = select(backfill_customers.c.customer_id).where(
        backfill_customers.c.customer_id == customer_id, backfill_customers.c.done.is_(True)
    )
    held = select(assignments.c.customer_id).where(assignments.c.customer_id == customer_id)
    told = named.union_all(answered, held).limit(1)
    return connection.execute(told).first() is not None


def drop_unknown(connection: Connection, customer_ids: Sequence[CustomerId]) -> None:
    """Delete the rows of ids that Voucherify never named."""
    theirs = customers.c.customer_id.in_(customer_ids)
    connection.execute(delete(customers).where(theirs, not_(NAMED)))


def held_by(connection: Connection, customer_id: CustomerId) -> tuple[Assignment, ...]:
    """Give the assignments of a customer that are known and not known to have ended."""
    ended = select(unassignments.c.holder_id)
    rows = connection.execute(
        select(assignments)
        .where(assignments.c.customer_id == customer_id, assignments.c.holder_id.not_in(ended))
        .order_by(assignments.c.assigned_at)
    )
    return tuple(
        Assignment(
            holder_id=HolderId(row.holder_id),
            customer_id=CustomerId(row.customer_id),
            voucher_id=VoucherId(row.voucher_id),
            code=row.code,
            campaign_id=CampaignId(row.campaign_id) if row.campaign_id else None,
            role=row.role,
            assigned_at=row.assigned_at,
        )
        for row in rows
    )


def told_of(connection: Connection, customer_id: CustomerId) -> tuple[HolderId, ...]:
    """Give the holders of a customer whose end a hint told, and of whom nothing else is known."""
    ended = select(unassignments.c.holder_id)
    held = select(assignments.c.holder_id).where(assignments.c.holder_id.not_in(ended))
    # The same holder may be unassigned once more, and what we have be of the time before.
    found = exists().where(
        unassignments.c.holder_id == hints.c.holder_id,
        unassignments.c.unassigned_at >= hints.c.at,
    )
    told = select(hints.c.holder_id).where(
        hints.c.customer_id == customer_id, ~found, hints.c.holder_id.not_in(held)
    )
    rows = connection.execute(told.order_by(hints.c.at, hints.c.holder_id)).scalars()
    return tuple(HolderId(each) for each in rows)


def store_gone(connection: Connection, gone: Gone, run_id: str, now: datetime) -> Stored:
    """Store that a customer was deleted, with what follows from it."""
    who = gone.customer_id
    key = f"customer:{who}"
    is_news = _mark_gone(connection, who, now) or _is_about_more(connection, key, gone.left)
    found = [Unassigned(each) for each in gone.derived]
    stored = store_findings(connection, found, asked=who, run_id=run_id, now=now)
    if gone.letter is None:
        return stored
    fields = {"customer_id": who, "found_at": now, "found_by": run_id}
    write = open_letter if is_news else store_letter
    is_new = write(connection, key, "customer", gone.letter, **fields)
    return Stored(stored.new, stored.invalid + is_new)


def _is_about_more(connection: Connection, key: str, left: Sequence[HolderId]) -> bool:
    """Tell whether a letter, perhaps closed by a person, would name somebody whom it did not."""
    query = select(dead_letters.c.reason).where(dead_letters.c.key == key)
    reason = connection.execute(query).scalar() or ""
    return not set(left) <= set(reason.replace(",", " ").replace(";", " ").split())


def _mark_gone(connection: Connection, customer_id: CustomerId, now: datetime) -> bool:
    """Tell whether this is news: a customer may come back and be deleted once more."""
    values = {"gone_at": now, "asked_at": now, "failures": 0, "doubted": False}
    if insert_new(connection, customers, {"customer_id": customer_id, **values}):
        return True
    them = update(customers).where(customers.c.customer_id == customer_id)
    connection.execute(them.values(hinted_at=None, selected_by=None))
    return bool(
        connection.execute(them.where(customers.c.gone_at.is_(None)).values(values)).rowcount
    )
