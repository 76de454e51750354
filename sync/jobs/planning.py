"""One run's part in the plan: what it may spend on whom, and what the next one finds."""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from itertools import chain, repeat
from math import ceil

from sync.jobs.ports import Meter
from sync.jobs.selection import (
    Demand,
    Portions,
    customer_wait,
    demand,
    failed_wait,
    portions,
    price,
    refilled,
    shop_looked,
)
from sync.jobs.sources import CustomerSource
from sync.ledger.budget import Spent
from sync.ledger.codes import mend_due_codes, mend_vanished
from sync.ledger.ledger import Ledger
from sync.ledger.planning import (
    Planned,
    code_histories,
    count_customers,
    count_others,
    due_codes,
    due_customers,
    mark_seen,
    mend_due,
    read_planned,
    save_planned,
)
from sync.model.allowance import Share
from sync.model.planning import DAY, CodeHistory, Price, Shop

REPRICE_AFTER = 6 * 3_600.0
"""Seconds: what candidates need changes slowly, and to add it up takes a while for a million."""


MOST_AHEAD = 1.5
"""A price may have been higher when somebody was planned; what is further ahead is a mistake."""
PATIENCE = 2 * DAY
"""Seconds: codes whose deletion is doubted are asked again after a day."""


@dataclass(frozen=True, slots=True)
class PlanRules:
    """What a person wants of the plan: the longest wait, and our calls per billing cycle."""

    longest: timedelta
    share: Share


@dataclass(frozen=True, slots=True)
class Turn:
    """One run's turn: the price that holds, and the calls that it may make by the plan.

    A run that is killed pays nothing of what it sent: the plan only spreads calls over the day, and
    what was sent is counted where the share is kept.
    """

    planned: Planned
    allowance: int

    @property
    def price(self) -> Price:
        """What a look is worth."""
        return self.planned.price

    @property
    def shop(self) -> Shop:
        """What was seen to vanish until now."""
        return self.planned.shop

    def due(self, holding: int, failures: int, now: datetime) -> float:
        """Give when a customer is due again who was asked now; in seconds since 1970."""
        wait = customer_wait(holding, self.shop, self.price)
        return now.timestamp() + (failed_wait(failures, wait) if failures else wait)


def calls_a_day(spent: Spent, share: Share, now: datetime) -> float:
    """Give what the share still has, spread over the days left in its cycle."""
    _, cycle_end = share.cycle_of(spent.cycle_start)
    days = max(1, (cycle_end - now.date()).days)
    return max(1.0, spent.left / days)


def begin(
    ledger: Ledger, source: CustomerSource, rules: PlanRules, meter: Meter, now: datetime
) -> Turn:
    """Begin a run's turn, once it knows who there is; what it sent until now is paid first."""
    spent, at = meter.spent(), now.timestamp()
    per_day = calls_a_day(spent, rules.share, now)
    before = read_planned(ledger)
    if before is None or not 0 <= at - before.priced_at < REPRICE_AFTER:
        before = _priced(ledger, source, rules, per_day, before, at)
    tokens = refilled(before.tokens, at - before.tokens_at, per_day, spent.left_today)
    allowance = max(1, ceil(tokens) - meter.count().made)
    planned = replace(before, tokens=tokens, tokens_at=at)
    save_planned(ledger, planned)
    return Turn(planned, allowance)


def chosen(
    ledger: Ledger, source: CustomerSource, turn: Turn, *, hinted: int, looks: bool = True
) -> Portions:
    """Decide how many of each line this run takes, when so many were hinted at.

    Without `looks`, codes get no part.
    """
    allowance = max(1, turn.allowance - hinted)
    return portions(
        allowance,
        due_codes(ledger, allowance) if source.codes and looks else (),
        due_customers(ledger, allowance),
        count_others(ledger, allowance, listed=source.lists) if source.lists else 0,
        turn.price.part,
    )


def end(
    ledger: Ledger, turn: Turn, made: int, *, watched: float, vanished: int, now: datetime
) -> None:
    """End a run's turn: it made so many calls, and saw so many holders vanish."""
    planned, at = turn.planned, now.timestamp()
    save_planned(
        ledger,
        replace(
            planned,
            tokens=planned.tokens - made,
            shop=shop_looked(planned.shop, watched, vanished, at - planned.shop_at),
            shop_at=at,
        ),
    )


def demand_of(
    ledger: Ledger,
    source: CustomerSource,
    shop: Shop,
    *,
    new_codes: int = 0,
    new_customers: int = 0,
) -> Demand:
    """Add up what the source's candidates need; `new_…` are said to be there and not known yet."""
    holding, others = count_customers(ledger, listed=source.lists)
    codes = chain(code_histories(ledger) if source.codes else (), repeat(CodeHistory(1), new_codes))
    return demand(codes, shop, holding=holding, others=others + new_customers)


def is_beside(source: CustomerSource) -> bool:
    """Tell whether something cheaper than their own activity tells who holds something."""
    return source.codes or source.crm


def _priced(  # noqa: PLR0917 - all of it is what a price rests on
    ledger: Ledger,
    source: CustomerSource,
    rules: PlanRules,
    per_day: float,
    before: Planned | None,
    at: float,
) -> Planned:
    mark_seen(ledger, at, rules.longest.total_seconds(), covered=source.codes)
    shop = before.shop if before else Shop()
    found = price(
        demand_of(ledger, source, shop),
        per_day,
        rules.longest.total_seconds(),
        beside=is_beside(source),
    )
    # A clock that was ahead would let those whom it planned wait until its time has come.
    furthest = MOST_AHEAD * max(found.longest, found.sweep, PATIENCE)
    mend_due(ledger, at, furthest)
    mend_due_codes(ledger, at, furthest)
    mend_vanished(ledger, at)
    if before is None:
        return Planned(found, at, shop, at, per_day, at)
    return replace(before, price=found, priced_at=at)
