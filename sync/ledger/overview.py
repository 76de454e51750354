"""What a ledger holds, in figures."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import and_, func, select

from sync.ledger.ledger import Ledger
from sync.ledger.people import NAMED
from sync.ledger.tables import customers, dead_letters, deliveries, project, unassignments


@dataclass(frozen=True, slots=True)
class Overview:
    """Figures of one ledger; times are UTC.

    `read_since` is the oldest time at which a known customer was last asked: everything that
    Voucherify listed before it was read. None while somebody was never asked.
    """

    base_url: str | None
    horizon: datetime | None
    customers: int
    never_asked: int
    gone: int
    read_since: datetime | None
    unassignments: int
    deliveries: Mapping[str, Mapping[str, int]]
    dead_letters: int


def overview(ledger: Ledger) -> Overview:
    """Count everything, in one consistent state."""
    here = and_(customers.c.gone_at.is_(None), NAMED)
    known = select(
        func.count(), func.count(customers.c.asked_at), func.min(customers.c.asked_at)
    ).where(here)
    by_status = select(deliveries.c.destination, deliveries.c.status, func.count()).group_by(
        deliveries.c.destination, deliveries.c.status
    )
    with ledger.read_only() as connection:
        bound = connection.execute(select(project)).first()
        total, asked, oldest = connection.execute(known).one()
        per_destination: dict[str, dict[str, int]] = {}
        for destination, status, count in connection.execute(by_status):
            per_destination.setdefault(destination, {})[status] = count
        return Overview(
            base_url=bound.base_url if bound else None,
            horizon=bound.horizon if bound else None,
            customers=total,
            never_asked=total - asked,
            gone=connection.execute(
                select(func.count()).where(customers.c.gone_at.is_not(None))
            ).scalar_one(),
            read_since=oldest if asked == total else None,
            unassignments=connection.execute(
                select(func.count()).select_from(unassignments)
            ).scalar_one(),
            deliveries=per_destination,
            dead_letters=connection.execute(
                select(func.count()).where(dead_letters.c.status == "open")
            ).scalar_one(),
        )
