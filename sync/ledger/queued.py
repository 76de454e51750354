"""What is still to become a delivery: facts that no destination's queue has taken up.

A delivery becomes a row only when the next run delivers, so whoever asks what is pending before
that has to count these too.
"""

from typing import Any

from sqlalchemy import Select, and_, literal, or_, select

from sync.ledger.tables import deliveries, destinations, unassignments
from sync.model.delivery import Status


def not_queued() -> Select[Any]:
    """Select the deliveries that are not rows yet: what a known destination is to hear of."""
    to_hear = or_(
        unassignments.c.number > destinations.c.after_number,
        unassignments.c.unassigned_at >= destinations.c.since,
    )
    queued = and_(
        deliveries.c.destination == destinations.c.destination,
        deliveries.c.holder_id == unassignments.c.holder_id,
    )
    return (
        select(
            destinations.c.destination,
            unassignments.c.holder_id,
            literal(Status.PENDING.value),
            literal(0),
        )
        .select_from(unassignments.join(destinations, to_hear).outerjoin(deliveries, queued))
        .where(deliveries.c.holder_id.is_(None))
    )
