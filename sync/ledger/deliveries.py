"""What each destination is still to hear, and what it answered.

`pending` becomes `delivered` or `dead` in one place, `settle`; the decision comes from the job.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import (
    ColumnElement,
    ScalarSelect,
    and_,
    func,
    or_,
    select,
    true,
    update,
)
from sqlalchemy.engine import Connection

from sync.database import insert_into
from sync.ledger.changes import keep
from sync.ledger.findings import open_letter, remember_assignments
from sync.ledger.ledger import Ledger
from sync.ledger.personal import forget_personal_fields
from sync.ledger.queued import not_queued
from sync.ledger.tables import assignments, deliveries, destinations, unassignments
from sync.model.delivery import Delivery, Settlement, Status
from sync.model.unassignment import (
    Assignment,
    CampaignId,
    CustomerId,
    EventId,
    HolderId,
    Unassignment,
    VoucherId,
)

NO_CAMPAIGN = "(no campaign)"
FURTHEST_ATTEMPT = timedelta(days=2)
"""How far ahead the next attempt may be; what is further ahead was dated by a wrong clock."""


@dataclass(frozen=True, slots=True)
class Place:
    """Behind which delivery the next batch starts; deliveries go in the order of their events."""

    unassigned_at: datetime
    holder_id: HolderId


class Deliveries:
    """One destination's deliveries, as one run sees them.

    A delivery that was answered in this run is not due again in it. An answer is about the event
    that `due` gave: if a later one opened the delivery again meanwhile, that is still to be told.
    """

    def __init__(self, ledger: Ledger, destination: str, run_id: str) -> None:
        self._ledger = ledger
        self._destination = destination
        self._run_id = run_id
        self._given: dict[HolderId, EventId] = {}

    def enqueue(self) -> None:
        """Make a pending delivery of each unassignment that a destination is to hear of.

        Of every known destination: who has still to hear needs the personal fields as well.
        """
        with self._ledger.transaction() as connection:
            columns = ["destination", "holder_id", "status", "attempts"]
            statement = insert_into(connection, deliveries).from_select(columns, not_queued())
            connection.execute(statement)

    def pending(self) -> int:
        """Count what is still to be delivered: due or not, made pending already or not."""
        mine = and_(self._mine(), deliveries.c.status == Status.PENDING)
        to_hear = not_queued().where(destinations.c.destination == self._destination)
        to_come = select(func.count()).select_from(to_hear.subquery())
        with self._ledger.read_only() as connection:
            queued = connection.execute(select(func.count()).where(mine)).scalar_one()
            return queued + connection.execute(to_come).scalar_one()

    def due_by_campaign(self, now: datetime) -> dict[str, int]:
        """Count what a delivery would take up now, by campaign, most first."""
        name = func.coalesce(
            unassignments.c.campaign_name, unassignments.c.campaign_id, NO_CAMPAIGN
        )
        count = func.count()
        query = (
            select(name, count)
            .select_from(_joined())
            .where(self._due(now))
            .group_by(name)
            .order_by(count.desc(), name)
        )
        with self._ledger.read_only() as connection:
            return {row[0]: row[1] for row in connection.execute(query)}

    def due(self, now: datetime, limit: int, behind: Place | None) -> tuple[Delivery, ...]:
        """Give the next deliveries to make, each with the newest assignment that is known now."""
        order = (unassignments.c.unassigned_at, unassignments.c.holder_id)
        query = (
            select(
                unassignments,
                deliveries.c.attempts,
                deliveries.c.missing_since,
                _superseding().label("superseded_by"),
            )
            .select_from(_joined())
            .where(self._due(now))
            .order_by(*order)
            .limit(limit)
        )
        if behind is not None:
            query = query.where(_behind(behind))
        with self._ledger.read_only() as connection:
            given = tuple(_delivery(row) for row in connection.execute(query))
        for each in given:
            self._given[each.unassignment.holder_id] = each.unassignment.event_id
        return given

    def settle(
        self, settlements: Sequence[Settlement], now: datetime, newer: Sequence[Assignment] = ()
    ) -> int:
        """Store what became of deliveries, and what they changed, all together.

        Gives the number of new dead letters. `newer` are assignments that were seen meanwhile, for
        the memory.
        """
        with self._ledger.transaction() as connection:
            remember_assignments(connection, newer)
            keep(
                connection,
                settlements,
                destination=self._destination,
                run_id=self._run_id,
                given=self._given,
                now=now,
            )
            new_letters = 0
            for settlement in settlements:
                if self._store(connection, settlement, now):
                    new_letters += self._letter(connection, settlement, now)
            final = [each.holder_id for each in settlements if each.status is Status.DELIVERED]
            forget_personal_fields(connection, final)
        return new_letters

    def _mine(self) -> ColumnElement[bool]:
        return deliveries.c.destination == self._destination

    def _due(self, now: datetime) -> ColumnElement[bool]:
        next_at = deliveries.c.next_attempt_at
        is_time = or_(next_at.is_(None), next_at <= now, next_at > now + FURTHEST_ATTEMPT)
        not_answered = or_(deliveries.c.run_id.is_(None), deliveries.c.run_id != self._run_id)
        return and_(self._mine(), deliveries.c.status == Status.PENDING, is_time, not_answered)

    def _same_event(self, holder_id: HolderId) -> ColumnElement[bool]:
        given = self._given.get(holder_id)
        same = select(unassignments.c.holder_id).where(unassignments.c.event_id == given)
        return true() if given is None else deliveries.c.holder_id.in_(same)

    def _store(self, connection: Connection, settlement: Settlement, now: datetime) -> bool:
        outcome = settlement.outcome
        is_final = settlement.status is not Status.PENDING
        stored = connection.execute(
            update(deliveries)
            .where(self._mine(), deliveries.c.holder_id == settlement.holder_id)
            .where(deliveries.c.status == Status.PENDING, self._same_event(settlement.holder_id))
            .values(
                status=settlement.status,
                attempts=settlement.attempts,
                outcome=outcome.result.value,
                reason=outcome.reason,
                missing_since=settlement.missing_since,
                next_attempt_at=settlement.next_attempt_at,
                finished_at=now if is_final else None,
                run_id=self._run_id,
            )
        )
        return bool(stored.rowcount)

    def _letter(self, connection: Connection, settlement: Settlement, now: datetime) -> int:
        if settlement.status is not Status.DEAD:
            return 0
        key = self._key(settlement.holder_id)
        reason = settlement.outcome.reason or settlement.outcome.result.value
        known = unassignments.c.holder_id == settlement.holder_id
        row = connection.execute(
            select(unassignments.c.customer_id, unassignments.c.event_id).where(known)
        ).one()
        fields = {
            "customer_id": row.customer_id,
            "event_id": row.event_id,
            "holder_id": settlement.holder_id,
            "destination": self._destination,
            "found_at": now,
            "found_by": self._run_id,
        }
        return open_letter(connection, key, "delivery", reason, **fields)

    def _key(self, holder_id: HolderId) -> str:
        return f"delivery:{self._destination}:{holder_id}"


def sample(ledger: Ledger, destination: str, limit: int) -> tuple[Unassignment, ...]:
    """Give some unassignments to look at: those that are pending, else those found last."""
    mine = and_(
        deliveries.c.holder_id == unassignments.c.holder_id,
        deliveries.c.destination == destination,
    )
    is_pending = func.coalesce(deliveries.c.status, "") == Status.PENDING
    query = (
        select(
            unassignments,
            deliveries.c.attempts,
            deliveries.c.missing_since,
            _superseding().label("superseded_by"),
        )
        .select_from(unassignments.outerjoin(deliveries, mine))
        .order_by(is_pending.desc(), unassignments.c.number.desc())
        .limit(limit)
    )
    with ledger.read_only() as connection:
        return tuple(_delivery(row).unassignment for row in connection.execute(query))


def _joined() -> Any:  # noqa: ANN401  # a join has no public type
    same = deliveries.c.holder_id == unassignments.c.holder_id
    return deliveries.join(unassignments, same)


def _superseding() -> ScalarSelect[Any]:
    # A code can be used again after its voucher was deleted for good. One customer has few rows,
    # so the index on the person is enough for the code as well.
    same_voucher = assignments.c.voucher_id == unassignments.c.voucher_id
    newer = and_(
        assignments.c.customer_id == unassignments.c.customer_id,
        or_(same_voucher, assignments.c.code == unassignments.c.code),
        assignments.c.assigned_at > unassignments.c.assigned_at,
        assignments.c.holder_id != unassignments.c.holder_id,
    )
    return (
        select(assignments.c.holder_id)
        .where(newer)
        .order_by(assignments.c.assigned_at.desc())
        .limit(1)
        .scalar_subquery()
    )


def _behind(place: Place) -> ColumnElement[bool]:
    at = unassignments.c.unassigned_at
    return or_(
        at > place.unassigned_at,
        and_(at == place.unassigned_at, unassignments.c.holder_id > place.holder_id),
    )


def _delivery(row: Any) -> Delivery:  # noqa: ANN401  # rows are typed by position only
    unassignment = Unassignment(
        holder_id=HolderId(row.holder_id),
        event_id=EventId(row.event_id),
        role=row.role,
        customer_id=CustomerId(row.customer_id),
        source_id=row.source_id,
        email=row.email,
        voucher_id=VoucherId(row.voucher_id),
        code=row.code,
        campaign_id=CampaignId(row.campaign_id) if row.campaign_id else None,
        campaign_name=row.campaign_name,
        assigned_at=row.assigned_at,
        unassigned_at=row.unassigned_at,
        superseded_by=HolderId(row.superseded_by) if row.superseded_by else None,
    )
    return Delivery(unassignment, row.attempts, row.missing_since)
