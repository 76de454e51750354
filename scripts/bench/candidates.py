#!/usr/bin/env python3
"""What it costs to take the next candidates out of a million, and to plan them all.

A ledger is filled with customers, as many codes, and somebody who holds each of them; then a run's
own functions are timed on it: deciding and taking the next ones (as each run does), and finding the
price (as runs do every six hours). The memory is this process's own at its peak, so each size has a
process of its own.

Usage: .venv/bin/python scripts/bench/candidates.py [--sizes 100000 1000000] [--ledger URL]
"""

import argparse
import multiprocessing
import resource
import tempfile
import time
from collections.abc import Callable
from contextlib import closing
from datetime import UTC, date, datetime, timedelta
from statistics import median

from sqlalchemy import Table, insert, text
from sqlalchemy.engine import make_url

from sync.jobs.planning import PlanRules, begin, chosen
from sync.jobs.sources import CustomerSource
from sync.ledger.budget import Spent
from sync.ledger.due_codes import due
from sync.ledger.ledger import Ledger
from sync.ledger.opening import create_or_open
from sync.ledger.scheduled import RunProgress
from sync.ledger.tables import assignments, codes, customers, holders, planning
from sync.model.allowance import Share
from sync.transport import CallCount

NOW = datetime(2026, 3, 10, 12, 0, tzinfo=UTC)
PART = 20_000
TAKEN = 500
"""Candidates of one run: what a plan of 300,000 calls a cycle has for an hour."""
ROUNDS = 5
SOURCE = CustomerSource("all,holders", lists=True, codes=True, lists_codes=True)
RULES = PlanRules(timedelta(days=7), Share(300_000, 1))


class Meter:
    """Has so many calls left today."""

    def count(self) -> CallCount:
        """Give no call."""
        return CallCount()

    def spent(self) -> Spent:
        """Give what is left."""
        return Spent(0, 300_000, TAKEN, date(2026, 3, 1), cycle_refused=False)


def fill(ledger: Ledger, size: int) -> None:
    """Fill a ledger with customers, codes and a holder of each.

    Every tenth customer is known to hold what no look at a code covers, too.
    """
    at = NOW.timestamp()
    for start in range(0, size, PART):
        numbers = range(start, min(size, start + PART))
        # Spread, so that what is due first lies anywhere in the table.
        people = [
            {
                "customer_id": f"cust_{each:08}",
                "listed_at": NOW,
                "asked_at": NOW,
                "seen": each % 10 == 0,
                "due_at": at + (each * 7_919) % size,
            }
            for each in numbers
        ]
        named = [
            {
                "voucher_id": f"v_{each:08}",
                "campaign_id": f"camp_{each % 100}",
                "looked_at": NOW,
                "walked_at": NOW,
                "total": each % 7,
                "due_at": at + (each * 7_919) % size,
            }
            for each in numbers
        ]
        held = [
            {
                "holder_id": f"rh_{each:08}",
                "customer_id": f"cust_{(each * 7_919) % size:08}",
                "voucher_id": f"v_{each:08}",
            }
            for each in numbers
        ]
        assigned = [{**each, "role": "REFEREE", "assigned_at": NOW} for each in held]
        _put(ledger, customers, people)
        _put(ledger, codes, named)
        _put(ledger, holders, held)
        _put(ledger, assignments, assigned)


def _put(ledger: Ledger, table: Table, rows: list[dict[str, object]]) -> None:
    with ledger.transaction() as connection:
        connection.execute(insert(table), rows)


def timed(what: Callable[[], object]) -> float:
    """Give the seconds that something takes."""
    began = time.monotonic()
    what()
    return time.monotonic() - began


def make(size: int, url: str) -> None:
    """Make a ledger of a size."""
    with closing(create_or_open(make_url(url))) as ledger:
        ledger.bind("http://127.0.0.1:9", "bench", NOW)
        fill(ledger, size)
        if ledger.engine.dialect.name == "postgresql":
            # The server does so by itself, a minute after so many rows came (autovacuum).
            with ledger.transaction() as connection:
                connection.execute(text("ANALYZE"))


def measure(size: int, url: str) -> None:
    """Print what taking and planning cost on a ledger that is filled."""
    with closing(create_or_open(make_url(url))) as ledger:
        plans = timed(lambda: begin(ledger, SOURCE, RULES, Meter(), NOW))
        turn = begin(ledger, SOURCE, RULES, Meter(), NOW)

        def take(number: int) -> None:
            reading = RunProgress(ledger, f"run-{number}", NOW)
            taken = chosen(ledger, SOURCE, turn, hinted=reading.select_hinted())
            looks = list(due(ledger, taken.codes, f"run-{number}", NOW))
            reading.select_next(taken.holding, taken.others, listed=True)
            if len(looks) + reading.selected() < turn.allowance:
                msg = "fewer were taken than may be"
                raise SystemExit(msg)

        takes = [timed(lambda each=each: take(each)) for each in range(ROUNDS)]
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        with ledger.transaction() as connection:
            connection.execute(planning.delete())
    print(
        f"{size:>9} customers and as many codes: next {turn.allowance} in {median(takes):.3f} s, "
        f"all planned in {plans:.2f} s, {peak / 1024:.0f} MB at the peak",
        flush=True,
    )


def main() -> None:
    """Measure each size in a process of its own."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--sizes", type=int, nargs="+", default=[100_000, 1_000_000])
    parser.add_argument("--ledger", help="an empty database's URL, for one size only")
    options = parser.parse_args()
    for size in options.sizes:
        with tempfile.TemporaryDirectory() as home:
            url = options.ledger or f"sqlite:///{home}/ledger.db"
            for step in (make, measure):
                process = multiprocessing.get_context("spawn").Process(
                    target=step, args=(size, url)
                )
                process.start()
                process.join()


if __name__ == "__main__":
    main()
