"""Personal fields: in the ledger only as long as a delivery needs them."""

from collections.abc import Sequence

from sqlalchemy import and_, select, update
from sqlalchemy.engine import Connection

from sync.ledger.tables import dead_letters, deliveries, unassignments
from sync.model.delivery import Status


def forget_personal_fields(connection: Connection, holder_ids: Sequence[str]) -> None:
    """Erase the personal fields of those unassignments that no delivery needs any more.

    A pending delivery needs them, at any destination, and a dead one while its letter is open.
    """
    pending = select(deliveries.c.holder_id).where(deliveries.c.status == Status.PENDING)
    to_retry = select(dead_letters.c.holder_id).where(
        and_(dead_letters.c.kind == "delivery", dead_letters.c.status == "open")
    )
    connection.execute(
        update(unassignments)
        .where(unassignments.c.holder_id.in_(holder_ids), unassignments.c.email.is_not(None))
        .where(unassignments.c.holder_id.not_in(pending))
        .where(unassignments.c.holder_id.not_in(to_retry))
        .values(email=None)
    )
