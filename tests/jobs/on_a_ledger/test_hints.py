"""News about customers whom nobody named: a run, and a backfill, follow it to its end."""

from datetime import timedelta

import pytest

from sync.errors import ParkError
from sync.jobs.backfill import backfill
from sync.jobs.run import run
from sync.jobs.selection import CustomerSource
from sync.ledger.tables import backfills, unassignments
from sync.model.event import Hint
from sync.model.summary import CustomerCount
from sync.model.window import Window

ALL = CustomerSource("all")


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


@pytest.fixture
def hint(item):
    return lambda who, hours=24: item(
        f"evcus_hint_{who}", hours=hours, finding=Hint(who, f"rh_of_{who}")
    )


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
    assert first.summary.customers == CustomerCount(selected=2, asked=1, left=1)
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
