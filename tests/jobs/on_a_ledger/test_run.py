"""One pass, from its beginning to its summary."""

import json
from datetime import timedelta

import pytest

from sync.errors import (
    CredentialsRefusedError,
    UnavailableError,
)
from sync.jobs.run import run
from sync.jobs.sources import CustomerSource
from sync.ledger.tables import deliveries, runs, unassignments
from sync.model.outcome import Outcome
from sync.model.summary import (
    CallCounts,
    CustomerCount,
    EventCount,
    OutcomeCount,
    Summary,
)

ALL = CustomerSource("all", lists=True)
BUSY = Outcome.retry("busy")


def named(*ids):
    return CustomerSource("file:x#1", ids)


@pytest.fixture
def go(shop):
    return lambda source=ALL: run(shop.parts(), source)


def test_a_first_run_reads_everybody_and_delivers(shop, go, ended, now):
    shop.voucherify.happens("cust_1", ended("rh_1"))
    shop.voucherify.happens("cust_2")

    report = go()

    assert report.exit_code == 0
    assert report.problems == ()
    started = now + timedelta(seconds=1)
    assert report.summary == Summary(
        run_id="run-1",
        kind="run",
        result="done",
        parked_by=None,
        started_at=started,
        finished_at=started,
        destination="memory-1",
        customers=CustomerCount(selected=2, asked=2),
        calls=CallCounts(7, 2, 1, 40, 59_960),
        events=EventCount(read=1, matched=1, new=1),
        outcomes=OutcomeCount(removed=1),
    )
    assert shop.crm.heard == ["rh_1"]


def test_a_run_is_recorded_with_its_summary(shop, go, ended):
    shop.voucherify.happens("cust_1", ended("rh_1"))

    report = go()

    (row,) = shop.rows(runs)
    assert (row["run_id"], row["kind"], row["exit_code"]) == ("run-1", "run", 0)
    assert row["finished_at"] == report.summary.finished_at
    assert json.loads(row["summary"]) == json.loads(json.dumps(report.summary.as_json()))


def test_a_second_run_changes_nothing(shop, go, ended):
    shop.voucherify.happens("cust_1", ended("rh_1"))
    go()
    before = shop.rows(unassignments), shop.rows(deliveries)

    report = go()

    assert (report.summary.events.new, report.summary.outcomes) == (0, OutcomeCount())
    assert (shop.rows(unassignments), shop.rows(deliveries)) == before
    assert shop.crm.heard == ["rh_1"]


def test_what_is_pending_is_delivered_before_anything_is_read(shop, go, ended):
    shop.voucherify.happens("cust_1", ended("rh_1"))
    shop.crm.answers["rh_1"] = [BUSY]
    go()
    shop.voucherify.happens("cust_1", ended("rh_2", hours=1))
    asked_before = len(shop.voucherify.asked)
    told_at = []
    unassign = shop.crm.unassign
    shop.crm.unassign = lambda batch: (
        told_at.append(len(shop.voucherify.asked) - asked_before),
        unassign(batch),
    )[1]

    go()

    assert shop.crm.told == [["rh_1"], ["rh_1"], ["rh_2"]]
    assert told_at[0] == 0
    assert told_at[1] > 0


def test_the_horizon_is_the_first_run_s_and_stays(shop, go, now):
    shop.voucherify.happens("cust_1")
    go()
    first = shop.ledger.horizon()
    assert first == now + timedelta(seconds=1) - timedelta(days=30)

    shop.look_back(initial_lookback=timedelta(days=300))
    shop.clock.wait(days=3)
    shop.voucherify.happens("cust_2")
    go()

    assert shop.ledger.horizon() == first
    windows = {who: window.start for who, window, _ in shop.voucherify.asked}
    assert windows["cust_2"] == first


@pytest.mark.parametrize("source", [ALL, named("cust_1")])
def test_of_two_clocks_that_disagree_the_horizon_goes_by_the_earlier_one(shop, go, source):
    shop.voucherify.happens("cust_1")
    begun = shop.clock()
    shop.voucherify.clock = lambda: begun + timedelta(days=400)

    go(source)

    assert begun <= shop.ledger.horizon() + timedelta(days=30) <= shop.clock()


def test_named_customers_alone_are_asked(shop, go, ended):
    for who in ("cust_1", "cust_2", "cust_3"):
        shop.voucherify.happens(who, ended(f"rh_{who}", customer_id=who))

    report = go(named("cust_3", "cust_1", "cust_3"))

    assert report.summary.customers == CustomerCount(selected=2, asked=2)
    assert sorted(shop.crm.heard) == ["rh_cust_1", "rh_cust_3"]
    assert shop.voucherify.listed == 1
    assert shop.watch.selected == 3


def test_named_customers_need_no_list_once_there_is_a_horizon(shop, go):
    shop.voucherify.happens("cust_1")
    go(named("cust_1"))

    go(named("cust_1"))

    assert shop.voucherify.listed == 1


def test_refused_credentials_cost_one_call_for_named_customers(shop, go):
    ids = [f"cust_{number}" for number in range(9)]
    shop.voucherify.happens("cust_0")
    go(named(*ids))
    asked = len(shop.voucherify.asked)
    for who in ids:
        shop.voucherify.faults[who] = [CredentialsRefusedError("refused")]

    report = go(named(*ids))

    assert len(shop.voucherify.asked) == asked + 1
    assert (report.exit_code, report.problems[0]) == (77, "refused")
    assert report.summary.customers == CustomerCount(selected=9, left=9)


def test_a_key_that_no_list_proved_is_proven_by_one_call(shop, go):
    for number in range(9):
        shop.voucherify.happens(f"cust_{number}")
    go()
    asked = len(shop.voucherify.asked)
    shop.voucherify.list_faults = [UnavailableError("no whole answer")]
    for number in range(9):
        shop.voucherify.faults[f"cust_{number}"] = [CredentialsRefusedError("refused")]

    go()

    assert len(shop.voucherify.asked) == asked + 1


def test_who_is_known_is_asked_when_the_list_is_cut_short(shop, go):
    for number in range(5):
        shop.voucherify.happens(f"cust_{number}")
    go()
    asked = len(shop.voucherify.asked)
    for number in range(5):
        shop.voucherify.happens(f"cust_new_{number}")
    shop.voucherify.list_faults = [None, None, UnavailableError("no whole answer")]

    report = go()

    assert report.exit_code == 69
    assert report.problems == ("no whole answer",)
    assert len(shop.voucherify.asked) == asked + 5 + 3


def test_a_list_that_never_answered_leaves_nobody_to_ask(shop, go):
    shop.voucherify.happens("cust_1")
    shop.voucherify.list_faults = [UnavailableError("no whole answer")]

    report = go()

    assert report.exit_code == 69
    assert report.problems == (
        "no whole answer",
        "no customer is known yet, so there is nothing to read",
    )
    assert report.summary.customers == CustomerCount()
    assert shop.voucherify.asked == []


def test_a_newer_assignment_on_a_later_page_is_known_at_delivery(shop, go, ended, begun):
    shop.voucherify.page_size = 1
    shop.voucherify.happens("cust_1", ended("rh_1", hours=9), begun("rh_2", hours=3))
    seen = []
    unassign = shop.crm.unassign
    shop.crm.unassign = lambda batch: (seen.extend(batch), unassign(batch))[1]

    go()

    assert [(each.holder_id, each.superseded_by) for each in seen] == [("rh_1", "rh_2")]
