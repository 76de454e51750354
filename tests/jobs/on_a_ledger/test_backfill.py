"""A manual pass over a stated window."""

from datetime import timedelta

import pytest

from sync.errors import CredentialsRefusedError, ParkError, RefusedError, UnavailableError
from sync.jobs.backfill import backfill
from sync.jobs.run import run
from sync.jobs.sources import CustomerSource
from sync.ledger.tables import backfills, customers, runs, unassignments
from sync.model.event import Invalid
from sync.model.outcome import Outcome
from sync.model.summary import CustomerCount, EventCount
from sync.model.window import Window
from tests.inline import Inline

ALL = CustomerSource("all", lists=True)


def named(*ids, label="file:x#1"):
    return CustomerSource(label, ids)


@pytest.fixture
def window(now):
    return Window(now - timedelta(days=60), now - timedelta(days=40))


@pytest.fixture
def go(shop, window):
    return lambda source=ALL, window=window: backfill(shop.parts("backfill"), window, source)


@pytest.fixture
def old(ended):
    """Make an event of the window, by its day."""
    return lambda holder_id, days=50, **about: ended(holder_id, hours=24 * days, **about)


@pytest.fixture
def shelf(shop, old):
    """Five customers with three old events each."""
    ids = [f"cust_{number}" for number in range(5)]
    for who in ids:
        for day in (55, 50, 45):
            shop.voucherify.happens(who, old(f"rh_{who}_{day}", day, customer_id=who))
    return ids


def left(error=None):
    return [error or UnavailableError("no whole answer")]


def test_a_window_is_read_and_delivered(shop, go, old, window):
    shop.voucherify.happens("cust_1", old("rh_1"), old("rh_young", 20), old("rh_aged", 70))

    report = go()

    assert (report.exit_code, report.summary.kind) == (0, "backfill")
    assert report.summary.customers == CustomerCount(selected=1, asked=1)
    assert report.summary.events == EventCount(read=1, matched=1, new=1)
    assert shop.crm.heard == ["rh_1"]
    assert {asked for _, asked, _ in shop.voucherify.asked} == {window}


def test_it_moves_no_cursor_and_sets_no_horizon(shop, go, shelf):
    go()
    assert shop.ledger.horizon() is None
    assert {row["cursor"] for row in shop.rows(customers)} == {None}

    run(shop.parts(), ALL)
    before = shop.rows(customers)
    shop.clock.wait(days=1)
    go()

    assert len(before) == len(shelf)
    listed = {"listed_at": shop.clock()}
    assert shop.rows(customers) == [row | listed for row in before]


def test_what_is_pending_is_delivered_first(shop, go, old):
    shop.voucherify.happens("cust_1", old("rh_1"))
    shop.crm.answers["rh_1"] = [Outcome.retry("busy")]
    go()
    shop.voucherify.happens("cust_1", old("rh_2"))

    go()

    assert shop.crm.told == [["rh_1"], ["rh_1"], ["rh_2"]]


def test_it_goes_on_where_it_was_cut_short(shop, go, shelf):
    shop.bound(in_line=1)
    shop.voucherify.faults["cust_2"] = [None, *left(ParkError("used up", by="budget"))]
    first = go()
    assert (first.exit_code, first.summary.parked_by) == (75, "budget")
    assert first.summary.customers == CustomerCount(selected=5, asked=3, left=3)
    shop.voucherify.asked.clear()
    listed = shop.voucherify.listed

    second = go()

    assert second.exit_code == 0
    assert second.summary.customers == CustomerCount(selected=3, asked=3)
    assert shop.voucherify.listed == listed
    asked = [(who, after) for who, _, after in shop.voucherify.asked]
    assert asked[0] == ("cust_2", "evcus_rh_cust_2_50")
    assert {who for who, _ in asked} == set(shelf[2:])
    found = [row["holder_id"] for row in shop.rows(unassignments)]
    assert len(found) == 15
    assert sorted(shop.crm.heard) == sorted(found)


def test_once_everybody_is_read_the_same_window_begins_anew(shop, go, shelf):
    go()
    shop.voucherify.asked.clear()

    report = go()

    assert report.summary.customers.asked == len(shelf)
    assert report.summary.events.new == 0
    assert [row["finished_at"] is not None for row in shop.rows(backfills)] == [True, True]


@pytest.mark.parametrize("other", ["window", "selection"])
def test_another_window_or_selection_is_another_backfill(shop, go, shelf, window, other):
    shop.voucherify.faults["cust_0"] = left()
    go()
    shop.voucherify.asked.clear()
    longer = Window(window.start, window.end + timedelta(days=1))

    report = go(window=longer) if other == "window" else go(named(*shelf))

    assert report.summary.customers.asked == len(shelf)
    assert [row["finished_at"] is None for row in shop.rows(backfills)] == [True, False]


@pytest.mark.usefixtures("shelf")
def test_whom_it_could_not_read_it_asks_the_next_time(shop, go):
    shop.voucherify.faults["cust_3"] = left()
    first = go()
    assert (first.exit_code, first.summary.customers.left) == (69, 1)
    shop.voucherify.asked.clear()

    second = go()

    assert second.exit_code == 0
    assert {who for who, _, _ in shop.voucherify.asked} == {"cust_3"}


def test_customers_that_can_never_be_read_keep_no_other_from_being_read(shop, go, old):
    bad = [f"cust_{number}" for number in range(8)]
    for who in [*bad, "zoe"]:
        shop.voucherify.happens(who, old(f"rh_{who}", customer_id=who))
    for who in bad:
        shop.voucherify.faults[who] = [
            RefusedError("Voucherify answered 400", signature="400 odd") for _ in range(99)
        ]
    shop.executor = Inline()

    for _ in range(3):
        go()

    assert [row["holder_id"] for row in shop.rows(unassignments)] == ["rh_zoe"]


@pytest.mark.parametrize("known_by", ["a run", "a backfill of all", "a backfill of these"])
def test_a_deleted_customer_is_done(shop, go, shelf, known_by):
    shop.voucherify.happens("cust_gone")
    everybody = named(*shelf, "cust_gone", label="file:y#2")
    ways = {
        "a run": lambda: run(shop.parts(), ALL),
        "a backfill of all": go,
        "a backfill of these": lambda: go(everybody),
    }
    ways[known_by]()
    shop.voucherify.gone.add("cust_gone")

    report = go(named(*shelf, "cust_gone"))

    assert report.summary.customers == CustomerCount(selected=6, asked=6, gone=1)
    assert report.exit_code == 0
    assert shop.rows(backfills)[-1]["finished_at"] is not None


def test_an_id_that_voucherify_never_knew_keeps_a_backfill_open(shop, go, shelf):
    shop.voucherify.gone.add("typing-error")

    report = go(named(*shelf, "typing-error"))

    assert report.summary.customers == CustomerCount(selected=6, asked=6, failed=1)
    assert report.exit_code == 69
    assert shop.rows(backfills)[0]["finished_at"] is None


@pytest.mark.usefixtures("shelf")
def test_named_customers_need_no_list_and_are_taken_once(shop, go):
    report = go(named("cust_1", "cust_1", "cust_4"))

    assert report.summary.customers == CustomerCount(selected=2, asked=2)
    assert shop.voucherify.listed == 0
    assert len(shop.rows(unassignments)) == 6
    assert shop.watch.plans == [2]


def test_refused_credentials_cost_one_call(shop, go, shelf):
    for who in shelf:
        shop.voucherify.faults[who] = left(CredentialsRefusedError("refused"))

    report = go(named(*shelf))

    assert report.exit_code == 77
    assert len(shop.voucherify.asked) == 1


@pytest.mark.usefixtures("shelf")
def test_a_listing_that_was_cut_short_goes_on_so_that_it_may_take_days(shop, go):
    for calls in (1, 1, 2):
        shop.voucherify.list_faults = [*[None] * calls, ParkError("used up", by="budget")]
        report = go()

    assert (report.exit_code, report.summary.customers) == (0, CustomerCount(selected=5, asked=5))
    assert len(shop.rows(backfills)) == 1


@pytest.mark.usefixtures("shelf")
def test_rows_of_the_list_that_can_not_be_used_are_dead_lettered(shop, go):
    shop.voucherify.invalid_rows = [Invalid("sha256:1", "no usable id", "{}")]

    report = go()

    assert (report.exit_code, report.summary.events.invalid) == (65, 1)


@pytest.mark.usefixtures("shelf")
def test_the_plan_is_told_while_it_lists(shop, go):
    shop.voucherify.total = 250
    go()

    assert shop.watch.plans == [253]


@pytest.mark.usefixtures("shelf")
def test_a_signal_before_the_reading_costs_no_call(shop, go):
    shop.watch.patience = 0

    report = go()

    assert (report.exit_code, report.summary.parked_by) == (75, "signal")
    assert (shop.voucherify.listed, shop.voucherify.asked) == (0, [])


@pytest.mark.usefixtures("shelf")
def test_a_bug_is_recorded_as_70_and_raised(shop, go):
    shop.voucherify.list_faults = [KeyError("mine")]

    with pytest.raises(KeyError):
        go()

    assert [(row["kind"], row["exit_code"]) for row in shop.rows(runs)] == [("backfill", 70)]
