"""How far the list of customers was read: whole once, then kept up by who is new.

Listing everybody in each run would cost a call per hundred customers. So a pass through the whole
list is made once, and anew a week after it was whole, for whoever slipped through while rows moved.
A pass may take many runs; whoever joins meanwhile is listed by each of them all the same.
"""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from sqlalchemy import select, update
from sqlalchemy.engine import Connection

from sync.ledger.ledger import Ledger
from sync.ledger.tables import project

ANEW_AFTER = timedelta(days=7)


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


def read_listing(ledger: Ledger) -> Listing | None:
    """Give how far the list was read; None before the first page."""
    with ledger.read_only() as connection:
        row = connection.execute(select(project)).first()
    if row is None or row.listing_since is None:
        return None
    return Listing(row.listing_since, row.listing_newest, row.listing_reached, row.listing_whole)


def save_listing(connection: Connection, listing: Listing) -> None:
    """Store how far the list was read, in the transaction that stores who was listed."""
    connection.execute(
        update(project).values(
            listing_since=listing.since,
            listing_newest=listing.newest,
            listing_reached=listing.reached,
            listing_whole=listing.whole,
        )
    )
