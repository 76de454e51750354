"""When each customer and each code is worth a call: pure, and the only place that decides it.

What happened t seconds ago and is not known yet has waited t/2 on average, so a rate of r events
per second gathers r * t**2 / 2 seconds of delay in t seconds. A call of c is best spent where most
delay has gathered for it: looks are due once r * t**2 / c has reached one level everywhere, that is
after t = stretch * sqrt(c / r), and the frequency of looks goes with the square root of the rate.
No other split of the same calls has a smaller mean delay. Source: the square-root rule, E. Cohen
and S. Shenker, "Replication strategies in unstructured peer-to-peer networks", SIGCOMM 2002, which
has the same sum (rate / frequency) under the same bound (calls).
`stretch` is what the budget can pay: `price` finds it. Nobody waits longer than `longest`.

A code's rate is estimated from what it holds and from what vanished there, both fading by half in
two weeks; who has no history has the shop's rate per holder. One holder more than there are counts
a little, since somebody may have come since. Codes of a campaign where many vanish at once are due
at once: a campaign ends for all its codes.
"""

import heapq
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from math import ceil, floor, log2, sqrt

from sync.model.planning import DAY, CodeHistory, Price, Shop

HALF_LIFE = 14 * DAY
PRIOR_WATCH = 40 * DAY
"""Seconds for which each holder of a code counts as having been watched at the shop's rate."""
FRESH = 0.05
"""Holders more than were seen: somebody may have come, and gone, since the last look."""
HOT_SPAN = 3 * 3_600.0
HOT_LEAST = 8
HOT_RATIO = 3.0
"""A campaign is hot once so many vanished within the span, and so many times what was to be
expected."""

FIRST_AGAIN = 900.0
"""Seconds until somebody is asked again whose reading failed once."""

FOR_LOOKS = 0.9
"""Part of a day's calls that is planned; the rest is for what comes up."""
LEAST_FOR_LOOKS = 0.1
"""Part of a day's calls that looks have in any case, however much there is to be read."""
SWEEP_BESIDE = 0.1
"""Part of the planned calls for customers who were never seen to hold anything, where codes or the
CRM tell who does."""
FAVOUR = 5.0
"""Where only their own activity tells that, whoever is known to hold something is read so many
times as often as whoever is not: an unassignment follows an assignment."""

STEPS = 8
"""Classes of stretches per doubling; a class is 9 % wide."""
ROUNDS = 60


@dataclass(frozen=True, slots=True)
class Demand:
    """How many candidates there are, by what they need; memory is flat, however many they are.

    Args:
        calls: per class of sqrt(cost / rate), the calls of one look at each of its candidates.
        of_codes: the same of codes alone; the rest are customers who hold something.
        news: holders that are to be expected to vanish from the codes, per second; each is a call.
        holding: customers who are known to hold what no code in here covers.
        others: customers who were never seen to hold anything.
    """

    calls: Mapping[int, float] = field(default_factory=dict)
    of_codes: Mapping[int, float] = field(default_factory=dict)
    codes: int = 0
    news: float = 0.0
    holding: int = 0
    others: int = 0


@dataclass(frozen=True, slots=True)
class Portions:
    """How many of each line a run takes: codes, customers who hold something, all others."""

    codes: int
    holding: int
    others: int


def looked(
    history: CodeHistory, held_for: float, holders: int, vanished: int, calls: int
) -> CodeHistory:
    """Take a look in: `held_for` seconds after the one before, at a cost of `calls`."""
    fading = 0.5 ** (held_for / HALF_LIFE)
    return CodeHistory(
        holders=holders,
        cost=history.cost * 0.8 + calls * 0.2,
        watched=history.watched * fading + history.holders * held_for,
        vanished=history.vanished * fading + vanished,
    )


def shop_looked(shop: Shop, watched: float, vanished: int, passed: float) -> Shop:
    """Take in what a run saw; `passed` seconds after the run before."""
    fading = 0.5 ** (max(0.0, passed) / HALF_LIFE)
    return Shop(shop.watched * fading + watched, shop.vanished * fading + vanished)


def code_rate(history: CodeHistory, shop: Shop) -> float:
    """Give the unassignments per second that are to be expected of a code."""
    at_least = max(history.holders, 1)
    prior = PRIOR_WATCH * at_least
    per_holder = (shop.rate * prior + history.vanished) / (prior + history.watched)
    return history.holders * per_holder + FRESH * shop.rate


def code_wait(history: CodeHistory, shop: Shop, price: Price) -> float:
    """Give the seconds until a code is due again."""
    return min(price.longest, price.stretch * code_need(history, shop))


def code_need(history: CodeHistory, shop: Shop) -> float:
    """Give sqrt(cost / rate) of a code."""
    return sqrt(history.cost / code_rate(history, shop))


def customer_wait(holding: int, shop: Shop, price: Price) -> float:
    """Give the seconds until a customer is due again who holds so many that no code covers."""
    if not holding:
        return price.sweep
    return min(price.longest, price.stretch * sqrt(1 / (holding * shop.rate)))


def failed_wait(failures: int, wait: float) -> float:
    """Give the seconds until whoever failed so many times in a row is asked again.

    It doubles each time, up to a day and up to the `wait` of one who does not fail: so what can't
    be read for good costs a call a day, and what could not be read once is read soon.
    """
    return min(wait, DAY, FIRST_AGAIN * 2.0 ** (min(failures, 10) - 1))


def is_hot(vanished: int, holders: int, shop: Shop) -> bool:
    """Tell whether a campaign is ending: so many of its holders vanished within `HOT_SPAN`."""
    expected = (holders + vanished) * shop.rate * HOT_SPAN
    return vanished >= max(HOT_LEAST, HOT_RATIO * expected)


def demand(codes: Iterable[CodeHistory], shop: Shop, *, holding: int, others: int) -> Demand:
    """Sort candidates into classes, in one pass."""
    calls: dict[int, float] = {}
    count, news = 0, 0.0
    for each in codes:
        rate = code_rate(each, shop)
        of_class = floor(log2(each.cost / rate) * STEPS / 2)
        calls[of_class] = calls.get(of_class, 0.0) + each.cost
        count += 1
        news += rate
    of_codes = dict(calls)
    if holding:
        of_class = floor(log2(sqrt(1 / shop.rate)) * STEPS)
        calls[of_class] = calls.get(of_class, 0.0) + holding
    return Demand(calls, of_codes, count, news, holding, others)


def price(of: Demand, calls_a_day: float, longest: float, *, beside: bool) -> Price:
    """Find what `calls_a_day` can pay; `beside` says that codes or the CRM tell who holds.

    Where the calls can't keep `longest` for everybody who is known to hold something, what they
    can keep takes its place; `plan` says so.
    """
    planned = planned_calls(of, calls_a_day)
    part = sweep_part(of, beside=beside)
    for_sweep = planned * part
    per_second = (planned - for_sweep) / DAY
    sweep = of.others / for_sweep * DAY if for_sweep else longest
    kept = max(longest, _calls(of) / per_second if of.calls else 0.0)
    return Price(_stretch(of, per_second, kept), kept, sweep, part)


def sweep_part(of: Demand, *, beside: bool) -> float:
    """Give the part of the calls for customers who were never seen to hold anything."""
    if not of.others or not of.calls:
        return float(bool(of.others))
    if beside or of.of_codes:
        return SWEEP_BESIDE
    return of.others / (of.others + FAVOUR * of.holding)


def planned_calls(of: Demand, calls_a_day: float) -> float:
    """Give the calls of a day for looks and sweeps: what is expected to vanish has to be read."""
    return max(calls_a_day * FOR_LOOKS - of.news * DAY, calls_a_day * LEAST_FOR_LOOKS, 1e-3)


def calls_a_day(of: Demand, at: Price) -> float:
    """Give the calls that looks and reads take on a day at a price."""
    swept = of.others / at.sweep if of.others else 0.0
    return (_spent(of, at.stretch, at.longest) + swept + of.news) * DAY


def expected_delay(of: Demand, at: Price) -> float:
    """Give the mean seconds between an unassignment and the look that notices it, of the seen.

    A class of need n = sqrt(cost / rate) has calls of c in it, so a rate of c / n**2 in all.
    """
    rates = {each: calls / _need(each) ** 2 for each, calls in of.calls.items()}
    total = sum(rates.values())
    if not total:
        return 0.0
    waits = (rate * _wait(each, at.stretch, at.longest) / 2 for each, rate in rates.items())
    return sum(waits) / total


def least_delay(of: Demand, per_day: float) -> float:
    """Give the floor: the mean seconds that no plan of `per_day` calls gets below.

    (sum of sqrt(rate * cost))**2 / (2 * calls per second * sum of rates), each code's looks being
    evenly spaced and its rate constant.
    """
    rates = sum(calls / _need(each) ** 2 for each, calls in of.calls.items())
    roots = sum(calls / _need(each) for each, calls in of.calls.items())
    return roots**2 * DAY / (2 * per_day * rates) if rates else 0.0


def refilled(tokens: float, passed: float, calls_per_day: float, left_today: float) -> float:
    """Give the calls that may be made now: a day's share, filled evenly over a day.

    So runs in a row share the day, and one run a day has all of it. What a day has no more can't be
    saved up for the next one: else whoever spent a day at once would do so every day.
    """
    saved = min(calls_per_day, tokens + max(0.0, passed) * calls_per_day / DAY)
    return min(saved, left_today)


def portions(
    allowance: int,
    codes: Sequence[tuple[float, float]],
    holding: Sequence[tuple[float, float]],
    others: int,
    part: float,
) -> Portions:
    """Divide what a run may spend: to those known to hold something by when they are due.

    `codes` and `holding` are when each is due, in order, and its calls. The others have their own
    `part`, so that neither line keeps the other waiting; what one does not need is the other's.
    """
    left = float(allowance - min(others, ceil(allowance * part)))
    taken = {"codes": 0, "holding": 0}
    merged = heapq.merge(
        ((due, cost, "codes") for due, cost in codes),
        ((due, cost, "holding") for due, cost in holding),
    )
    spent = 0.0
    for _, cost, line in merged:
        if spent and spent + cost > left:
            break
        spent += cost
        taken[line] += 1
    return Portions(taken["codes"], taken["holding"], min(others, max(0, allowance - ceil(spent))))


def _stretch(of: Demand, per_second: float, longest: float) -> float:
    """Find the stretch by halving the interval; spending falls as it grows."""
    if not of.calls:
        return longest
    low, high = 0.0, longest / min(map(_need, of.calls))
    for _ in range(ROUNDS):
        middle = (low + high) / 2
        if middle and _spent(of, middle, longest) <= per_second:
            high = middle
        else:
            low = middle
    return high


def _spent(of: Demand, stretch: float, longest: float) -> float:
    return sum(calls / _wait(each, stretch, longest) for each, calls in of.calls.items())


def _wait(of_class: int, stretch: float, longest: float) -> float:
    return min(longest, stretch * _need(of_class))


def _need(of_class: int) -> float:
    """Give the middle of a class."""
    return float(2 ** ((of_class + 0.5) / STEPS))


def _calls(of: Demand) -> float:
    return sum(of.calls.values())
