"""One customer's window, page by page: where the reading stands, as values without I/O."""

from dataclasses import dataclass, field, replace
from datetime import datetime

from sync.errors import UnreadableError
from sync.ledger.reading import Known
from sync.model.event import Page
from sync.model.window import Window


@dataclass(frozen=True, slots=True)
class Trail:
    """Notices a list that goes in circles, in constant memory.

    Cursors are compared with one kept cursor, which is renewed after 1, 2, 4, 8 … pages: any circle
    is found, however long the way into it. Method: R. P. Brent, "An improved Monte Carlo
    factorization algorithm", BIT 20 (1980).
    """

    kept: str | None = None
    steps: int = 0
    renew_at: int = 1

    def followed(self, cursor: str) -> "Trail":
        """Go on to `cursor`.

        Raises:
            UnreadableError: it was met before.
        """
        if cursor == self.kept:
            msg = f"the list goes in circles at {cursor}: Voucherify gave this cursor twice"
            raise UnreadableError(msg, signature="cursor repeats")
        steps = self.steps + 1
        if steps == self.renew_at:
            return Trail(cursor, 0, self.renew_at * 2)
        return replace(self, steps=steps)


@dataclass(frozen=True, slots=True)
class CustomerWindow:
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


def begin(known: Known, window: Window) -> CustomerWindow:
    """Start a customer's window, or go on with the one that was cut short."""
    mark = known.bookmark
    if mark is None:
        return CustomerWindow(known, window)
    return CustomerWindow(
        known, mark.window, mark.after, mark.server_time, mark.newest, resumed=True
    )


def advanced(reading: CustomerWindow, page: Page) -> CustomerWindow:
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
        msg = "a page of its activity holds nothing new, but says there is more"
        raise UnreadableError(msg, signature="nothing new")
    return replace(moved, trail=reading.trail.followed(page.next_after))
