"""Which destinations a ledger knows, and from where on each one hears of unassignments."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import func, insert, select

from sync.errors import TellUserError
from sync.ledger.findings import insert_new
from sync.ledger.ledger import Ledger
from sync.ledger.tables import destinations, unassignments


@dataclass(frozen=True, slots=True)
class Adopted:
    """What a newly adopted destination is to hear of the past."""

    destination: str
    of_the_past: int


def admit(ledger: Ledger, destination: str, now: datetime) -> None:
    """Let a destination in, if it is known or the ledger holds nothing that it missed.

    Raises:
        TellUserError: the ledger holds unassignments that went to another destination only.
    """
    with ledger.transaction() as connection:
        known = select(destinations.c.destination)
        names = [row.destination for row in connection.execute(known)]
        if destination in names:
            return
        missed = connection.execute(select(func.count()).select_from(unassignments)).scalar_one()
        if missed:
            others = ", ".join(names) or "none"
            msg = (
                f"the ledger does not know the destination {destination} (known: {others}) and "
                f"holds {missed} unassignments: say what it is to hear of them with holdersync "
                "adopt --since DATE, or holdersync adopt --from-now"
            )
            raise TellUserError(msg)
        values = {"destination": destination, "after_number": 0, "adopted_at": now}
        insert_new(connection, destinations, values)


def adopt(ledger: Ledger, destination: str, since: datetime | None, now: datetime) -> Adopted:
    """Let a destination in: it hears of what is found from now on, and of the past from `since`.

    Raises:
        TellUserError: it is known already.
    """
    dated = unassignments.c.unassigned_at >= since if since else None
    with ledger.transaction() as connection:
        newest = connection.execute(select(func.max(unassignments.c.number))).scalar() or 0
        values = {
            "destination": destination,
            "after_number": newest,
            "since": since,
            "adopted_at": now,
        }
        if connection.execute(
            select(destinations.c.destination).where(destinations.c.destination == destination)
        ).first():
            msg = f"the destination {destination} is known already: nothing to adopt"
            raise TellUserError(msg)
        connection.execute(insert(destinations).values(values))
        count = select(func.count()).select_from(unassignments)
        past = 0 if dated is None else connection.execute(count.where(dated)).scalar_one()
    return Adopted(destination, past)
