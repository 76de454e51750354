"""A shop for the simulation of calls: who holds which code from when to when, by a seed.

Only referees are objects; all other customers are a number, so ten million cost nothing. Codes have
a heavy tail (Zipf): few have many holders. Holders come as fast as they go, so the shop is steady.
A part of the unassignments happens in bursts: a campaign ends, and within two hours all its holders
are taken off. A few assignments are fleeting: they end within hours.
"""

from bisect import bisect
from dataclasses import dataclass
from itertools import accumulate
from random import Random

HOUR = 3_600.0
DAY = 86_400.0
BURST_LASTS = 2 * HOUR
FLEETING_LASTS = 6 * HOUR


@dataclass(frozen=True, slots=True)
class Sizes:
    """How large a shop is, and what happens in it; `days` include the warm-up."""

    customers: int = 50_000
    codes: int = 4_000
    referees: int = 12_000
    a_day: float = 300.0
    tail: float = 1.0
    campaigns: int = 40
    bursts: float = 0.3
    fleeting: float = 0.01
    days: int = 33
    seed: int = 1


@dataclass(frozen=True, slots=True)
class Shop:
    """What happens in a shop.

    Args:
        sizes: what it was made of.
        campaign_of: the campaign of each code.
        held: by code, each assignment's begin and end in seconds, by begin; 0 is the start.
    """

    sizes: Sizes
    campaign_of: tuple[int, ...]
    held: tuple[tuple[tuple[float, float], ...], ...]

    def ends(self) -> list[tuple[float, float]]:
        """Give begin and end of all that end within the days."""
        last = self.sizes.days * DAY
        return [each for one in self.held for each in one if 0 < each[1] <= last]

    def rates(self) -> list[float]:
        """Give the unassignments a day of each code, as they happened."""
        last = self.sizes.days * DAY
        return [sum(0 < end <= last for _, end in one) / self.sizes.days for one in self.held]


def make_shop(sizes: Sizes) -> Shop:
    """Make a shop; the same sizes and seed make the same one."""
    dice = Random(sizes.seed)  # noqa: S311 - a simulation
    weights = [1 / (rank + 1) ** sizes.tail for rank in range(sizes.codes)]
    dice.shuffle(weights)
    campaign_of = tuple(dice.randrange(sizes.campaigns) for _ in range(sizes.codes))
    ending = _endings(sizes, weights, campaign_of, dice)
    cumulated = list(accumulate(weights))
    held: list[list[tuple[float, float]]] = [[] for _ in range(sizes.codes)]
    life = sizes.referees / (sizes.a_day * (1 - sizes.bursts)) * DAY
    for begin in _begins(sizes, dice):
        code = bisect(cumulated, dice.random() * cumulated[-1])
        last = ending.get(campaign_of[code])
        if last is not None and begin >= last:
            continue
        is_fleeting = begin > 0 and dice.random() < sizes.fleeting
        lasts = dice.expovariate(1 / (FLEETING_LASTS if is_fleeting else life))
        end = max(begin, 0.0) + lasts
        if last is not None and end > last:
            end = last + dice.random() * BURST_LASTS
        held[code].append((begin, end))
    return Shop(sizes, campaign_of, tuple(tuple(sorted(each)) for each in held))


def _endings(
    sizes: Sizes, weights: list[float], campaign_of: tuple[int, ...], dice: Random
) -> dict[int, float]:
    """Choose campaigns whose holders make up the bursts, and when each ends."""
    holders = [0.0] * sizes.campaigns
    for weight, campaign in zip(weights, campaign_of, strict=True):
        holders[campaign] += weight
    scale = sizes.referees / sum(weights)
    wanted = sizes.a_day * sizes.days * sizes.bursts
    ending: dict[int, float] = {}
    got = 0.0
    for campaign in dice.sample(range(sizes.campaigns), sizes.campaigns):
        size = holders[campaign] * scale
        if got + size / 2 > wanted:
            continue
        got += size
        ending[campaign] = dice.uniform(0.5, sizes.days - 0.5) * DAY
    return ending


def _begins(sizes: Sizes, dice: Random) -> list[float]:
    """Give when assignments begin: those of the start, before it, and all that come later."""
    begins = [-1.0] * sizes.referees
    now = 0.0
    while now < sizes.days * DAY:
        now += dice.expovariate(sizes.a_day / DAY)
        begins.append(now)
    return begins
