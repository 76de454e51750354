"""What the planner knows of the shop and of each code, and what a look is worth at the moment."""

from dataclasses import dataclass

DAY = 86_400.0
"""Seconds."""
SHOP_PRIOR_RATE = 0.01 / DAY
SHOP_PRIOR_WATCH = 100 * DAY
"""Before anything is known, one of a hundred holders a day; a hundred holder-days outweigh it."""


@dataclass(frozen=True, slots=True)
class Shop:
    """What vanished in all, and for how many holder-seconds it was watched; both fade."""

    watched: float = 0.0
    vanished: float = 0.0

    @property
    def rate(self) -> float:
        """Unassignments per holder and second."""
        known = self.vanished + SHOP_PRIOR_RATE * SHOP_PRIOR_WATCH
        return known / (self.watched + SHOP_PRIOR_WATCH)


@dataclass(frozen=True, slots=True)
class CodeHistory:
    """What is known of one code.

    Args:
        holders: how many held it at the last look.
        cost: calls per look, a moving mean.
        watched: holder-seconds between looks, fading.
        vanished: holders that were missing at a look, fading.
    """

    holders: int = 0
    cost: float = 1.0
    watched: float = 0.0
    vanished: float = 0.0


@dataclass(frozen=True, slots=True)
class Price:
    """What the budget can pay.

    Args:
        stretch: seconds between looks at a candidate whose sqrt(cost / rate) is 1.
        longest: seconds that nobody who is known to hold something waits longer than.
        sweep: seconds between two reads of a customer who was never seen to hold anything.
        part: of the calls, that these reads have.
    """

    stretch: float
    longest: float
    sweep: float
    part: float
