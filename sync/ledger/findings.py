"""Stores what a page held; called inside the transaction that also stores how far it was read."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Table, and_, delete, insert, select, update
from sqlalchemy.engine import Connection

from sync.database import insert_into
from sync.ledger.forgotten import is_forgotten, without_forgotten
from sync.ledger.hints import take_up
from sync.ledger.tables import assignments, codes, dead_letters, deliveries, unassignments
from sync.model.event import Assigned, Finding, Hint, Invalid, Unassigned
from sync.model.unassignment import Assignment, CustomerId, HolderId, Unassignment


@dataclass(frozen=True, slots=True)
class Stored:
    """How many unassignments and dead letters were not known before."""

    new: int = 0
    invalid: int = 0


def store_findings(
    connection: Connection,
    findings: Iterable[Finding],
    *,
    asked: CustomerId | None,
    run_id: str,
    now: datetime,
    follow: Callable[[Connection, Hint], None] = take_up,
) -> Stored:
    """Store findings; one that was seen before changes nothing.

    `follow` lets whom a hint names be asked.
    """
    new = invalid = 0
    for finding in findings:
        match finding:
            case Unassigned(unassignment):
                new += _store_unassignment(connection, unassignment, run_id, now)
            case Assigned(assignment):
                remember_assignments(connection, [assignment])
            case Hint():
                if not is_forgotten(connection, finding.customer_id):
                    follow(connection, finding)
            case Invalid():
                invalid += _store_event_letter(connection, finding, asked, run_id, now)
    return Stored(new, invalid)


def remember_assignments(connection: Connection, known: Iterable[Assignment]) -> None:
    """Store assignments for the memory; one of somebody who was forgotten is not."""
    for each in known:
        if not is_forgotten(connection, each.customer_id):
            _store_assignment(connection, each)


def insert_new(connection: Connection, table: Table, values: dict[str, Any]) -> bool:
    """Insert a row unless its key is there; tell whether it was inserted."""
    statement = insert_into(connection, table).values(values).on_conflict_do_nothing()
    key = next(iter(table.primary_key))
    return connection.execute(statement.returning(key)).first() is not None


def store_letter(
    connection: Connection, key: str, kind: str, reason: str, **fields: object
) -> bool:
    """Write a dead letter unless there is one with this key; tell whether it is new."""
    values = {"key": key, "kind": kind, "reason": reason, "status": "open", **fields}
    return insert_new(connection, dead_letters, values)


def open_letter(connection: Connection, key: str, kind: str, reason: str, **fields: object) -> bool:
    """Write a dead letter, or open the one with this key again; tell whether none was open."""
    if store_letter(connection, key, kind, reason, **fields):
        return True
    mine = update(dead_letters).where(dead_letters.c.key == key)
    closed = mine.where(dead_letters.c.status != "open")
    was_closed = connection.execute(closed.values(status="open", closed_at=None)).rowcount
    connection.execute(mine.values(reason=reason, **fields))
    return bool(was_closed)


def _store_unassignment(
    connection: Connection, found: Unassignment, run_id: str, now: datetime
) -> bool:
    values = {
        "holder_id": found.holder_id,
        "event_id": found.event_id,
        "role": found.role,
        "customer_id": found.customer_id,
        "source_id": found.source_id,
        "email": found.email,
        "voucher_id": found.voucher_id,
        "code": found.code,
        "campaign_id": found.campaign_id,
        "campaign_name": found.campaign_name,
        "assigned_at": found.assigned_at,
        "unassigned_at": found.unassigned_at,
        "found_at": now,
        "found_by": run_id,
    }
    if insert_new(connection, unassignments, values):
        _name_code(connection, found)
        return True
    return _reopen(connection, found, values, now)


def _reopen(
    connection: Connection, found: Unassignment, values: dict[str, Any], now: datetime
) -> bool:
    # The same holder unassigned once more, later and by another event: it was assigned again in
    # between under the same id, so every destination has to hear of it again.
    known = unassignments.c.holder_id == found.holder_id
    row = connection.execute(
        select(unassignments.c.event_id, unassignments.c.unassigned_at).where(known)
    ).one()
    if row.event_id == found.event_id or found.unassigned_at <= row.unassigned_at:
        return False
    gone_rows = connection.execute(
        delete(deliveries)
        .where(deliveries.c.holder_id == found.holder_id)
        .returning(deliveries.c.destination)
    ).all()
    connection.execute(delete(unassignments).where(known))
    connection.execute(insert(unassignments).values(values))
    for row_of_destination in gone_rows:
        connection.execute(
            insert(deliveries).values(
                destination=row_of_destination.destination,
                holder_id=found.holder_id,
                status="pending",
                attempts=0,
            )
        )
    _close_delivery_letters(connection, found.holder_id, now)
    return True


def _close_delivery_letters(connection: Connection, holder_id: HolderId, now: datetime) -> None:
    # These deliveries are tried again, so no person needs to look at the failures before.
    theirs = and_(dead_letters.c.kind == "delivery", dead_letters.c.holder_id == holder_id)
    connection.execute(
        update(dead_letters)
        .where(theirs, dead_letters.c.status == "open")
        .values(status="retried", closed_at=now)
    )


def _store_assignment(connection: Connection, known: Assignment) -> None:
    values = {
        "holder_id": known.holder_id,
        "customer_id": known.customer_id,
        "voucher_id": known.voucher_id,
        "code": known.code,
        "campaign_id": known.campaign_id,
        "role": known.role,
        "assigned_at": known.assigned_at,
    }
    if _insert_or_tell(connection, assignments, values):
        _name_code(connection, known)
        _find_code(connection, known)


def _name_code(connection: Connection, told: Assignment | Unassignment) -> None:
    """Make the code known that a friend was given: its holders may be looked at."""
    if told.role == "REFEREE":
        code = {"code": told.code, "campaign_id": told.campaign_id}
        _insert_or_tell(connection, codes, {"voucher_id": told.voucher_id, **code})


def _insert_or_tell(connection: Connection, table: Table, values: dict[str, Any]) -> bool:
    """Insert a row, or tell it the code that people see if it lacks that; tell whether it did.

    A list of holders tells a code's id alone.
    """
    statement = insert_into(connection, table).values(values)
    (key,) = table.primary_key
    code = statement.excluded.code
    upsert = statement.on_conflict_do_update(
        index_elements=[key],
        set_={"code": code},
        where=and_(table.c.code.is_(None), code.is_not(None)),
    )
    return connection.execute(upsert.returning(key)).first() is not None


def _find_code(connection: Connection, known: Assignment) -> None:
    """Take a code that somebody was given since it was gone for one that is there."""
    again = and_(codes.c.voucher_id == known.voucher_id, codes.c.gone_at < known.assigned_at)
    connection.execute(update(codes).where(again).values(gone_at=None, due_at=0.0))


def _store_event_letter(
    connection: Connection, found: Invalid, asked: CustomerId | None, run_id: str, now: datetime
) -> bool:
    own_id = None if found.key.startswith("sha256:") else found.key
    return store_letter(
        connection,
        f"event:{found.key}",
        "event",
        found.reason,
        customer_id=asked,
        event_id=own_id,
        evidence=without_forgotten(connection, found.evidence),
        found_at=now,
        found_by=run_id,
    )
