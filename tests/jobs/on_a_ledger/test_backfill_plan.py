"""What a backfill will cost, said beforehand."""

from datetime import timedelta

import pytest

from sync.errors import UnavailableError
from sync.jobs.backfill import Plan, backfill, calls_for_all, plan
from sync.jobs.sources import CustomerSource
from sync.ledger.tables import backfills
from sync.model.allowance import Rate
from sync.model.window import Window

ALL = CustomerSource("all", lists=True)


@pytest.fixture
def window(now):
    return Window(now - timedelta(days=60), now - timedelta(days=40))


@pytest.fixture
def go(shop, window):
    return lambda: backfill(shop.parts("backfill"), window, ALL)


@pytest.fixture
def shelf(shop):
    ids = [f"cust_{number}" for number in range(5)]
    for who in ids:
        shop.voucherify.happens(who)
    return ids


@pytest.mark.parametrize(
    ("customers", "calls"), [(0, 1), (1, 2), (100, 101), (101, 103), (10_000, 10_100)]
)
def test_everybody_costs_one_call_each_and_the_list(customers, calls):
    assert calls_for_all(customers) == calls


def test_a_plan_for_everybody_asks_how_many_there_are(shop, window):
    shop.voucherify.total = 250

    found = plan(shop.voucherify, shop.ledger, window, ALL, Rate(0.5))

    assert found == Plan(window, 250, 253, timedelta(seconds=506), resumes=False)
    assert (shop.voucherify.listed, shop.voucherify.asked) == (1, [])


def test_a_plan_without_a_ledger_or_a_total_is_made_too(shop, window):
    found = plan(shop.voucherify, None, window, ALL, Rate(1))

    assert (found.customers, found.calls) == (0, 1)


def test_a_plan_for_named_customers_costs_no_call(shop, window):
    source = CustomerSource("file:x#1", ("cust_1", "cust_2", "cust_1"))

    found = plan(shop.voucherify, shop.ledger, window, source, Rate(2))

    assert found == Plan(window, 2, 2, timedelta(seconds=1), resumes=False)
    assert shop.voucherify.listed == 0


def test_a_plan_of_what_was_cut_short_counts_who_is_left(shop, go, window, shelf):
    shop.voucherify.faults["cust_3"] = [UnavailableError("no whole answer")]
    go()
    listed = shop.voucherify.listed

    found = plan(shop.voucherify, shop.ledger, window, ALL, Rate(1))

    assert found == Plan(window, 1, 1, timedelta(seconds=1), resumes=True)
    assert shop.voucherify.listed == listed
    assert len(shelf) == 5


def test_a_plan_of_a_listing_that_was_cut_short_counts_everybody(shop, go, window, shelf):
    shop.voucherify.list_faults = [None, UnavailableError("no whole answer")]
    go()
    shop.voucherify.total = len(shelf)

    found = plan(shop.voucherify, shop.ledger, window, ALL, Rate(1))

    assert (found.customers, found.calls, found.resumes) == (5, 6, True)


def test_a_plan_changes_nothing(shop, window):
    plan(shop.voucherify, shop.ledger, window, ALL, Rate(1))

    assert shop.rows(backfills) == []
