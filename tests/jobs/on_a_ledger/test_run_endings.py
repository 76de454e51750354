"""How a run ends: what stops it, and which exit code tells of it."""

from datetime import timedelta

import pytest

from sync.errors import (
    CredentialsRefusedError,
    ParkError,
    RefusedError,
    TellUserError,
    UnavailableError,
    UnreadableError,
)
from sync.jobs.run import run
from sync.jobs.selection import CustomerSource
from sync.ledger.letters import open_letters
from sync.ledger.lock import held
from sync.ledger.tables import customers, deliveries, runs
from sync.model.event import Invalid
from sync.model.outcome import Outcome, Result

ALL = CustomerSource("all")
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

    with held(shop.ledger_file, "deliver"):
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


def test_a_bug_is_recorded_as_70_and_raised(shop, go):
    shop.voucherify.happens("cust_1")
    shop.voucherify.list_faults = [KeyError("mine")]

    with pytest.raises(KeyError):
        go()

    (row,) = shop.rows(runs)
    assert (row["exit_code"], row["summary"], row["finished_at"]) == (70, "{}", shop.clock())


def test_what_a_person_has_to_change_is_recorded_as_such(shop, go):
    folder = shop.ledger_file.with_name(f"{shop.ledger_file.name}.deliver.lock")
    folder.mkdir()

    with pytest.raises(TellUserError):
        go()

    assert [row["exit_code"] for row in shop.rows(runs)] == [78]


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
