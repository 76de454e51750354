"""How far a list was read, of customers or codes: whole once, then kept up by what is new.

Listing everybody in each run would cost a call per hundred customers. So a pass through the whole
list is made once, and anew a week after it was whole, for whoever slipped through while rows moved.
A pass may take many runs; whoever joins meanwhile is listed by each of them all the same.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, Literal

from sqlalchemy import Column, select, update
from sqlalchemy.engine import Connection

from sync.ledger.ledger import Ledger
from sync.ledger.tables import project

ANEW_AFTER = timedelta(days=7)

Listed = Literal["customers", "codes"]
PLACES: Mapping[Listed, tuple[Column[Any], Column[Any], Column[Any], Column[Any]]] = {
    "customers": (
        project.c.listing_since,
        project.c.listing_newest,
        project.c.listing_reached,
        project.c.listing_whole,
    ),
    "codes": (
        project.c.codes_since,
        project.c.codes_newest,
        project.c.codes_reached,
        project.c.codes_whole,
    ),
}


@dataclass(frozen=True, slots=True)
class Listing:
    """Two places in the list, as creation times: where new customers join, and how far a pass got.

    Args:
        since: when the pass began or, once it was whole, when it became so.
        newest: whoever was created before is known, or is for the pass to list; None until then.
        reached: how far the pass got.
        whole: the pass reached the end, so there is only one place left.
    """

    since: datetime
    newest: datetime | None = None
    reached: datetime | None = None
    whole: bool = False

    def kept_up(self, reached: datetime | None) -> "Listing":
        """Take in a page of new customers; one whose last row has no time leaves the place."""
        return replace(self, newest=reached or self.newest)

    def passed(self, reached: datetime | None, asked_at: datetime) -> "Listing":
        """Take in a page of the pass; whoever is created after the first one is new."""
        return replace(self, newest=self.newest or asked_at, reached=reached or self.reached)

    def became_whole(self, now: datetime) -> "Listing":
        """Take in that the last page was the end of the list."""
        return Listing(now, newest=self.reached, whole=True)


def listing_to_do(known: Listing | None, now: datetime) -> Listing:
    """Decide whether a pass begins; a clock that went back begins one too."""
    if known is None:
        return Listing(now)
    if known.whole and not timedelta() <= now - known.since < ANEW_AFTER:
        return Listing(now, newest=known.newest)
    return known


def read_listing(ledger: Ledger, of: Listed = "customers") -> Listing | None:
    """Give how far a list was read; None before the first page."""
    since, newest, reached, whole = PLACES[of]
    with ledger.read_only() as connection:
        row = connection.execute(select(since, newest, reached, whole)).first()
    return None if row is None or row[0] is None else Listing(*row)


def save_listing(connection: Connection, listing: Listing, of: Listed = "customers") -> None:
    """Store how far a list was read, in the transaction that stores who was listed."""
    place = (listing.since, listing.newest, listing.reached, listing.whole)
    values = {column.name: value for column, value in zip(PLACES[of], place, strict=True)}
    connection.execute(update(project).values(values))
