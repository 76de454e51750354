"""The list of customers: read whole once, then kept up, and begun anew each week."""

from contextlib import closing, suppress
from pathlib import Path
from tempfile import TemporaryDirectory

import hypothesis.strategies as st
import pytest
from hypothesis import HealthCheck, given, settings

from sync.errors import LeaveError, ParkError, UnavailableError
from sync.jobs.run import run
from sync.jobs.sources import CustomerSource
from sync.ledger.listing import read_listing
from sync.ledger.tables import customers

ALL = CustomerSource("all", lists=True)


def down():
    return UnavailableError("no whole answer")


def listed(shop):
    return {row["customer_id"] for row in shop.rows(customers) if row["listed_at"] is not None}


@pytest.fixture
def go(shop):
    """Do a run; give the number of calls for the list."""

    def go(source=ALL):
        before = shop.voucherify.listed
        run(shop.parts(), source)
        return shop.voucherify.listed - before

    return go


@pytest.fixture
def people(shop):
    """Make customers, by their numbers."""

    def people(*numbers):
        for number in numbers:
            shop.voucherify.happens(f"cust_{number:02}")
        return {f"cust_{number:02}" for number in numbers}

    return people


def test_once_the_list_is_whole_a_run_asks_only_for_who_is_new(shop, go, people):
    first = people(*range(9))
    assert go() == 5
    assert listed(shop) == first

    assert go() == 1

    new = people(*range(9, 13))
    assert go() == 3
    assert listed(shop) == first | new


def test_a_project_without_customers_is_listed_with_one_call(shop, go, people):
    assert [go(), go()] == [1, 1]

    assert people(1) == (go(), listed(shop))[1]


def test_everybody_who_is_known_is_asked_by_each_run(shop, go, people):
    people(*range(9))
    go()
    shop.voucherify.asked.clear()

    go()

    assert len(shop.voucherify.asked) == 9


def parked(by):
    return lambda: ParkError("not now", by=by)


@pytest.mark.parametrize("cut", [down, parked("budget"), parked("rate"), parked("reserve")])
def test_a_list_that_was_cut_short_goes_on_where_it_stopped(shop, go, people, cut):
    everybody = people(*range(9))
    shop.voucherify.list_faults = [None, None, None, cut()]
    go()
    assert len(listed(shop)) == 6
    assert not read_listing(shop.ledger).whole

    assert go() == 1 + 2  # one for who is new
    assert listed(shop) == everybody
    assert read_listing(shop.ledger).whole
    assert {who for who, _, _ in shop.voucherify.asked} == everybody


def test_a_list_begins_anew_after_a_week_and_finds_who_slipped_through(shop, go, people):
    people(*range(9))
    go()
    shop.voucherify.created["cust_late"] = shop.voucherify.created["cust_03"]
    shop.voucherify.activity["cust_late"] = []
    shop.clock.wait(days=6)
    assert go() == 1
    assert "cust_late" not in listed(shop)

    shop.clock.wait(days=1)

    assert go() == 1 + 5
    assert "cust_late" in listed(shop)
    assert go() == 1


def test_named_customers_leave_the_list_where_it_is(shop, go, people):
    people(*range(9))
    go()
    before = read_listing(shop.ledger)
    shop.clock.wait(days=30)

    assert go(CustomerSource("file:x#1", ("cust_01",))) == 0
    assert read_listing(shop.ledger) == before


def test_a_list_that_is_down_is_followed_by_one_call_at_most_if_that_is_in_vain_too(
    shop, go, people
):
    everybody = people(*range(9))
    go()
    shop.voucherify.asked.clear()
    shop.voucherify.list_faults = [down()]
    for who in everybody:
        shop.voucherify.faults[who] = [down()]

    report = run(shop.parts(), ALL)

    assert (report.exit_code, report.summary.result) == (69, "unavailable")
    assert len(shop.voucherify.asked) == 1
    assert report.summary.customers.left == 9


def test_a_list_that_is_cut_after_an_answer_is_no_reason_to_give_up_so_soon(shop, go, people):
    people(*range(9))
    go()
    shop.voucherify.asked.clear()
    people(*range(9, 15))
    shop.voucherify.list_faults = [None, down()]
    for number in range(4):
        shop.voucherify.faults[f"cust_{number:02}"] = [down()]

    report = run(shop.parts(), ALL)

    assert report.summary.customers.asked == 10
    assert report.summary.customers.left == 4


class KilledError(Exception):
    """The process ends."""


CUTS = {
    "not": lambda: None,
    "down": down,
    "parked": lambda: ParkError("used up", by="budget"),
    "killed": KilledError,
}
STEPS = st.tuples(
    st.integers(0, 5),
    st.integers(0, 3),
    st.sampled_from(sorted(CUTS)),
    st.sampled_from(["nothing", "comes", "goes"]),
    st.integers(0, 100),
)


@pytest.mark.slow_on_a_server
@settings(max_examples=10, suppress_health_check=[HealthCheck.too_slow])
@given(story=st.lists(STEPS, min_size=1, max_size=8))
def test_whatever_cuts_a_listing_and_whoever_comes_meanwhile_nobody_stays_unlisted(shop_in, story):
    with TemporaryDirectory() as folder:
        shop = shop_in(Path(folder))
        with closing(shop.ledger):
            check(shop, story)


def check(shop, story):
    for arriving, cut_after, cut, meanwhile, hours in story:
        for _ in range(arriving):
            come(shop)
        shop.voucherify.list_faults = [*[None] * cut_after, CUTS[cut]()]
        happening = [{"nothing": lambda _: None, "comes": come, "goes": go_away}[meanwhile]]
        shop.watch.listed = lambda _, once=happening: once and once.pop()(shop)
        with suppress(KilledError):
            run(shop.parts(), ALL)
        shop.clock.wait(hours=hours)
    shop.voucherify.list_faults = []
    shop.watch.listed = lambda _: None
    if shop.voucherify.gone:
        # Whoever goes moves the rows behind, so somebody may slip through until the list begins
        # anew, a week after it was whole.
        run(shop.parts(), ALL)
        shop.clock.wait(days=8)

    run(shop.parts(), ALL)

    here = set(shop.voucherify.created) - shop.voucherify.gone
    assert here <= listed(shop)
    assert here <= {who for who, _, _ in shop.voucherify.asked}
    assert read_listing(shop.ledger).whole


def come(shop):
    shop.voucherify.happens(f"cust_{len(shop.voucherify.created):02}")


def go_away(shop):
    here = [who for who in shop.voucherify.created if who not in shop.voucherify.gone]
    shop.voucherify.gone.update(here[:1])


def test_a_first_run_that_can_not_list_has_nothing_to_read(shop, people):
    people(1)
    shop.voucherify.list_faults = [LeaveError("no whole answer")]

    report = run(shop.parts(), ALL)

    assert (report.exit_code, shop.voucherify.asked) == (69, [])
    assert read_listing(shop.ledger) is None
