"""One customer's window, page by page: where the reading stands, as values without I/O."""

from dataclasses import dataclass, field, replace
from datetime import datetime

from sync.errors import UnreadableError
from sync.ledger.reading import Known
from sync.model.event import Page
from sync.model.window import Window
from sync.voucherify.activity import Trail


@dataclass(frozen=True, slots=True)
class Reading:
    """One customer being read: the window, the place in it, and what the cursor will rest on."""

    known: Known
    window: Window
    after: str | None = None
    server_time: datetime | None = None
    newest: datetime | None = None
    trail: Trail = field(default_factory=Trail)
    last_ids: frozenset[str] = frozenset()
    resumed: bool = False
    fresh: bool = True


def begin(known: Known, window: Window) -> Reading:
    """Start a customer's window, or go on with the one that was cut short."""
    mark = known.bookmark
    if mark is None:
        return Reading(known, window)
    return Reading(known, mark.window, mark.after, mark.server_time, mark.newest, resumed=True)


def advanced(reading: Reading, page: Page) -> Reading:
    """Take a page in: where to go on, and what the cursor will rest on.

    Raises:
        UnreadableError: the list goes in circles, or has more pages but nothing new.
    """
    newest = max(filter(None, (reading.newest, page.newest)), default=None)
    moved = replace(
        reading,
        server_time=reading.server_time or page.server_time,
        newest=newest,
        after=page.next_after,
        last_ids=page.ids,
        resumed=False,
        fresh=False,
    )
    if page.next_after is None:
        return moved
    if page.ids <= reading.last_ids:
        msg = f"a page of {reading.known.customer_id} holds nothing new, but says there is more"
        raise UnreadableError(msg, signature="nothing new")
    return replace(moved, trail=reading.trail.followed(page.next_after))
