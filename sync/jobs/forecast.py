"""What a schedule costs and what it is worth: pure but for `asked`, which may take two calls."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from math import ceil

from sync.jobs.planning import demand_of
from sync.jobs.ports import CodePages, Lister
from sync.jobs.selection import (
    FOR_LOOKS,
    Demand,
    calls_a_day,
    expected_delay,
    least_delay,
    planned_calls,
    price,
    sweep_part,
)
from sync.jobs.sources import CustomerSource, batches
from sync.ledger.believed import believed_since
from sync.ledger.codes import name_codes
from sync.ledger.ledger import Ledger
from sync.ledger.listing import read_listing
from sync.ledger.planning import read_planned
from sync.model.holding import Code
from sync.model.planning import DAY, Price, Shop

MINUTE = 60.0


@dataclass(frozen=True, slots=True)
class Schedule:
    """What is to be judged.

    Args:
        interval: between two runs.
        calls_a_day: what the share of a whole cycle has for a day.
        cycle_days: days of the billing cycle.
        longest: HOLDERSYNC_MAX_STALENESS.
        lists: lists that each run goes on with, a call each at the least.
        named: customers that a person named; each run asks them all.
        beside: codes or the CRM tell who holds something.
    """

    interval: timedelta
    calls_a_day: float
    cycle_days: int
    longest: timedelta
    lists: int
    named: int
    beside: bool


@dataclass(frozen=True, slots=True)
class Forecast:
    """What comes of a schedule; delays are seconds, from an unassignment to the run that reads it.

    Args:
        calls: calls a day, by purpose.
        mean: of what was seen to be held; None if nothing is.
        least: what no plan with these calls gets below, waiting for the next run not counted.
        worst: of what was seen to be held.
        sweep: how long it takes to read everybody else once; None if nobody else is.
        payable: whether the calls could keep HOLDERSYNC_MAX_STALENESS.
        kept: whether it is kept: a run has to come as often, too.
        needed: calls a cycle that would keep it.
        shortest: the shortest interval that the share can pay; None if none can be.
    """

    calls: Mapping[str, float]
    calls_a_day: float
    mean: float | None
    least: float | None
    worst: float | None
    sweep: float | None
    payable: bool
    kept: bool
    needed: int
    shortest: timedelta | None
    fits: bool

    @property
    def spent_a_day(self) -> float:
        """All calls of a day."""
        return sum(self.calls.values())


def forecast(of: Demand, at: Schedule) -> Forecast:
    """Say what a schedule costs, and what it is worth."""
    interval, longest = at.interval.total_seconds(), at.longest.total_seconds()
    runs = DAY / interval
    a_run = at.lists + at.named
    # What runs cost at least is paid first; what is planned of the rest may be all of it.
    for_looks = min(at.calls_a_day, (at.calls_a_day - runs * a_run) / FOR_LOOKS)
    paid = price(of, for_looks, longest, beside=at.beside)
    shortest = _shortest(at, a_run + _is_anybody(of), of.news * DAY)
    is_seen = bool(of.calls)
    return Forecast(
        calls=_purposes(of, paid, at, runs),
        calls_a_day=at.calls_a_day,
        mean=expected_delay(of, paid) + interval / 2 if is_seen else None,
        least=least_delay(of, planned_calls(of, for_looks)) if is_seen else None,
        worst=paid.longest + interval if is_seen else None,
        sweep=max(paid.sweep, interval) if of.others else None,
        payable=paid.longest <= longest,
        kept=max(paid.longest, interval) <= longest or not is_seen,
        needed=_needed(of, at, runs * a_run),
        shortest=shortest,
        fits=shortest is not None and at.interval >= shortest,
    )


def _is_anybody(of: Demand) -> bool:
    """Tell whether there is anybody to look at: each run looks at one at least, whatever is due."""
    return bool(of.calls or of.others)


def _purposes(of: Demand, paid: Price, at: Schedule, runs: float) -> Mapping[str, float]:
    """Give the calls of a day by purpose; a run looks at nobody twice."""
    codes = replace(of, calls=of.of_codes, holding=0, others=0)
    looks = calls_a_day(replace(codes, news=0.0), paid)
    seen = calls_a_day(replace(of, news=0.0, others=0), paid)
    return {
        "lists": runs * at.lists,
        "named": runs * at.named,
        "codes": min(looks, runs * sum(of.of_codes.values())),
        "vanished": of.news * DAY,
        "holding": min(seen - looks, runs * of.holding),
        "sweep": min(of.others / paid.sweep * DAY, runs * of.others) if of.others else 0.0,
    }


def _shortest(at: Schedule, a_run: int, news: float) -> timedelta | None:
    """Give the shortest interval, in whole minutes: what runs cost at least must be paid."""
    left = at.calls_a_day - news
    if not a_run:
        return timedelta(seconds=MINUTE)
    if left <= 0:
        return None
    minutes = ceil(a_run / left * DAY / MINUTE)
    return timedelta(seconds=MINUTE * max(1, minutes))


def _needed(of: Demand, at: Schedule, for_runs: float) -> int:
    """Give the calls of a cycle with which everybody is seen within the longest wait."""
    a_day = sum(of.calls.values()) / at.longest.total_seconds() * DAY
    for_seen = 1 - sweep_part(of, beside=at.beside)
    looks = (a_day / for_seen if for_seen else 0.0) + of.news * DAY
    return ceil((looks / FOR_LOOKS + for_runs) * at.cycle_days)


@dataclass(frozen=True, slots=True)
class Counted:
    """Who and what a source names, as far as it is known; `calls` were made to hear of it.

    `crm_is_known` is false where the CRM is a source that no run has listed yet.
    """

    of: Demand
    named: int
    calls: int
    crm_is_known: bool = True


def asked(
    ledger: Ledger, source: CustomerSource, customers: Lister, codes: CodePages, now: datetime
) -> Counted:
    """Count the candidates; a list that no run has read yet is asked for its total, by one call.

    The ledger is a copy: the codes of a file are named in it, as a run does.
    """
    planned = read_planned(ledger)
    shop = planned.shop if planned else Shop()
    calls = new_customers = new_codes = 0
    if source.lists and read_listing(ledger, "customers") is None:
        new_customers, calls = customers.first_answer().total or 0, calls + 1
    if source.lists_codes and read_listing(ledger, "codes") is None:
        first = next(iter(codes.pages()), None)
        new_codes, calls = (first.total or 0 if first else 0), calls + 1
    for batch in batches(source.code_ids or ()):
        name_codes(ledger, [Code(each, None, None) for each in batch], now)
    of = demand_of(ledger, source, shop, new_codes=new_codes, new_customers=new_customers)
    crm_is_known = not source.crm or believed_since(ledger) is not None
    return Counted(of, len(set(source.ids or ())), calls, crm_is_known)
