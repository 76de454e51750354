#!/usr/bin/env python3
"""What a month costs in calls, and how late unassignments are found, per strategy and plan.

A simulated shop (`shop.py`), the real planner (`sync/jobs/selection.py`), and time that is only
reckoned. Printed are, for two plans of Voucherify, the calls a day by purpose and the delay from an
unassignment to the run that reads it; then the fewest calls with which nine of ten (p95) are found
as early as by asking every customer every hour; and whether the project's targets are reached.

Beside each result stands the floor: no plan of B calls a day has a smaller mean delay than
(sum of sqrt(rate))**2 / (2 * B * sum of rates), over the codes' true mean rates, one call a look,
B what is left for looks. A plan that reacts to what happens may get below it in bursts.

Usage: .venv/bin/python -m scripts.bench.calls [--seeds 3] [--svg PATH] [--json] [sizes...]
"""

import argparse
import json
import sys
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, replace
from math import inf, sqrt
from pathlib import Path
from statistics import fmean

from scripts.bench.plot import svg
from scripts.bench.shop import DAY, HOUR, Shop, Sizes, make_shop
from scripts.bench.strategies import Found, Pulling, alone, naive

PLANS = {"Business": 100_000, "Organization": 300_000}
CYCLE_DAYS = 30
WARM_UP = 3 * DAY
INTERVALS = {"15 min": 900.0, "30 min": 1_800.0}
BUDGETS = (500, 1_000, 2_667, 8_000, 20_000, 50_000, 100_000)
SEARCH_STEPS = 8
MOST_SEARCHED = 10.0
"""The search begins at this part of the hourly sweep's calls; what needs more is not found."""
TARGETS = {
    "pulling alone, calls at equal p95": 20,
    "pulling alone, mean delay with the same calls": 30,
    "webhooks, calls at equal p95": 200,
}


@dataclass(frozen=True, slots=True)
class Result:
    """One strategy on one shop; delays in hours, calls a day."""

    strategy: str
    calls: Mapping[str, float]
    mean: float
    p95: float
    worst: float
    missed: int
    unseen: int
    most_a_day: float
    start_up_days: float

    @property
    def total(self) -> float:
        """All calls of a day."""
        return sum(self.calls.values())


Strategy = Callable[[Shop, float, float], Found]
STRATEGIES: Mapping[str, Strategy] = {
    "naive": lambda shop, calls, interval: naive(shop, calls, interval, WARM_UP),
    "all": lambda shop, calls, _: alone(shop, calls, WARM_UP),
    "holders": lambda shop, calls, interval: Pulling(shop, calls, interval).month(WARM_UP),
    "all,holders": lambda shop, calls, interval: Pulling(shop, calls, interval, sweeps=True).month(
        WARM_UP
    ),
    "webhooks": lambda shop, calls, interval: Pulling(shop, calls, interval, webhooks=99.0).month(
        WARM_UP
    ),
    "webhooks, silent for a week": lambda shop, calls, interval: Pulling(
        shop, calls, interval, webhooks=99.0, silent=(10.0, 17.0)
    ).month(WARM_UP),
}


def played(name: str, shop: Shop, calls_a_day: float, interval: float) -> Result:
    """Play one strategy; its share of a day may never be passed."""
    found = STRATEGIES[name](shop, calls_a_day, interval)
    if name != "naive" and found.most_a_day > calls_a_day * 1.001:
        msg = f"{name} made {found.most_a_day} calls on a day that has {calls_a_day}"
        raise SystemExit(msg)
    delays = sorted(delay / HOUR for _, delay in found.delays) or [inf]
    days = shop.sizes.days
    return Result(
        strategy=name,
        calls={purpose: calls / days for purpose, calls in found.calls.items() if calls},
        mean=fmean(delays),
        p95=delays[int(0.95 * (len(delays) - 1))],
        worst=delays[-1],
        missed=found.missed,
        unseen=found.unseen,
        most_a_day=found.most_a_day,
        start_up_days=found.start_up / DAY,
    )


def floor_of(shop: Shop, looks_a_day: float) -> float:
    """Give the least mean delay, in hours, of so many looks a day; see the module."""
    rates = shop.rates()
    roots = sum(map(sqrt, rates))
    return roots**2 / (2 * looks_a_day * sum(rates)) * 24 if looks_a_day else 0.0


def fewest(name: str, shop: Shop, p95: float) -> tuple[float, str, Result] | None:
    """Search the fewest calls a day, over budgets and intervals, that keep this p95 (hours)."""
    best: tuple[float, str, Result] | None = None
    for told, interval in INTERVALS.items():
        low, high = 100.0, shop.sizes.customers * 24 / MOST_SEARCHED
        for _ in range(SEARCH_STEPS):
            budget = sqrt(low * high)
            result = played(name, shop, budget, interval)
            if result.p95 > p95 or result.missed:
                low = budget
                continue
            high = budget
            if best is None or result.total < best[0]:
                best = (result.total, told, result)
    return best


def table(results: list[Result], shop: Shop) -> str:
    """Show results; the floor is that of the calls which a strategy has for looks."""
    lines = [
        (
            f"  {'strategy':28} {'calls/day':>9} {'mean h':>8} {'floor':>6} {'p95 h':>8}"
            f" {'worst h':>8} {'missed':>6} {'unseen':>6}  calls by purpose"
        )
    ]
    for each in results:
        looks = each.calls.get("looks", 0.0)
        floor = f"{floor_of(shop, looks):.1f}" if looks else ""
        purposes = ", ".join(f"{name} {calls:.0f}" for name, calls in each.calls.items())
        lines.append(
            f"  {each.strategy:28} {each.total:9.0f} {each.mean:8.2f} {floor:>6} {each.p95:8.2f}"
            f" {each.worst:8.1f} {each.missed:6} {each.unseen:6}  {purposes}"
        )
    return "\n".join(lines)


def judged(told: str, ratio: float | None) -> str:
    """Hold a ratio against its target."""
    target = TARGETS[told]
    if ratio is None:
        return f"  {told}: not found (target 1/{target}): not reached"
    word = "reached" if ratio >= target else "not reached"
    return f"  {told}: 1/{ratio:.1f} (target 1/{target}): {word}"


def report(sizes: Sizes, share: float, seeds: int) -> dict[str, object]:
    """Print everything, seed by seed, and give it as one object."""
    told: dict[str, object] = {"sizes": asdict(sizes), "share": share}
    for seed in range(sizes.seed, sizes.seed + seeds):
        shop = make_shop(replace(sizes, seed=seed))
        print(f"\nseed {seed}: {len(shop.ends()) / sizes.days:.0f} unassignments a day")
        plans: dict[str, list[Result]] = {}
        for plan, calls in PLANS.items():
            a_day = calls * share / CYCLE_DAYS
            plans[plan] = [played(name, shop, a_day, HOUR) for name in STRATEGIES]
            print(f"\n {plan}: {a_day:.0f} calls a day, a run every hour")
            print(table(plans[plan], shop))
        told[f"seed {seed}"] = _judge(shop, plans)
    return told


def _judge(shop: Shop, plans: Mapping[str, list[Result]]) -> dict[str, object]:
    hourly = played("naive", shop, shop.sizes.customers * 24.0, HOUR)
    print(f"\n every customer every hour: {hourly.total:.0f} calls a day, p95 {hourly.p95:.2f} h")
    found = {name: fewest(name, shop, hourly.p95) for name in ("holders", "webhooks")}
    for name, best in found.items():
        if best is not None:
            calls, interval, result = best
            print(f"  {name}: {calls:.0f} calls a day, every {interval}, p95 {result.p95:.2f} h")
    by_name = {each.strategy: each for each in plans["Business"]}
    pulled, hooked = found["holders"], found["webhooks"]
    mean_ratio = by_name["naive"].mean / by_name["holders"].mean
    print("\n targets")
    ratio = hourly.total / pulled[0] if pulled else None
    print(judged("pulling alone, calls at equal p95", ratio))
    print(judged("pulling alone, mean delay with the same calls", mean_ratio))
    hook_ratio = hourly.total / hooked[0] if hooked else None
    print(judged("webhooks, calls at equal p95", hook_ratio))
    p95 = by_name["webhooks"].p95
    word = "reached" if p95 <= 2 else "not reached"  # noqa: PLR2004 - two run intervals
    print(f"  webhooks, p95 within two run intervals: {p95:.2f} h of 2 h: {word}")
    return {
        "plans": {plan: [asdict(each) for each in results] for plan, results in plans.items()},
        "calls_ratio": ratio,
        "mean_ratio": mean_ratio,
        "webhooks_calls_ratio": hook_ratio,
        "webhooks_p95_hours": p95,
    }


def plotted(sizes: Sizes, share: float) -> str:
    """Draw calls against delay for each strategy."""
    shop = make_shop(sizes)
    lines: dict[tuple[str, str], list[tuple[float, float]]] = {}
    for name in ("naive", "all", "all,holders", "holders", "webhooks"):
        results = [played(name, shop, float(each), HOUR) for each in BUDGETS]
        for figure in ("mean", "p95"):
            lines[name, figure] = [(each.total, getattr(each, figure)) for each in results]
    title = (
        f"{sizes.customers:,} customers, {sizes.codes:,} codes, {sizes.referees:,} friends, "
        f"{sizes.a_day:.0f} unassignments a day (seed {sizes.seed})"
    )
    marked = {plan: calls * share / CYCLE_DAYS for plan, calls in PLANS.items()}
    return svg(title, "calls a day", "delay in hours", lines, marked)


def main() -> None:
    """Play as the options say."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    for name, default in asdict(Sizes()).items():
        parser.add_argument(f"--{name.replace('_', '-')}", type=type(default), default=default)
    parser.add_argument("--share", type=float, default=0.8, help="our part of the plan's calls")
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("--svg", type=Path, help="write the plot here, and nothing else")
    parser.add_argument("--json", action="store_true", help="print one object on stdout in the end")
    options = vars(parser.parse_args())
    plot, as_json = options.pop("svg"), options.pop("json")
    share, seeds = options.pop("share"), options.pop("seeds")
    sizes = Sizes(**options)
    if plot:
        plot.write_text(plotted(sizes, share))
        return
    out = sys.stdout
    sys.stdout = sys.stderr if as_json else out
    told = report(sizes, share, seeds)
    sys.stdout = out
    if as_json:
        print(json.dumps(told))


if __name__ == "__main__":
    main()
