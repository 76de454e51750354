#!/usr/bin/env python3
"""How much latency the worker threads hide: the same run with one worker and with six.

Both are measured side by side in one process, in turns, against a playground that answers after
a fixed delay. Printed are the medians and their ratio; the absolute times are this machine's.

Usage: .venv/bin/python scripts/bench/workers.py [--customers 100] [--latency 0.05] [--rounds 3]
"""

import argparse
import tempfile
import time
from contextlib import closing
from pathlib import Path
from statistics import median

from sync import app
from sync.app import wiring
from sync.cli.progress import QuietWatch
from sync.jobs.run import run
from sync.jobs.sources import CustomerSource
from sync.operate.stopping import Stop
from sync.playground import Playground
from sync.settings import load

MANY = wiring.WORKERS


def one_run(playground: Playground, workers: int) -> float:
    """Give the seconds that a first run takes with so many workers."""
    wiring.WORKERS, wiring.IN_LINE = workers, 2 * workers
    with tempfile.TemporaryDirectory() as home:
        loaded = load(
            None,
            environ={
                "HOLDERSYNC_HOME": str(Path(home)),
                "VOUCHERIFY_BASE_URL": playground.base_url,
                "VOUCHERIFY_APP_ID": playground.app_id,
                "VOUCHERIFY_APP_TOKEN": playground.app_token,
                "VOUCHERIFY_RATE": "5000/s",
                "VOUCHERIFY_CALLS_PER_CYCLE": "1000000",
                "HOLDERSYNC_CRM": "sql",
                "CRM_SQL_URL": "sqlite:///crm.db",
            },
        )
        ready = app.configure(loaded)
        start, stop = app.new_start(ready, "run"), Stop()
        began = time.monotonic()
        with (
            closing(ready.adapter),
            app.for_real(ready, "run") as ground,
            app.assembled(ready, ground, start, stop, QuietWatch(stop)) as parts,
        ):
            report = run(parts, CustomerSource("all", lists=True))
        if report.summary.customers.left:
            msg = f"the run was not whole: {report.problems}"
            raise SystemExit(msg)
        return time.monotonic() - began


def main() -> None:
    """Measure and print."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--customers", type=int, default=100)
    options.add_argument("--latency", type=float, default=0.05, help="seconds per answer")
    options.add_argument("--rounds", type=int, default=3)
    chosen = options.parse_args()
    times: dict[int, list[float]] = {1: [], MANY: []}
    with Playground(customers=chosen.customers, seed=1, latency=chosen.latency) as playground:
        for _ in range(chosen.rounds):
            for workers, taken in times.items():
                taken.append(one_run(playground, workers))
    alone, many = median(times[1]), median(times[MANY])
    print(f"{chosen.customers} customers, {chosen.latency * 1000:.0f} ms per answer")
    print(f"1 worker   {alone:.2f} s\n{MANY} workers  {many:.2f} s\nratio      {alone / many:.1f}")


if __name__ == "__main__":
    main()
