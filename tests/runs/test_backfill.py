"""The manual pass over a stated window."""

import json
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from os import environ
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[2] / "scripts" / "backfill.py"


@pytest.fixture
def shop(new_shop):
    """Large enough for unassignments from before the first run's horizon."""
    shop = new_shop(customers=80)
    shop.believe()
    return shop


@pytest.fixture
def window(shop):
    """The year before the first run's horizon."""
    start = shop.world.now - timedelta(days=400)
    end = shop.world.window_start + timedelta(hours=1)
    return ("--from", f"{start:%Y-%m-%dT%H:%M:%SZ}", "--to", f"{end:%Y-%m-%dT%H:%M:%SZ}")


def cursors(shop):
    return shop.ledger("SELECT customer_id, cursor, asked_at FROM customers ORDER BY 1")


def test_it_finds_what_is_older_and_moves_no_cursor(shop, window, matches_truth):
    shop.run()
    before = cursors(shop)

    result = shop.command("backfill", *window, "--json")

    assert result.code in (0, 65)
    assert result.json["kind"] == "backfill"
    assert result.json["events"]["new"] == sum(
        row.status == "unassigned" and not row.in_window for row in shop.world.truth.values()
    )
    assert cursors(shop) == before
    assert matches_truth(shop, with_old=True)[0]


def test_it_works_before_the_first_run_and_leaves_the_horizon_to_it(shop, window, matches_truth):
    shop.command("backfill", *window)
    shop.run()

    assert matches_truth(shop, with_old=True)[0]
    horizon = datetime.fromisoformat(shop.ledger("SELECT horizon FROM project")[0][0])
    assert abs(horizon - (datetime.now(UTC) - timedelta(days=30))) < timedelta(minutes=1)


def test_it_goes_on_where_it_stopped(new_shop, matches_truth):
    shop = new_shop(customers=80, cycle_quota=40)
    shop.believe()
    start = shop.world.now - timedelta(days=400)
    window = ("--from", f"{start:%Y-%m-%d}", "--to", f"{shop.world.now:%Y-%m-%dT%H:%M:%SZ}")

    first, _ = shop.calls_of(lambda: shop.command("backfill", *window, "--json"))
    shop.playground.begin_cycle(1000)
    plan = shop.command("backfill", *window, "--plan", "--json").json
    second, calls = shop.calls_of(lambda: shop.command("backfill", *window, "--json"))

    assert (first.code, first.json["parked_by"]) == (75, "cycle")
    assert plan["resumes"] is True
    assert plan["customers"] == second.json["customers"]["selected"] < 80
    assert second.json["customers"]["left"] == 0
    assert calls < 80
    assert matches_truth(shop, with_old=True)[0]


def test_a_finished_one_begins_anew(shop, window):
    shop.command("backfill", *window)

    again = shop.command("backfill", *window, "--json")

    assert again.json["customers"]["asked"] == 80
    assert again.json["events"]["new"] == 0


def test_a_plan_says_what_it_costs_and_stops(shop, window):
    result, calls = shop.calls_of(lambda: shop.command("backfill", *window, "--plan", "--json"))

    assert result.code == 0
    assert calls == 1
    assert result.json["customers"] == 80
    assert result.json["calls_at_least"] == 81
    assert not shop.ledger_file.exists()


def test_a_plan_is_told_to_a_person(shop, window):
    result = shop.command("backfill", *window, "--plan", VOUCHERIFY_CALLS_PER_CYCLE="100")

    assert "at least 81 calls" in result.out
    assert "more than today's share" in result.out


@pytest.mark.parametrize(
    ("start", "end", "told"),
    [
        ("2026-02-30", "2026-03-01", "2026-02-30"),
        ("2026-03-02", "2026-03-01", "not later"),
        ("2026-03-01T10:00:00", "2026-03-02", "zone"),
        ("2026-03-01", "2999-01-01", "future"),
        ("yesterday", "2026-03-01", "yesterday"),
    ],
)
def test_a_window_that_makes_no_sense_is_a_usage_error(homeless, start, end, told):
    result = homeless.command("backfill", "--from", start, "--to", end)

    assert result.code == 2
    assert told in result.err


def test_the_script_is_the_same_job(shop, window):
    done = subprocess.run(
        [sys.executable, SCRIPT, *window, "--plan", "--json"],
        env=environ | shop.settings,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )

    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["calls_at_least"] == 81
