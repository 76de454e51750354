"""How each strategy finds unassignments: the real planner, with time that is only reckoned."""

import heapq
from collections import Counter, defaultdict, deque
from dataclasses import dataclass, field
from itertools import takewhile
from math import ceil
from random import Random

from scripts.bench.shop import DAY, Shop
from sync.jobs.planning import REPRICE_AFTER
from sync.jobs.selection import (
    HOT_SPAN,
    code_wait,
    customer_wait,
    demand,
    is_hot,
    looked,
    portions,
    price,
    refilled,
    shop_looked,
)
from sync.model.planning import CodeHistory, Price
from sync.model.planning import Shop as Seen

PAGE = 100
LONGEST = 7 * DAY
LATE = 2 * DAY
"""What ended so long before the end, and was not found, counts as missed."""


@dataclass
class Found:
    """What a strategy found: delays in seconds by when it happened, and its calls by purpose."""

    delays: list[tuple[float, float]] = field(default_factory=list)
    missed: int = 0
    unseen: int = 0
    calls: Counter[str] = field(default_factory=Counter)
    most_a_day: float = 0.0
    start_up: float = 0.0


@dataclass
class Code:
    """One code as the tool knows it, and what is true of it."""

    events: tuple[tuple[float, float], ...]
    campaign: int
    at: int = 0
    ends: list[float] = field(default_factory=list)
    history: CodeHistory = field(default_factory=CodeHistory)
    looked_at: float | None = None
    due_at: float = 0.0

    def look(self, now: float) -> tuple[list[float], int]:
        """Give the ends of those who vanished since the last look, and count the unseen."""
        unseen = 0
        while self.at < len(self.events) and self.events[self.at][0] <= now:
            end = self.events[self.at][1]
            self.at += 1
            if end > now:
                heapq.heappush(self.ends, end)
            elif end > 0:
                unseen += 1
        vanished = []
        while self.ends and self.ends[0] <= now:
            vanished.append(heapq.heappop(self.ends))
        return vanished, unseen


def naive(shop: Shop, calls_a_day: float, interval: float, warm_up: float) -> Found:
    """Ask one customer after the other, all the time: each waits for the next pass."""
    dice = Random(shop.sizes.seed + 1)  # noqa: S311 - a simulation
    period = max(interval, shop.sizes.customers / calls_a_day * DAY)
    found = Found()
    last = shop.sizes.days * DAY
    for _, end in shop.ends():
        at = end + dice.random() * period
        if end >= warm_up:
            found.delays.append((end, at - end))
            found.missed += at > last and end < last - LATE
    found.calls["sweep"] = round(shop.sizes.customers / period * last)
    found.most_a_day = shop.sizes.customers / period * DAY
    return found


def alone(shop: Shop, calls_a_day: float, warm_up: float) -> Found:
    """Read activities only: who is known to hold something more often than all others."""
    dice = Random(shop.sizes.seed + 1)  # noqa: S311 - a simulation
    sizes = shop.sizes
    seen = Seen(sizes.referees * 30 * DAY, sizes.a_day * 30)
    of = demand((), seen, holding=sizes.referees, others=sizes.customers - sizes.referees)
    at = price(of, calls_a_day, LONGEST, beside=False)
    wait = customer_wait(1, seen, at)
    found = Found()
    last = sizes.days * DAY
    for begin, end in shop.ends():
        known_at = begin + dice.random() * at.sweep if begin > 0 else -dice.random() * wait
        passes = max(0, ceil((end - known_at) / wait))
        read_at = known_at + passes * wait
        if end >= warm_up:
            found.delays.append((end, read_at - end))
            found.missed += read_at > last and end < last - LATE
    found.calls["holding"] = round(sizes.referees / wait * last)
    found.calls["sweep"] = round(of.others / at.sweep * last)
    found.most_a_day = sum(found.calls.values()) / sizes.days
    return found


class Pulling:
    """Looks at codes by the planner, run by run; with `webhooks` as hints, if they come.

    Args:
        shop: what happens.
        calls_a_day: the share of a day; no day passes it.
        interval: seconds between two runs.
        sweeps: all other customers are read as well.
        webhooks: how many of a hundred unassignments a webhook tells of.
        silent: days from when to when no webhook comes.
    """

    def __init__(
        self,
        shop: Shop,
        calls_a_day: float,
        interval: float,
        *,
        sweeps: bool = False,
        webhooks: float = 0.0,
        silent: tuple[float, float] = (0.0, 0.0),
    ) -> None:
        self._shop = shop
        self._calls_a_day = calls_a_day
        self._interval = interval
        self._sweeps = sweeps
        self._dice = Random(shop.sizes.seed + 2)  # noqa: S311 - a simulation
        self._codes = [
            Code(events, campaign)
            for events, campaign in zip(shop.held, shop.campaign_of, strict=True)
        ]
        self._of_campaign: dict[int, list[int]] = defaultdict(list)
        for number, code in enumerate(self._codes):
            self._of_campaign[code.campaign].append(number)
        self._vanished_of: dict[int, list[float]] = defaultdict(list)
        self._line = [(0.0, number) for number in range(len(self._codes))]
        self._seen = Seen()
        self._price = Price(1.0, LONGEST, LONGEST, 0.0)
        self._priced_at = -REPRICE_AFTER
        self._tokens = calls_a_day
        self._hooks = self._told(webhooks, silent)
        self._hooked: set[float] = set()
        self._hints: deque[tuple[str, float]] = deque()
        self._spent_by_day: Counter[int] = Counter()
        self._found = Found()

    def month(self, warm_up: float) -> Found:
        """Let all days pass, and give what was found after the warm-up."""
        last = self._shop.sizes.days * DAY
        now = 0.0
        while now <= last:
            self._run(now)
            now += self._interval
        self._count_left(last)
        found = self._found
        found.delays = [each for each in found.delays if each[0] >= warm_up]
        found.most_a_day = max(self._spent_by_day.values())
        return found

    def _told(self, percent: float, silent: tuple[float, float]) -> list[float]:
        """Give the ends that webhooks tell of, the last one first."""
        first, until = (each * DAY for each in silent)
        told = [
            end
            for _, end in self._shop.ends()
            if self._dice.random() * 100 < percent and not first <= end < until
        ]
        return sorted(told, reverse=True)

    def _run(self, now: float) -> None:
        left_today = self._left_today(now)
        self._tokens = refilled(self._tokens, self._interval, self._calls_a_day, left_today)
        if now - self._priced_at >= REPRICE_AFTER:
            self._reprice(now)
        self._spend(now, "lists", min(left_today, 1 + self._sweeps))
        self._take_hooks(now)
        others = self._look(now)
        # Whoever is hinted at is read in any case, as far as the day's share goes.
        self._read(now)
        self._spend(now, "sweep", min(others, self._left_today(now)))

    def _left_today(self, now: float) -> int:
        return int(self._calls_a_day - self._spent_by_day[int(now // DAY)])

    def _take_hooks(self, now: float) -> None:
        while self._hooks and self._hooks[-1] <= now:
            end = self._hooks.pop()
            if end not in self._hooked:
                self._hooked.add(end)
                self._hints.append(("hints", end))

    def _read(self, now: float) -> None:
        """Read the activities of those hinted at; only then an unassignment counts as found."""
        calls: Counter[str] = Counter()
        for _ in range(min(self._left_today(now), len(self._hints))):
            purpose, end = self._hints.popleft()
            calls[purpose] += 1
            self._found.delays.append((end, now - end))
        for purpose, number in calls.items():
            self._spend(now, purpose, number)

    def _look(self, now: float) -> int:
        """Look at codes, as many as are this run's part; give how many others are."""
        left = int(min(self._tokens, self._left_today(now))) - len(self._hints)
        left = max(1, left)
        others = self._shop.sizes.customers - self._shop.sizes.referees if self._sweeps else 0
        line = heapq.nsmallest(left, self._line) if left < len(self._line) else sorted(self._line)
        due = [(due_at, self._codes[number].history.cost) for due_at, number in line]
        taken = portions(left, due, (), min(others, left), self._price.part)
        room = left - taken.others
        watched, vanished = 0.0, 0
        for _, number in line[: taken.codes]:
            most = 1 + len(self._codes[number].ends) // PAGE + 1
            if room < 1 or self._left_today(now) < most:
                break
            calls, seen_for, ends = self._look_at(number, now)
            room -= calls
            watched += seen_for
            vanished += ends
        self._seen = shop_looked(self._seen, watched, vanished, self._interval)
        self._line = [(code.due_at, number) for number, code in enumerate(self._codes)]
        return taken.others

    def _look_at(self, number: int, now: float) -> tuple[int, float, int]:
        code = self._codes[number]
        ends, unseen = code.look(now)
        held_for = now - code.looked_at if code.looked_at is not None else 0.0
        is_first = code.looked_at is None
        walks = ceil(len(code.ends) / PAGE) - 1 if ends or is_first else 0
        calls = 1 + max(0, walks)
        self._spend(now, "looks", 1)
        self._spend(now, "walks", calls - 1)
        self._found.unseen += unseen
        news = [end for end in ends if end not in self._hooked]
        if is_first:
            # What ended before the first look is for the first read of everybody.
            self._found.unseen += len(news)
            self._found.start_up = max(self._found.start_up, now)
        else:
            self._hints += [("reads", end) for end in news]
        watched = code.history.holders * held_for
        code.history = looked(code.history, held_for, len(code.ends), len(ends), calls)
        code.looked_at = now
        code.due_at = now + code_wait(code.history, self._seen, self._price)
        if ends and not is_first:
            self._feel(code.campaign, len(ends), now)
        return calls, watched, len(ends)

    def _feel(self, campaign: int, vanished: int, now: float) -> None:
        times = self._vanished_of[campaign]
        times += [now] * vanished
        times[:] = [each for each in times if each >= now - HOT_SPAN]
        held = sum(len(self._codes[each].ends) for each in self._of_campaign[campaign])
        if not is_hot(len(times), held, self._seen):
            return
        for each in self._of_campaign[campaign]:
            code = self._codes[each]
            if code.history.holders and code.due_at > now:
                code.due_at = now

    def _reprice(self, now: float) -> None:
        others = self._shop.sizes.customers - self._shop.sizes.referees if self._sweeps else 0
        histories = (code.history for code in self._codes)
        of = demand(histories, self._seen, holding=0, others=others)
        self._price = price(of, self._calls_a_day, LONGEST, beside=True)
        self._priced_at = now

    def _spend(self, now: float, purpose: str, calls: int) -> None:
        self._found.calls[purpose] += calls
        self._spent_by_day[int(now // DAY)] += calls
        self._tokens -= calls

    def _count_left(self, last: float) -> None:
        """Count what ended and was not seen to; with a sweep, the unseen are found by it."""
        for code in self._codes:
            late = takewhile(lambda end: end <= last, sorted(code.ends))
            self._found.missed += sum(end < last - LATE and end not in self._hooked for end in late)
        self._found.missed += sum(end < last - LATE for _, end in self._hints)
