"""With --json exactly one object on stdout, however a run or a backfill ends."""

import sqlite3
import threading
import time
from contextlib import closing, contextmanager

import pytest

from sync.voucherify.activity import ActivityReader

WINDOW = ("--from", "2020-01-01", "--to", "2026-01-01")
FIELDS = [
    *("run_id", "kind", "result", "parked_by", "started_at", "finished_at", "destination"),
    *(
        "customers",
        "codes",
        "calls",
        "events",
        "outcomes",
        "pending",
        "dead_letters",
        "resume_after",
    ),
]
JOBS = pytest.mark.parametrize("job", [("run",), ("backfill", *WINDOW)], ids=["run", "backfill"])


def told_by(result):
    """Give the object, if it is the only one and has the fields that it always has."""
    assert result.out.count("\n") == 1, (result.out, result.err)
    assert list(result.json) == FIELDS
    return result.json


def read_so_far(shop):
    return shop.ledger("SELECT count(*) FROM customers WHERE asked_at IS NOT NULL")[0][0]


@contextmanager
def meanwhile(shop, act, after=20):
    """Do something to the ledger in the middle of the reading."""

    def wait_and_act():
        give_up = time.monotonic() + 30
        while shop.playground.counters().by_endpoint.get("activity", 0) < after:
            if time.monotonic() > give_up:
                return
            time.sleep(0.005)
        act()

    # What comes later is slow, so that the actor comes in between on a busy machine too.
    shop.playground.set_faults(f"path:/activity {after + 1}- delay 0.3")
    actor = threading.Thread(target=wait_and_act)
    actor.start()
    yield
    actor.join()


def test_a_ledger_that_is_lost_in_the_middle_of_a_run_is_told_with_what_was_done(shop):
    def lose():
        with closing(sqlite3.connect(shop.ledger_file, timeout=10)) as stranger:
            stranger.execute("DROP TABLE unassignments")

    with meanwhile(shop, lose):
        result = shop.run()

    told = told_by(result)
    assert (result.code, told["result"], told["parked_by"]) == (78, "failed", None)
    assert "can't be used" in result.err
    assert told["calls"]["made"] == shop.playground.counters().total
    assert 0 < told["customers"]["left"] <= 50 - read_so_far(shop)
    assert told["events"]["new"] > 0
    assert (told["pending"], told["dead_letters"]) == (None, None)
    assert shop.ledger("SELECT exit_code FROM runs") == [(78,)]


def test_a_ledger_that_is_held_in_the_middle_of_a_run_is_told_with_what_was_done(shop, monkeypatch):
    monkeypatch.setattr("sync.ledger.opening.BUSY_SECONDS", 0.2)
    with closing(
        sqlite3.connect(shop.ledger_file, isolation_level=None, check_same_thread=False)
    ) as other:
        with meanwhile(shop, lambda: other.execute("BEGIN IMMEDIATE")):
            result = shop.run()
        other.execute("ROLLBACK")

    told = told_by(result)
    assert (result.code, told["result"]) == (69, "unavailable")
    assert "held by another program" in result.err
    assert told["calls"]["made"] == shop.playground.counters().total
    assert told["customers"]["left"] == 50 - read_so_far(shop) > 0
    # Reading is still possible, so what is pending is known.
    assert told["pending"] == told["events"]["new"] > 0
    shop.playground.set_faults("")
    assert shop.run().json["pending"] == 0


@JOBS
def test_a_bug_is_told_with_what_was_done(shop, monkeypatch, job):
    fetch, fetched = ActivityReader.fetch, []

    def fetch_or_fail(self, *asked):
        fetched.append(asked)
        if len(fetched) > 20:
            raise KeyError(asked)
        return fetch(self, *asked)

    monkeypatch.setattr(ActivityReader, "fetch", fetch_or_fail)

    result = shop.command(*job, "--json")

    told = told_by(result)
    assert (result.code, told["result"], told["kind"]) == (70, "failed", job[0])
    assert "this is a bug" in result.err
    assert told["calls"]["made"] == shop.playground.counters().total
    assert 0 < told["customers"]["asked"] <= 20
    assert told["customers"]["left"] > 0
    assert told["pending"] is not None
    assert shop.ledger("SELECT exit_code FROM runs") == [(70,)]


@JOBS
def test_without_settings_there_is_an_object_without_a_name(homeless, job):
    homeless.settings = {"HOLDERSYNC_HOME": str(homeless.home)}

    result = homeless.command(*job, "--json")

    told = told_by(result)
    assert (result.code, told["result"], told["kind"]) == (78, "failed", job[0])
    assert (told["run_id"], told["destination"], told["pending"]) == (None, None, None)
    assert "VOUCHERIFY_APP_ID" in result.err


@JOBS
@pytest.mark.parametrize("more", [(), ("--customers", "file:nobody.csv")])
def test_what_must_be_changed_before_it_begins_is_an_object_too(shop, job, more):
    shop.run()
    wrong = {} if more else {"CRM_SQL_URL": "sqlite:///another.db"}

    result = shop.command(*job, *more, "--json", **wrong)

    told = told_by(result)
    assert (result.code, told["result"]) == (78, "failed")
    assert (told["run_id"] is None) == bool(more)
    assert (told["customers"]["asked"], told["pending"]) == (0, None)


def test_a_ledger_that_is_held_before_the_run_begins_is_told(shop, monkeypatch):
    shop.run()
    monkeypatch.setattr("sync.ledger.opening.BUSY_SECONDS", 0.05)
    with closing(sqlite3.connect(shop.ledger_file, isolation_level=None)) as other:
        other.execute("BEGIN EXCLUSIVE")
        result = shop.run()

    told = told_by(result)
    assert (result.code, told["result"]) == (69, "unavailable")
    assert told["run_id"]


def test_a_rehearsal_that_can_not_be_is_told_too(shop):
    result = shop.run("--dry-run", VOUCHERIFY_APP_TOKEN="wrong")

    assert (result.code, result.json["result"]) == (77, "failed")
    assert result.out.count("\n") == 1


def test_a_plan_is_one_object_or_says_why_there_is_none(shop):
    plan = shop.command("backfill", *WINDOW, "--plan", "--json")
    refused = shop.command("backfill", *WINDOW, "--plan", "--json", VOUCHERIFY_APP_TOKEN="wrong")

    assert plan.out.count("\n") == 1
    assert plan.json["customers"] == 50
    assert told_by(refused)["result"] == "failed"
    assert refused.code == 77


def test_a_wrong_call_prints_nothing_on_stdout(homeless):
    result = homeless.command("run", "--json", "--no-such-option")

    assert (result.code, result.out) == (2, "")


@JOBS
def test_without_json_nothing_is_printed_for_a_machine(homeless, job):
    homeless.settings = {"HOLDERSYNC_HOME": str(homeless.home)}

    assert homeless.command(*job).out == ""
