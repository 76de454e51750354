"""However long the list of customers is, it never keeps a run from asking them."""

from collections import Counter
from contextlib import closing
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

import hypothesis.strategies as st
import pytest
from hypothesis import HealthCheck, given, settings

from sync.errors import ParkError
from sync.jobs.listing import pages_at_most
from sync.jobs.run import run
from sync.jobs.sources import CustomerSource
from sync.ledger.budget import Allowance, Budget
from sync.ledger.listing import read_listing
from sync.ledger.tables import customers
from sync.model.allowance import Rate, Reserve, Share
from sync.transport import CallCount

ALL = CustomerSource("all", lists=True)


class Counted:
    """A Voucherify whose calls are counted and bounded by the ledger's own budget."""

    def __init__(self, shop, calls_per_cycle):
        self._voucherify = shop.voucherify
        share = Share(calls_per_cycle, start_day=shop.clock().day)
        allowance = Allowance(Rate(1000), Reserve(), share, timedelta(minutes=1))
        self.budget = Budget(
            shop.ledger, allowance, now=shop.clock, monotonic=lambda: shop.clock().timestamp()
        )

    def spent(self):
        return self.budget.spent()

    def count(self):
        return CallCount(0, 0, 0)

    def _call(self):
        self.budget.reserve()
        self.budget.end(started=True)

    def fetch(self, customer_id, window, after):
        self._call()
        return self._voucherify.fetch(customer_id, window, after)

    def pages(self, reached=None):
        pages, is_last = self._voucherify.pages(reached), False
        while not is_last:
            self._call()
            page = next(pages)
            is_last = page.is_last
            yield page


class Shopping:
    """Runs within a share of calls, day by day, with somebody new each morning."""

    def __init__(self, shop, *, people, calls_a_day, list_page):
        self.shop = shop
        self._calls_per_cycle = calls_a_day * 31
        shop.voucherify.list_page = list_page
        for _ in range(people):
            self.join()

    def join(self):
        who = f"cust_{len(self.shop.voucherify.created):05}"
        self.shop.voucherify.happens(who)
        return who

    def day(self, runs=1):
        """Give who joined, whom the day's runs asked, and the calls that they spent on the list."""
        new = self.join()
        self.shop.voucherify.asked.clear()
        listed = self.shop.voucherify.listed
        for _ in range(runs):
            self.run()
        self.shop.clock.wait(days=1)
        asked = [who for who, _, _ in self.shop.voucherify.asked]
        return new, asked, self.shop.voucherify.listed - listed

    def run(self):
        counted = Counted(self.shop, self._calls_per_cycle)
        parts = replace(self.shop.parts(), lister=counted, reader=counted, meter=counted)
        with closing(counted.budget):
            return run(parts, ALL)

    @property
    def listed(self):
        rows = self.shop.rows(customers)
        return {row["customer_id"]: row["listed_at"] for row in rows if row["listed_at"]}


def in_turn(asked, people):
    """Whether nobody was asked again before all who were known were asked."""
    times = Counter(asked)
    return max(times.values()) - min(times[who] for who in people) <= 1


@pytest.fixture
def shopping(shop):
    """A shop whose list takes 14 calls, one more than a day's share."""
    return Shopping(shop, people=279, calls_a_day=13, list_page=20)


@pytest.mark.slow_on_a_server
@pytest.mark.parametrize("runs", [1, 4])
def test_a_list_that_costs_more_than_a_day_is_renewed_while_all_are_asked_in_turn(shopping, runs):
    old = set(shopping.shop.voucherify.created)
    run(shopping.shop.parts(), ALL)
    assert read_listing(shopping.shop.ledger).whole
    slipped = "cust_slipped_through"
    shopping.shop.voucherify.happens(slipped)
    shopping.shop.voucherify.created[slipped] = shopping.shop.voucherify.created["cust_00100"]
    shopping.shop.clock.wait(days=7)
    everybody = []

    for _ in range(14):
        new, asked, calls_for_list = shopping.day(runs)
        everybody += asked
        assert asked[0] == new
        assert len(asked) >= 11
        assert calls_for_list <= 2
        assert max(Counter(asked).values()) == 1

    for _ in range(14):
        everybody += shopping.day(runs)[1]
    assert set(everybody) >= old | {slipped}
    assert in_turn(everybody, old)


@pytest.mark.slow_on_a_server
@pytest.mark.parametrize("runs", [1, 4])
def test_the_first_list_may_take_weeks_and_whoever_is_known_is_asked_meanwhile(shopping, runs):
    old = set(shopping.shop.voucherify.created)
    everybody = []
    for day in range(14):
        new, asked, calls_for_list = shopping.day(runs)
        everybody += asked
        assert len(asked) >= 11
        assert calls_for_list <= 2
        # Who joined before the first run is for the pass to list.
        assert day == 0 or new in shopping.listed

    assert max(Counter(everybody).values()) == 1
    for _ in range(14):
        everybody += shopping.day(runs)[1]
    assert set(everybody) >= old
    assert in_turn(everybody, old)
    starts = {window.start for _, window, _ in shopping.shop.voucherify.asked}
    assert starts == {shopping.shop.ledger.horizon()}


def test_a_crowd_that_joins_at_once_is_listed_while_all_are_asked(shopping):
    run(shopping.shop.parts(), ALL)
    shopping.shop.clock.wait(days=1)
    crowd = {shopping.join() for _ in range(400)}

    for _ in range(24):
        _, asked, calls_for_list = shopping.day()
        assert len(asked) >= 11
        assert calls_for_list <= 2

    assert crowd <= set(shopping.listed)


@pytest.mark.slow_on_a_server
@settings(max_examples=6, suppress_health_check=[HealthCheck.too_slow])
@given(
    people=st.integers(0, 60),
    calls_a_day=st.integers(2, 25),
    list_page=st.integers(2, 20),
    runs=st.integers(1, 3),
)
def test_most_calls_go_to_asking_whatever_the_shop_is_like(shop_in, **about):
    with TemporaryDirectory() as folder:
        shop = shop_in(Path(folder))
        with closing(shop.ledger):
            check(shop, **about)


def check(shop, *, people, calls_a_day, list_page, runs):
    shopping = Shopping(shop, people=people, calls_a_day=calls_a_day, list_page=list_page)
    for _ in range(10):
        known = len(shopping.listed)
        _, asked, calls_for_list = shopping.day(runs)
        assert calls_for_list <= runs * (1 + max(1, calls_a_day // 10))
        assert len(asked) >= min(known, max(1, calls_a_day // 3))


@pytest.mark.parametrize(
    ("left_today", "pages"), [(0, 1), (1, 1), (19, 1), (20, 2), (645, 64), (32_258, 3_225)]
)
def test_a_tenth_of_the_calls_that_are_left_is_for_the_list(left_today, pages):
    assert pages_at_most(left_today) == pages


@pytest.fixture
def tied(shop):
    """Make so many customers, all created at one time, and one before and one behind them."""

    def tied(number):
        for place in range(number + 2):
            shop.voucherify.happens(f"cust_{place:03}")
        one_time = shop.voucherify.created["cust_001"]
        for place in range(1, number + 1):
            shop.voucherify.created[f"cust_{place:03}"] = one_time

    return tied


@pytest.mark.parametrize("number", [3, 5, 8, 16])
def test_customers_of_one_creation_time_are_passed_by_however_few_pages_a_run_reads(
    shop, tied, number
):
    tied(number)
    shop.meter.left_today = 20

    reports = [run(shop.parts(), ALL) for _ in range(2 + number // 2)]

    assert [report.exit_code for report in reports] == [0] * len(reports)
    assert read_listing(shop.ledger).whole
    assert len(shop.rows(customers)) == number + 2


def test_a_creation_time_of_more_customers_than_half_the_calls_list_is_told(shop, tied):
    tied(40)
    shop.meter.left_today = 20

    reports = [run(shop.parts(), ALL) for _ in range(3)]

    assert [report.exit_code for report in reports] == [0, 69, 69]
    assert "the list of customers did not get on at 2026-03-10T12:00:00.001000Z" in str(
        reports[1].problems
    )
    assert reports[2].summary.customers.asked >= 18


@pytest.mark.parametrize("by", ["budget", "rate", "reserve", "cycle"])
@pytest.mark.parametrize("at", range(6))
def test_a_listing_that_is_parked_loses_nothing(shop, by, at):
    shopping = Shopping(shop, people=9, calls_a_day=1000, list_page=2)
    shop.voucherify.list_faults = [*[None] * at, ParkError("not now", by=by)]
    first = run(shop.parts(), ALL)
    assert len(shopping.listed) == min(9, 2 * at)
    assert first.summary.parked_by == (by if at < 5 else None)
    shop.voucherify.list_faults = []
    new = shopping.join()

    second = run(shop.parts(), ALL)

    assert (second.exit_code, second.summary.customers.asked) == (0, 10)
    assert set(shopping.listed) == {who for who, _, _ in shop.voucherify.asked}
    assert new in shopping.listed
    assert shop.ledger.horizon() == min(window.start for _, window, _ in shop.voucherify.asked)
