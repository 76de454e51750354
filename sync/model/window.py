"""How far a customer's activity was read, and where the next read starts.

A cursor only ever moves forward, and only over time that was read: not past the newest event, and
not past the server's own clock when the read began. So neither a wrong clock nor an event dated in
the future carries it over events that are still to come.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta


@dataclass(frozen=True, slots=True)
class Window:
    """A half-open span of UTC time, `[start, end)`; without `end` it reaches up to now."""

    start: datetime
    end: datetime | None = None

    def __post_init__(self) -> None:
        if self.end is not None and self.end <= self.start:
            msg = f"a window ends after it starts, but {self.end} is not after {self.start}"
            raise ValueError(msg)

    def holds(self, instant: datetime) -> bool:
        """Tell whether `instant` lies in the window."""
        return self.start <= instant and (self.end is None or instant < self.end)


@dataclass(frozen=True, slots=True)
class Bookmark:
    """Where in a window the reading of one customer stands, after a page was stored.

    `after` is the id to go on behind (Voucherify's `starting_after_id`). `server_time` is the
    `Date` of the window's first page and `newest` the newest event read so far: both outlive a
    restart, because the cursor that the last page sets rests on them.
    """

    window: Window
    after: str
    server_time: datetime
    newest: datetime | None


def window_to_read(cursor: datetime | None, lookback: timedelta, horizon: datetime) -> Window:
    """Decide where the next read of a customer starts.

    A customer that was never read starts at the horizon, however late it is first reached. A read
    never starts before the horizon: what is older is a backfill's.
    """
    if cursor is None:
        return Window(horizon)
    return Window(max(horizon, cursor - lookback))


def moved_cursor(
    cursor: datetime | None, newest: datetime | None, server_time: datetime
) -> datetime | None:
    """Decide the cursor after a window was read to its end.

    Args:
        cursor: where it stood, or None if the customer was never read.
        newest: `created_at` of the newest event read; None leaves the cursor where it is.
        server_time: the `Date` of the window's first page.
    """
    if newest is None:
        return cursor
    reached = min(newest, server_time)
    return reached if cursor is None else max(cursor, reached)
