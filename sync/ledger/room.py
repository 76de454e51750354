"""How many calls the observed window still has for us, before the shop's reserve is met."""

from dataclasses import dataclass, replace
from math import inf

UNKNOWN_WINDOW = 60.0
"""Seconds to pause when the window's end is not told."""
SAME_WINDOW = 1.5
"""Seconds by which two answers may differ about the end of one window: a `Date` has whole ones."""


@dataclass(frozen=True, slots=True)
class Room:
    """Calls that may still be started until the window ends, on the monotonic clock."""

    calls: float = inf
    until: float = 0.0

    def told(self, calls: float, now: float, resets_in: float | None) -> "Room":
        """Take an answer in; answers overtake one another, so of one window the least counts."""
        until = now + (UNKNOWN_WINDOW if resets_in is None else resets_in)
        if until <= self.until + SAME_WINDOW:
            return Room(min(self.calls, calls), until)
        return Room(calls, until)

    def after_one(self) -> "Room":
        """Count a call that starts."""
        return replace(self, calls=self.calls - 1)

    def is_used_up(self, now: float) -> bool:
        """Tell whether no call may start before the window ends."""
        return self.calls <= 0 and now < self.until
