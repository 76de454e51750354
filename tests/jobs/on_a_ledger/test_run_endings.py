"""How a run ends: what stops it, and which exit code tells of it."""

import json
import threading
from dataclasses import replace
from datetime import timedelta

import pytest

from sync.errors import (
    CredentialsRefusedError,
    NotNowError,
    ParkError,
    RefusedError,
    TellUserError,
    UnavailableError,
    UnreadableError,
)
from sync.jobs.deliver import BATCH
from sync.jobs.run import run
from sync.jobs.sources import CustomerSource
from sync.ledger.letters import open_letters
from sync.ledger.tables import customers, deliveries, runs
from sync.model.event import Invalid
from sync.model.outcome import Outcome, Result
from sync.model.summary import CallCounts, CustomerCount
from sync.operate.workers import Workers

ALL = CustomerSource("all", lists=True)
BUSY = Outcome.retry("busy")


@pytest.fixture
def go(shop):
    return lambda source=ALL: run(shop.parts(), source)


def test_a_crm_that_is_down_prevents_no_reading(shop, go, ended):
    shop.voucherify.happens("cust_1", ended("rh_1"))
    shop.crm.answers["rh_1"] = [BUSY, BUSY]
    go()
    shop.voucherify.happens("cust_1", ended("rh_2", hours=1))

    report = go()

    assert report.exit_code == 69
    assert report.summary.result == "unavailable"
    assert report.summary.events.new == 1
    assert report.summary.pending == 2
    assert shop.crm.told == [["rh_1"], ["rh_1"]]
    assert any("stay pending" in problem for problem in report.problems)


def test_a_delivery_that_has_to_wait_keeps_no_other_one_back(shop, go, ended):
    for number in (1, 2):
        shop.voucherify.happens("cust_1", ended(f"rh_{number}"))
    shop.crm.answers["rh_1"] = [BUSY, BUSY]
    shop.crm.answers["rh_2"] = [BUSY]
    go()
    shop.voucherify.happens("cust_1", ended("rh_3", hours=1))

    report = go()

    assert shop.crm.told == [["rh_1", "rh_2"], ["rh_1", "rh_2"], ["rh_3"]]
    assert report.exit_code == 69
    assert report.summary.outcomes.removed == 2
    assert [row["attempts"] for row in shop.rows(deliveries)] == [1, 0, 0]
    assert len(report.problems) == 1


@pytest.mark.parametrize(
    ("error", "code", "result"),
    [
        (CredentialsRefusedError("the CRM refused the key"), 77, "failed"),
        (TellUserError("no such column"), 78, "failed"),
    ],
)
def test_a_crm_that_refuses_prevents_no_reading(shop, go, ended, *, error, code, result):
    shop.voucherify.happens("cust_1", ended("rh_1"))
    shop.crm.answers["rh_1"] = [BUSY]
    go()
    shop.voucherify.happens("cust_1", ended("rh_2", hours=1))
    shop.crm.always = error

    report = go()

    assert (report.exit_code, report.summary.result) == (code, result)
    assert report.problems == (str(error),)
    assert report.summary.events.new == 1
    assert report.summary.pending == 2
    assert len(shop.crm.told) == 2


def test_the_brake_prevents_no_reading_and_is_told_by_campaign(shop, go, ended):
    shop.delivery_rules = type(shop.delivery_rules)(1, timedelta(days=7))
    shop.voucherify.happens("cust_1", ended("rh_1"), ended("rh_2"))

    report = go()

    assert (report.exit_code, report.summary.parked_by) == (75, "brake")
    assert report.summary.result == "parked"
    assert report.held_back == {"Friends": 2}
    assert report.summary.pending == 2
    shop.voucherify.happens("cust_2", ended("rh_3", hours=1, customer_id="cust_2"))

    again = go()

    assert again.summary.events.new == 1
    assert again.held_back == {"Friends": 2}
    assert shop.crm.told == []


def test_who_finds_another_delivery_leaves_rows_pending_and_succeeds(shop, go, ended):
    shop.voucherify.happens("cust_1", ended("rh_1"))

    with shop.locks.held("deliver"):
        report = go()

    assert (report.exit_code, report.summary.pending) == (0, 1)
    assert shop.crm.told == []
    assert go().summary.outcomes.removed == 1


def test_rows_of_the_list_that_can_not_be_used_are_dead_lettered(shop, go):
    shop.voucherify.happens("cust_1")
    shop.voucherify.invalid_rows = [Invalid("sha256:1", "no usable id", "{}")]

    report = go()

    assert (report.exit_code, report.summary.result) == (65, "done")
    assert report.summary.events.invalid == report.summary.dead_letters == 1
    assert go().exit_code == 0


def test_a_signal_before_the_reading_costs_no_call(shop, go):
    shop.voucherify.happens("cust_1")
    shop.watch.patience = 0

    report = go()

    assert (report.exit_code, report.summary.parked_by) == (75, "signal")
    assert (shop.voucherify.listed, shop.voucherify.asked) == (0, [])


def test_a_signal_ends_the_listing(shop, go):
    for number in range(9):
        shop.voucherify.happens(f"cust_{number}")
    shop.watch.patience = 2

    report = go()

    assert (report.exit_code, report.summary.parked_by) == (75, "signal")
    assert (shop.voucherify.listed, shop.voucherify.asked) == (2, [])
    assert len(shop.rows(customers)) == 4


def test_a_bug_is_recorded_as_70_with_what_was_done_until_then_and_raised(shop, go, ended):
    for number in range(3):
        shop.voucherify.happens(f"cust_{number}", ended(f"rh_{number}"))
    shop.voucherify.faults["cust_2"] = [KeyError("mine")]
    shop.bound(in_line=1)

    with pytest.raises(KeyError):
        go()

    (row,) = shop.rows(runs)
    assert (row["exit_code"], row["finished_at"]) == (70, shop.clock())
    told = json.loads(row["summary"])
    assert (told["result"], told["events"]["new"], told["pending"]) == ("failed", 2, 2)
    people = told["customers"]
    assert (people["selected"], people["asked"], people["left"]) == (3, 2, 1)


@pytest.mark.on_a_file
def test_what_a_person_has_to_change_is_reported_and_recorded_as_such(shop, go, tmp_path):
    (tmp_path / "ledger.db.deliver.lock").mkdir()

    report = go()

    assert (report.exit_code, report.summary.result) == (78, "failed")
    assert "deliver.lock" in report.problems[0]
    assert [row["exit_code"] for row in shop.rows(runs)] == [78]


@pytest.fixture
def lose(shop, monkeypatch):
    """Let the ledger be lost at a moment, in a way."""

    def lose(error):
        def fail(*_arguments, **_options):
            raise error

        monkeypatch.setattr(shop.ledger, "transaction", fail)
        monkeypatch.setattr(shop.ledger, "read_only", fail)

    return lose


BROKEN = TellUserError("the ledger can't be used")
HELD = NotNowError("the ledger is held by another program")


@pytest.mark.parametrize(
    ("error", "code", "result"), [(BROKEN, 78, "failed"), (HELD, 69, "unavailable")]
)
def test_a_ledger_that_is_lost_in_the_middle_ends_with_what_is_known(
    shop, go, ended, lose, *, error, code, result
):
    for number in range(4):
        shop.voucherify.happens(f"cust_{number}", ended(f"rh_{number}"))
    shop.bound(in_line=1)
    shop.watch.read = lambda customers, _selected: customers == 2 and lose(error)

    report = go()

    summary = report.summary
    assert (report.exit_code, summary.result) == (code, result)
    assert report.problems[0] == str(error)
    assert summary.customers == CustomerCount(selected=4, asked=3, left=2)
    assert (summary.events.read, summary.events.new) == (3, 2)
    assert (summary.pending, summary.dead_letters) == (None, None)
    assert summary.calls == CallCounts(7, 2, 1, None, None)
    assert shop.crm.told == []


def test_a_ledger_that_is_lost_while_the_crm_is_told_ends_with_what_was_stored(
    shop, go, ended, lose
):
    holders = [f"rh_{number:03}" for number in range(BATCH + 1)]
    shop.voucherify.happens("cust_1", *(ended(each) for each in holders))
    shop.crm.answers["rh_000"] = [BUSY]
    shop.watch.go_on = lambda: shop.crm.told and lose(BROKEN)

    report = go()

    assert report.exit_code == 78
    assert report.summary.outcomes.removed == BATCH - 1
    assert shop.crm.heard == holders


def test_a_ledger_that_is_lost_before_the_first_word_of_a_run_is_reported_too(shop, go, lose):
    lose(BROKEN)

    report = go()

    assert (report.exit_code, report.problems) == (78, (str(BROKEN),))
    assert report.summary.run_id == "run-1"
    assert shop.voucherify.asked == []


def test_a_signal_that_came_while_the_last_batch_was_told_is_told_and_nothing_repeated(
    shop, go, ended, states
):
    shop.voucherify.happens("cust_1", ended("rh_1"))
    unassign = shop.crm.unassign

    def interrupted(batch):
        shop.watch.patience = 0
        return unassign(batch)

    shop.crm.unassign = interrupted

    report = go()

    assert (report.exit_code, report.summary.parked_by) == (75, "signal")
    assert report.summary.outcomes.removed == 1
    assert states() == {"rh_1": "delivered"}


def test_a_crm_write_that_is_left_behind_stays_pending_and_is_not_repeated_in_this_run(
    shop, ended, states
):
    shop.voucherify.happens("cust_1", ended("rh_1"))
    workers = Workers("crm", 1)
    may_end, left = threading.Event(), ParkError("stopped by a signal", by="signal")

    def hang(batch):
        shop.crm.told.append([each.holder_id for each in batch])
        workers.leave(left)
        may_end.wait(10)

    shop.crm.unassign = hang

    report = run(replace(shop.parts(), crm_executor=workers), ALL)

    may_end.set()
    assert (report.exit_code, report.summary.parked_by) == (75, "signal")
    assert (report.summary.pending, report.summary.outcomes.removed) == (1, 0)
    assert states() == {"rh_1": "pending"}
    assert shop.crm.told == [["rh_1"]]


def test_a_parked_run_says_by_what_and_when_it_may_go_on(shop, go, ended, now):
    for number in range(3):
        shop.voucherify.happens(f"cust_{number}", ended(f"rh_{number}"))
    later = now + timedelta(days=1)
    shop.voucherify.faults["cust_1"] = [ParkError("used up", by="budget", resume_after=later)]

    report = go()

    assert (report.exit_code, report.summary.result) == (75, "parked")
    assert (report.summary.parked_by, report.summary.resume_after) == ("budget", later)
    assert report.problems == ("used up",)
    assert report.summary.customers.left == 1
    assert shop.crm.told != []


@pytest.mark.parametrize(
    ("trouble", "code", "result", "parked_by"),
    [
        ([], 0, "done", None),
        (["letter"], 65, "done", None),
        (["letter", "left"], 69, "unavailable", None),
        (["failed"], 69, "unavailable", None),
        (["letter", "left", "brake"], 75, "parked", "brake"),
        (["brake", "refused"], 77, "failed", None),
        (["refused", "setting"], 78, "failed", None),
        (["setting", "changed"], 70, "failed", None),
    ],
)
def test_the_first_reason_that_applies_is_the_exit_code(
    shop, go, item, ended, *, trouble, code, result, parked_by
):
    people = [f"cust_{number:02}" for number in range(20)]
    for who in people:
        shop.voucherify.happens(who)
    shop.voucherify.happens("cust_00", ended("rh_1"), ended("rh_2"))
    causes = {
        "letter": lambda: shop.voucherify.happens(
            "cust_00", item("evcus_bad", finding=Invalid("evcus_bad", "no code", "{}"))
        ),
        "left": lambda: shop.voucherify.faults["cust_19"].append(UnavailableError("no answer")),
        "failed": lambda: shop.voucherify.faults["cust_19"].append(
            RefusedError("400", signature="400 bad")
        ),
        "brake": lambda: setattr(
            shop, "delivery_rules", type(shop.delivery_rules)(1, timedelta(days=7))
        ),
        "refused": lambda: shop.voucherify.faults["cust_18"].append(
            CredentialsRefusedError("refused")
        ),
        "setting": lambda: setattr(shop.crm, "always", TellUserError("no such column")),
        "changed": lambda: [
            shop.voucherify.faults[who].append(RefusedError("400", signature="400 bad"))
            for who in people[1:]
        ],
    }
    for cause in trouble:
        causes[cause]()

    report = go()

    assert report.exit_code == code
    assert (report.summary.result, report.summary.parked_by) == (result, parked_by)
    assert [row["exit_code"] for row in shop.rows(runs)] == [code]


def test_a_rejected_delivery_is_told_once_in_the_exit_code(shop, go, ended):
    shop.voucherify.happens("cust_1", ended("rh_1"))
    shop.crm.answers["rh_1"] = [Outcome.rejected("several contacts match")]

    first, second = go(), go()

    assert (first.exit_code, second.exit_code) == (65, 0)
    assert first.summary.outcomes.rejected == 1
    assert (first.summary.dead_letters, second.summary.dead_letters) == (1, 1)
    assert (first.new_letters, second.new_letters) == (1, 0)


def test_unreadable_lists_leave_the_run_at_69(shop, go):
    shop.voucherify.happens("cust_1")
    go()
    shop.voucherify.list_faults = [UnreadableError("no field customers", signature="customers")]

    report = go()

    assert report.exit_code == 69
    assert report.summary.customers.asked == 1


def test_a_missing_contact_is_no_reason_to_end_badly(shop, go, ended):
    shop.voucherify.happens("cust_1", ended("rh_1"))
    shop.crm.answers["rh_1"] = [Outcome(Result.CONTACT_NOT_FOUND)]

    report = go()

    assert (report.exit_code, report.summary.pending) == (0, 1)
    assert report.summary.outcomes.contact_not_found == 1
    assert open_letters(shop.ledger) == []
