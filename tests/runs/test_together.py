"""Two processes on one ledger, and processes that are stopped or killed."""

import json
import os
import signal
import time

import pytest

from sync.ledger.lock import held


def wait_until(condition, seconds=20.0):
    give_up = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < give_up, "it did not happen in time"
        time.sleep(0.01)


def test_a_second_run_ends_with_75_and_names_the_first(shop):
    shop.run()
    shop.playground.set_faults("path:/activity * delay 0.2")
    with shop.start("run", "--json") as first:
        wait_until(lambda: shop.ledger("SELECT 1 FROM runs WHERE finished_at IS NULL"))
        second = shop.run()
        first.send_signal(signal.SIGTERM)
        first.communicate(timeout=30)

    assert (second.code, second.json["parked_by"]) == (75, "lock")
    assert str(first.pid) in second.err


def test_a_second_run_may_be_skipped(shop):
    with held(shop.ledger_file, "run"):
        result, calls = shop.calls_of(lambda: shop.run("--if-busy=skip"))

    assert (result.code, calls) == (0, 0)
    assert result.json["parked_by"] == "lock"
    assert result.err == ""


def test_who_finds_a_delivery_at_work_leaves_the_rows_pending_and_succeeds(shop, matches_truth):
    with held(shop.ledger_file, "deliver"):
        first = shop.run()

    assert first.json["pending"] == first.json["events"]["new"] > 0
    assert first.code == 65  # the dead letters of this world, nothing else

    assert shop.run().json["pending"] == 0
    assert matches_truth(shop)[0]


def test_a_run_and_a_backfill_may_be_at_work_together(shop, matches_truth):
    start, end = "2020-01-01", f"{shop.world.now:%Y-%m-%d}"
    with shop.start("backfill", "--from", start, "--to", end, "--json") as backfill:
        run = shop.run()
        _, err = backfill.communicate(timeout=60)

    assert run.code in (0, 65), run.err
    assert backfill.returncode in (0, 65), err
    shop.run()
    assert matches_truth(shop, with_old=True)[0]
    counted = shop.ledger("SELECT used FROM budget")[0][0]
    assert counted == shop.playground.counters().total


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_a_run_in_order_and_the_next_one_goes_on(shop, matches_truth, number):
    shop.playground.set_faults("path:/activity * delay 0.05")
    with shop.start("run", "--json") as process:
        wait_until(lambda: shop.playground.counters().by_endpoint.get("activity", 0) > 20)
        asked_to_stop = time.monotonic()
        process.send_signal(number)
        out, err = process.communicate(timeout=30)
        took = time.monotonic() - asked_to_stop
    stored = shop.ledger("SELECT count(*) FROM customers WHERE asked_at IS NOT NULL")[0][0]

    assert process.returncode == 75, err
    assert json.loads(out)["parked_by"] == "signal"
    assert json.loads(out)["customers"]["left"] == 50 - stored > 0
    assert took < 5
    shop.playground.set_faults("")
    assert shop.run().json["customers"]["left"] == 0
    assert matches_truth(shop)[0]


def test_a_killed_run_loses_nothing_and_gives_its_lock_back(shop, matches_truth):
    shop.playground.set_faults("path:/activity * delay 0.05")
    with shop.start("run", "--json") as process:
        wait_until(lambda: shop.playground.counters().by_endpoint.get("activity", 0) > 30)
        os.kill(process.pid, signal.SIGKILL)
        process.communicate(timeout=30)
    shop.playground.set_faults("")

    result = shop.run()

    assert process.returncode == -signal.SIGKILL
    assert result.code in (0, 65), result.err
    assert matches_truth(shop)[0]
    assert shop.ledger("SELECT used FROM budget")[0][0] >= shop.playground.counters().total - 6
