"""Runs that are killed by SIGKILL at every point that has a name, and at random moments.

Real processes, real HTTP, real databases. The environment replays: CRASHES_SEED names another
campaign, CRASHES_SHOP one shop of it, as a failure prints them.
"""

import os
import sys
import time

from tests.crashes.campaign import MOMENT, Life, Tally, lives
from tests.crashes.news import News
from tests.crashes.works import works_on

SEED = int(os.environ.get("CRASHES_SEED", "1"))
ONLY = os.environ.get("CRASHES_SHOP")
FORMS = {
    False: {
        "sqlite": {"rounds": 1, "moments": 6},
        "postgresql": {"rounds": 1, "moments": 4, "every": 2},
    },
    True: {kind: {"rounds": 4, "moments": 30} for kind in ("sqlite", "postgresql")},
}
KILLS = {False: 80, True: 300}
MIRRORED = {False: 80, True: 400}


def test_no_kill_loses_anything_or_clears_anything_wrongly(new_merchant, ledgers, long, request):
    tally = Tally()
    began = time.monotonic()
    form = FORMS[long][ledgers.kind]
    shops = lives(SEED, ledgers.kind, **form)
    for number, acts in enumerate(shops):
        if ONLY not in {None, str(number)}:
            continue
        on_a_server = ledgers.kind == "postgresql" and number % 2
        seed = number + 1000 * SEED
        merchant = new_merchant(seed, ledgers.kind if on_a_server else "sqlite")
        try:
            Life(merchant, News(merchant, seed), tally).live(acts)
        except Exception as error:
            option = " --long" if long else ""
            msg = (
                f"{error}\n\nshop {number} of seed {SEED}, in {merchant.home}:\n  "
                + "\n  ".join(merchant.story)
                + f"\n\nto replay: CRASHES_SEED={SEED} CRASHES_SHOP={number} python -m pytest "
                f"{request.node.nodeid} --ledger {ledgers.kind}{option}"
            )
            raise AssertionError(msg) from error
        merchant.close()
    minutes = (time.monotonic() - began) / 60
    sys.stdout.write(f"{tally.table()}\n{tally.kills.total() / minutes:.0f} kills a minute\n")

    if ONLY is None:
        _require_that_it_means_something(tally, ledgers.kind, long, **form)


def _require_that_it_means_something(tally, kind, long, *, rounds, moments, every=1):
    points = {point for work in works_on(kind) for point in work.points}
    named = {point: count for point, count in tally.kills.items() if point != MOMENT}
    assert set(named) <= points
    assert len(named) >= len(points) // every, f"never killed at {points - set(named)}"
    assert min(named.values()) >= rounds
    assert sum(named.values()) >= KILLS[long] // every
    assert tally.kills[MOMENT] >= rounds * moments // 2
    assert tally.mirrored >= MIRRORED[long] // every
    unnamed = set(tally.passages) - points
    assert not unnamed, f"the tool does what nothing was ever killed at: {unnamed}"
