"""Nights in worlds that seeds decide: no promise is broken, and all comes right in the end.

A seed that fails tells how to play it again: `python -m tests.simulation --seed 123 --nights 40`.
"""

import os
import subprocess
import sys
from time import process_time

import pytest

from tests.simulation.bugs import BUGS
from tests.simulation.campaign import play, simulation

NIGHTS = 40
SEEDS = 125
CHUNKS = 4
SHORT = range(1, 5)
LEAST_PER_MINUTE = 500
"""Nights per minute of one core."""
FOUND_WITHIN = 2_000
FOUND_SOON = {
    "lookback_ignored",
    "letter_dropped",
    "told_in_each_run",
    "hint_ignored",
    "newest_ignored",
    "half_read_list_believed",
    "vanished_at_first_sight",
    "vanished_unasked",
    "filter_trusted",
    "code_gone_untold",
    "late_assignment_untold",
    "proxy_deletes_codes",
}


def pytest_generate_tests(metafunc):
    is_long = metafunc.config.getoption("--long")
    if "seeds" in metafunc.fixturenames:
        chunks = [range(1 + each * SEEDS, 1 + (each + 1) * SEEDS) for each in range(CHUNKS)]
        metafunc.parametrize("seeds", chunks if is_long else [SHORT], ids=lambda each: f"{each[0]}")
    if "bug" in metafunc.fixturenames:
        bugs = [each for each in BUGS if is_long or each.name in FOUND_SOON]
        metafunc.parametrize("bug", bugs, ids=str)


@pytest.fixture(scope="module")
def simulated():
    with simulation() as everything:
        yield everything


def test_no_promise_is_broken_in_any_night(simulated, seeds):
    began = process_time()
    played = play(seeds, NIGHTS, simulated)
    per_minute = played.nights / (process_time() - began) * 60

    assert played.broken is None, played.broken
    assert played.nights >= NIGHTS * len(seeds)
    _went_through_enough(played, len(seeds))
    assert len(seeds) < SEEDS or per_minute >= LEAST_PER_MINUTE


def _went_through_enough(played, seeds):
    """A campaign in which nothing happened would prove nothing."""
    killed = [name for name in played.counts if name.startswith("killed ")]
    assert sum(played.counts[name] for name in killed) >= seeds
    assert played.counts["told"] >= 10 * seeds
    assert played.points["before call"] >= 100 * seeds
    if seeds >= SEEDS:
        assert {f"exit {code}" for code in (0, 65, 69, 75, 77, 78)} <= set(played.counts)
        assert {f"{kind} ended" for kind in KINDS} <= set(played.counts)
        assert {f"killed {point}" for point in POINTS} <= set(killed)


KINDS = ("run", "backfill", "retry", "discard", "rehearsal", "adopt", "forget", "receive")
POINTS = (
    "before call",
    "after call",
    "waiting",
    "before told",
    "after told",
    "before crm: update voucher_assignments",
    "after crm: update voucher_assignments",
    "before slot: cleared",
    "after slot: cleared",
    "before ledger: insert bookmarks",
    "after ledger: insert bookmarks",
    "before ledger: delete bookmarks",
    "after ledger: delete bookmarks",
    "before ledger: insert deliveries",
    "after ledger: insert deliveries",
    "before ledger: update deliveries",
    "after ledger: update deliveries",
    "before ledger: insert budget",
    "after ledger: insert budget",
    "before ledger: insert codes",
    "after ledger: insert codes",
    "before ledger: insert holders",
    "after ledger: insert holders",
    "before ledger: insert inbox",
    "after ledger: insert inbox",
)


def test_each_planted_bug_is_found(simulated, bug):
    around, _ = simulated
    with pytest.MonkeyPatch.context() as patch:
        bug.plant(patch, around)
        played = play(range(1, FOUND_WITHIN), NIGHTS, simulated, at_most=FOUND_WITHIN)

    assert played.broken is not None, f"{bug} was not found in {played.nights} nights"
    assert played.broken.promise.rule != "only a bug raises", played.broken


def test_a_newer_assignment_that_was_listed_before_a_command_began_wins(simulated):
    played = play((23, 49, 53, 50, 14, 3, 46), 25, simulated)

    assert played.broken is None, played.broken
    assert played.counts["held: asked"] > 100
    assert played.counts["held: lost"] <= played.counts["held: not to be had"]


def test_a_seed_decides_everything(simulated):
    first = play([7, 8], 6, simulated).fingerprints
    again = play([8, 7], 6, simulated).fingerprints

    assert first == again
    assert first[7] != first[8]


@pytest.mark.long_only
def test_a_seed_decides_everything_in_any_process():
    def told(number):
        command = [sys.executable, "-m", "tests.simulation", "--seed", "7", "--nights", "30"]
        env = os.environ | {"PYTHONHASHSEED": number}
        done = subprocess.run(
            command, check=False, env=env, capture_output=True, text=True, timeout=300
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout.partition("\n")[2]

    assert told("1") == told("2")
