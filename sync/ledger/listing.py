"""How far the list of customers was read: whole once, then kept up by who is new.

Listing everybody in each run would cost a call per hundred customers, and a shop whose list costs
more than a day's share would never get as far as asking. So a listing that was cut short goes on,
a whole one is kept up from where it ended, and after a week it begins anew, for whoever slipped
through while rows moved.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import select, update
from sqlalchemy.engine import Connection

from sync.ledger.ledger import Ledger
from sync.ledger.tables import project

ANEW_AFTER = timedelta(days=7)


@dataclass(frozen=True, slots=True)
class Listing:
    """Up to which creation time it got, and whether it reached the end.

    `since` is when it began or, once it is whole, when it became so.
    """

    since: datetime
    reached: datetime | None = None
    whole: bool = False

    def after(self, reached: datetime | None, now: datetime, *, is_last: bool) -> "Listing":
        """Take a page in; one whose last row has no time leaves the place as it is."""
        since = now if is_last and not self.whole else self.since
        return Listing(since, reached or self.reached, self.whole or is_last)


def listing_to_do(known: Listing | None, now: datetime) -> Listing:
    """Decide where the listing goes on; a clock that went back begins it anew."""
    if known is None or (known.whole and not timedelta() <= now - known.since < ANEW_AFTER):
        return Listing(now)
    return known


def read_listing(ledger: Ledger) -> Listing | None:
    """Give how far the list was read; None before the first page."""
    columns = (project.c.listing_since, project.c.listing_reached, project.c.listing_whole)
    with ledger.read_only() as connection:
        row = connection.execute(select(*columns)).first()
    if row is None or row.listing_since is None:
        return None
    return Listing(row.listing_since, row.listing_reached, row.listing_whole)


def save_listing(connection: Connection, listing: Listing) -> None:
    """Store how far the list was read, in the transaction that stores who was listed."""
    connection.execute(
        update(project).values(
            listing_since=listing.since,
            listing_reached=listing.reached,
            listing_whole=listing.whole,
        )
    )
