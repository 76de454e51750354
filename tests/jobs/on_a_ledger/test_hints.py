"""News about customers whom nobody named: a run, and a backfill, follow it to its end."""

from contextlib import closing
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

import hypothesis.strategies as st
import pytest
from hypothesis import HealthCheck, given, settings

from sync.errors import ParkError, UnavailableError
from sync.jobs.backfill import backfill
from sync.jobs.run import run
from sync.jobs.sources import CustomerSource
from sync.ledger.tables import backfills, bookmarks, unassignments
from sync.model.event import Hint, Unassigned
from sync.model.summary import CustomerCount
from sync.model.window import Window

ALL = CustomerSource("all", lists=True)
DOWN = UnavailableError("no answer")


def named(*ids):
    return CustomerSource("file:x#1", ids)


def asked(shop):
    return [who for who, _, _ in shop.voucherify.asked]


def found(shop):
    return {row["holder_id"] for row in shop.rows(unassignments)}


@pytest.fixture
def go(shop):
    return lambda source=ALL: run(shop.parts(), source)


@pytest.fixture
def go_back(shop, now):
    window = Window(now - timedelta(days=60), now - timedelta(days=40))
    return lambda source=ALL: backfill(shop.parts("backfill"), window, source)


@pytest.fixture(scope="session")
def hint(item):
    def hint(who, hours=24, holder=None):
        named = holder or f"rh_of_{who}"
        happened = item(f"evcus_hint_{who}_{named}_{hours}", hours=hours)
        return replace(happened, finding=Hint(who, named, happened.at))

    return hint


@pytest.fixture
def source_ids(shop, ended, hint):
    """Nine ids of the shop's own; each one's event names the customer's real id."""
    ids = [f"shop-{number}" for number in range(9)]
    for number, each in enumerate(ids):
        for hours in (24, 24 * 50):
            shop.voucherify.happens(each, hint(f"cust_{number}", hours))
        real = f"cust_{number}"
        shop.voucherify.happens(real, ended(f"rh_of_{real}", customer_id=real))
        old = ended(f"rh_old_{real}", hours=24 * 50, customer_id=real)
        shop.voucherify.happens(real, old)
    return ids


def test_a_file_of_source_ids_is_read_by_the_real_ids_in_the_same_run(shop, go, source_ids):
    report = go(named(*source_ids))

    assert report.exit_code == 0
    assert report.summary.customers == CustomerCount(selected=18, asked=18)
    assert set(shop.crm.heard) == {f"rh_of_cust_{number}" for number in range(9)}


def test_once_an_unassignment_is_known_its_hint_asks_nobody(shop, go, source_ids):
    go(named(*source_ids))
    shop.voucherify.asked.clear()

    report = go(named(*source_ids))

    assert sorted(asked(shop)) == source_ids
    assert report.summary.customers == CustomerCount(selected=9, asked=9)


def test_a_file_of_source_ids_is_read_by_the_real_ids_in_the_same_backfill(
    shop, go_back, source_ids
):
    report = go_back(named(*source_ids))

    assert report.exit_code == 0
    assert report.summary.customers == CustomerCount(selected=18, asked=18)
    assert found(shop) == {f"rh_old_cust_{number}" for number in range(9)}
    assert {window.end is None for _, window, _ in shop.voucherify.asked} == {False}
    assert [row["finished_at"] is None for row in shop.rows(backfills)] == [False]


def test_a_backfill_that_was_cut_short_reads_whom_it_hinted_at_when_it_goes_on(shop, go_back, hint):
    shop.voucherify.happens("cust_1", hint("cust_9", 24 * 50))
    shop.voucherify.happens("cust_2")
    shop.voucherify.faults["cust_2"] = [ParkError("used up", by="budget")]
    shop.bound(in_line=1)
    first = go_back()
    assert first.summary.customers == CustomerCount(selected=3, asked=1, left=2)
    shop.voucherify.asked.clear()

    second = go_back()

    assert asked(shop) == ["cust_2", "cust_9"]
    assert second.summary.customers == CustomerCount(selected=2, asked=2)
    assert [row["finished_at"] is None for row in shop.rows(backfills)] == [False]


@pytest.mark.parametrize("source", [ALL, named("cust_1")], ids=["all", "named"])
def test_whom_a_run_could_not_follow_up_the_next_one_asks_first(shop, go, hint, source):
    shop.voucherify.happens("cust_1", hint("cust_9"))
    for number in range(2, 5):
        shop.voucherify.happens(f"cust_{number}")
    shop.voucherify.faults["cust_9"] = [ParkError("used up", by="budget")]
    go()
    shop.voucherify.asked.clear()

    go(source)

    assert asked(shop)[0] == "cust_9"


def test_whom_a_backfill_hinted_at_the_next_run_asks_too(shop, go, go_back, hint):
    shop.voucherify.happens("cust_1", hint("cust_9", 24 * 50))
    go_back()
    shop.voucherify.asked.clear()

    go(named("cust_1"))

    assert asked(shop) == ["cust_9", "cust_1"]


def test_an_assignment_of_another_customer_is_remembered_and_asks_nobody(shop, go, begun, ended):
    shop.voucherify.happens("cust_1", begun("rh_2", hours=3, customer_id="cust_2"))
    go()
    assert asked(shop) == ["cust_1"]
    shop.voucherify.happens("cust_2", ended("rh_1", hours=9, customer_id="cust_2"))
    seen = []
    unassign = shop.crm.unassign
    shop.crm.unassign = lambda batch: (seen.extend(batch), unassign(batch))[1]

    go()

    assert [(each.holder_id, each.superseded_by) for each in seen] == [("rh_1", "rh_2")]


@pytest.mark.parametrize("source", [ALL, named("cust_1", "cust_2")], ids=["all", "named"])
@pytest.mark.parametrize("whom", ["cust_2", "cust_9"], ids=["of the shop", "a stranger"])
def test_a_hint_that_nothing_comes_of_costs_one_call_however_often_it_is_met(
    *, shop, go, hint, source, whom
):
    shop.voucherify.happens("cust_1", hint(whom, holder="rh_never"))
    shop.voucherify.happens("cust_2")
    everybody = {"cust_1", "cust_2", whom}

    counts = [go(source).summary.customers for _ in range(5)]

    assert counts[0] == CustomerCount(selected=len(everybody), asked=len(everybody))
    assert counts[1:] == [CustomerCount(selected=2, asked=2)] * 4


@pytest.mark.parametrize("teller", ["cust_1", "cust_3"])
def test_an_event_that_came_too_late_for_the_cursor_is_found_by_its_hint(
    *, shop, go, hint, ended, item, now, teller
):
    for who in ("cust_1", "cust_2", "cust_3"):
        shop.voucherify.happens(who)
    shop.voucherify.happens("cust_2", item("evcus_new", hours=1))
    go()
    late = ended("rh_of_cust_2", hours=24 * 9, customer_id="cust_2")
    shop.voucherify.happens("cust_2", late)
    shop.voucherify.happens(teller, hint("cust_2", 24 * 9))
    shop.voucherify.asked.clear()
    shop.bound(in_line=1)

    for _ in range(3):
        assert go().summary.customers == CustomerCount(selected=3, asked=3)

    assert found(shop) == {"rh_of_cust_2"}
    starts = [window.start for who, window, _ in shop.voucherify.asked if who == "cust_2"]
    usual = now - timedelta(hours=2)
    assert starts == [usual, late.at - shop.read_rules.lookback, usual]


def test_a_hint_behind_the_bookmark_of_a_read_that_was_cut_off_asks_once_more(
    *, shop, go, hint, ended, item
):
    shop.voucherify.happens("cust_1")
    for hours in (9, 8, 7, 6):
        shop.voucherify.happens("cust_2", item(f"evcus_{hours}", hours=24 * hours))
    shop.voucherify.faults |= {"cust_1": [DOWN], "cust_2": [None, DOWN]}
    shop.bound(in_line=1)
    go()
    assert [row["customer_id"] for row in shop.rows(bookmarks)] == ["cust_2"]
    late = ended("rh_of_cust_2", hours=24 * 10, customer_id="cust_2")
    shop.voucherify.activity["cust_2"].insert(0, late)
    shop.voucherify.happens("cust_1", hint("cust_2", 24 * 10))

    go()
    go()

    assert found(shop) == {"rh_of_cust_2"}


def test_no_hint_lets_a_run_read_behind_the_horizon(shop, go, go_back, hint, item):
    shop.voucherify.happens("cust_1", hint("cust_2", 24 * 50))
    shop.voucherify.happens("cust_2", item("evcus_new", hours=1))
    go()
    go_back()
    shop.voucherify.asked.clear()

    for _ in range(2):
        assert go().summary.customers == CustomerCount(selected=2, asked=2)

    (first, *_), (second, *_) = [
        [window for who, window, _ in asked if who == "cust_2"]
        for asked in (shop.voucherify.asked[:2], shop.voucherify.asked[2:])
    ]
    assert first == second
    assert first.start > shop.ledger.horizon()


STEPS = st.lists(
    st.tuples(
        st.sampled_from(["event", "hint", "both", "other"]),
        st.integers(0, 2),
        st.integers(0, 2),
        st.integers(1, 24 * 20),
    ),
    max_size=4,
)


@pytest.mark.slow_on_a_server
@settings(max_examples=12, suppress_health_check=[HealthCheck.too_slow])
@given(story=st.lists(STEPS, min_size=1, max_size=5), in_line=st.integers(1, 3))
def test_each_run_asks_each_customer_once_and_what_a_hint_tells_is_found(
    shop_in, hint, ended, item, **about
):
    with TemporaryDirectory() as folder:
        shop = shop_in(Path(folder))
        with closing(shop.ledger):
            tell(shop, hint, ended, item, **about)


def tell(shop, hint, ended, item, *, story, in_line):
    """Let events come however late, and hints at them; each run is followed by another one."""
    shop.bound(in_line=in_line)
    people = [f"cust_{number}" for number in range(3)]
    shop.voucherify.happens(people[0])
    shop.voucherify.happens(people[1])
    shop.voucherify.happens(people[2])
    told = set()
    number = 0
    for steps in [*story, []]:
        for kind, one, other, hours in steps:
            number += 1
            who, teller = people[one], people[other]
            holder = f"rh_{number}"
            if kind in {"event", "both"}:
                shop.voucherify.happens(who, ended(holder, hours=hours, customer_id=who))
            if kind in {"hint", "both"} and who != teller:
                shop.voucherify.happens(teller, hint(who, hours, holder))
            if kind == "other":
                shop.voucherify.happens(who, item(f"evcus_{number}", hours=hours))
        met = len(shop.voucherify.asked)
        report = run(shop.parts(), ALL)
        again = run(shop.parts(), ALL)
        for each in (report, again):
            assert each.summary.customers == CustomerCount(selected=3, asked=3)
        told |= holders_told(shop, shop.voucherify.asked[met:])
    assert told <= found(shop)


def holders_told(shop, asked):
    """The holders of whom a list told somebody's hint, and the other's own list the event."""
    own = {
        each.finding.unassignment.holder_id
        for items in shop.voucherify.activity.values()
        for each in items
        if isinstance(each.finding, Unassigned)
    }
    met = {
        each.finding.holder_id
        for who, window, _ in asked
        for each in shop.voucherify.activity[who]
        if isinstance(each.finding, Hint) and window.holds(each.at)
    }
    return own & met
