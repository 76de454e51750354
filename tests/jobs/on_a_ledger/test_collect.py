"""Reading everybody's activity: page by page, stored before the next one is asked for."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest

from sync.errors import UnavailableError
from sync.jobs.collect import Collected
from sync.ledger.tables import bookmarks, customers, unassignments
from sync.model.event import Hint, Invalid
from sync.model.summary import CustomerCount, EventCount
from sync.model.window import Window


def places(shop):
    """What was asked for, without the windows."""
    return [(who, after) for who, _, after in shop.voucherify.asked]


def cursors(shop):
    return {row["customer_id"]: row["cursor"] for row in shop.rows(customers)}


def marks(shop):
    return {row["customer_id"]: row["after"] for row in shop.rows(bookmarks)}


@pytest.fixture
def long_history(shop, ended):
    """One customer with five events: three pages."""
    items = [ended(f"rh_{number}", hours=20 - number) for number in range(5)]
    shop.voucherify.happens("cust_1", *items)
    return items


def unavailable():
    return UnavailableError("no whole answer")


def test_a_customer_without_events_is_read_and_its_cursor_stays(shop):
    shop.voucherify.happens("cust_1")

    assert shop.collect() == Collected(CustomerCount(selected=1, asked=1), EventCount())
    assert cursors(shop) == {"cust_1": None}
    assert shop.rows(customers)[0]["asked_at"] == shop.clock()


def test_nobody_to_ask_is_no_work(shop):
    assert shop.collect() == Collected(CustomerCount(), EventCount())
    assert shop.voucherify.asked == []


def test_pages_are_read_in_order_to_the_end(shop, long_history):
    collected = shop.collect()

    assert places(shop) == [("cust_1", None), ("cust_1", "evcus_rh_1"), ("cust_1", "evcus_rh_3")]
    assert collected.customers == CustomerCount(selected=1, asked=1)
    assert collected.events == EventCount(read=5, matched=5, new=5)
    assert cursors(shop) == {"cust_1": long_history[-1].at}
    assert marks(shop) == {}


@pytest.mark.usefixtures("long_history")
def test_who_was_never_read_is_read_from_the_horizon(shop, now):
    shop.collect()

    assert {window for _, window, _ in shop.voucherify.asked} == {Window(now - timedelta(days=30))}


def test_the_next_read_starts_a_lookback_before_the_cursor(shop, long_history):
    shop.collect()
    shop.voucherify.asked.clear()

    shop.collect()

    expected = Window(long_history[-1].at - timedelta(hours=1))
    assert shop.voucherify.asked == [("cust_1", expected, None)]


@pytest.mark.usefixtures("long_history")
def test_a_second_read_finds_nothing_new_and_stores_nothing(shop):
    shop.collect()
    before = shop.rows(unassignments)

    collected = shop.collect()

    assert collected.events == EventCount(read=2, matched=2)
    assert shop.rows(unassignments) == before


def test_a_cursor_never_passes_the_server_s_time_of_the_first_page(shop, ended, now):
    items = [ended("rh_1", hours=3), ended("rh_2", hours=2), ended("rh_3", hours=-99)]
    shop.voucherify.happens("cust_1", *items)

    shop.collect()

    assert cursors(shop) == {"cust_1": now + timedelta(seconds=1)}


def test_a_window_that_was_cut_short_goes_on_behind_its_last_page(shop, long_history):
    shop.voucherify.faults["cust_1"] = [None, None, unavailable()]
    first = shop.collect()
    assert first.customers == CustomerCount(selected=1, asked=1, left=1)
    assert marks(shop) == {"cust_1": "evcus_rh_3"}
    assert cursors(shop) == {"cust_1": None}
    shop.voucherify.asked.clear()

    second = shop.collect()

    assert places(shop) == [("cust_1", "evcus_rh_3")]
    assert second.customers == CustomerCount(selected=1, asked=1)
    assert second.events == EventCount(read=1, matched=1, new=1)
    assert cursors(shop) == {"cust_1": long_history[-1].at}
    assert marks(shop) == {}


def test_a_resumed_window_rests_on_the_first_page_s_time_and_all_its_events(shop, ended, now):
    items = [ended("rh_1", hours=3), ended("rh_2", hours=2), ended("rh_3", hours=-50)]
    shop.voucherify.happens("cust_1", *items)
    shop.voucherify.faults["cust_1"] = [None, unavailable()]
    shop.collect()

    shop.clock.wait(days=3)
    shop.collect()

    assert cursors(shop) == {"cust_1": now + timedelta(seconds=1)}


def test_a_bookmark_without_an_event_yet_can_be_gone_on_from(shop, item, page, ended):
    shop.voucherify.happens("cust_1", item("evcus_0", hours=30), ended("rh_1"))
    nothing = page(ids=frozenset({"evcus_0"}), next_after="evcus_0", read=1)
    shop.voucherify.broken["cust_1", None] = nothing
    shop.voucherify.faults["cust_1"] = [None, unavailable()]
    shop.collect()

    shop.collect()

    assert cursors(shop) == {"cust_1": ended("rh_1").at}


def test_all_that_a_page_holds_is_counted(shop, ended, item, now):
    shop.voucherify.page_size = 10
    bad = Invalid("evcus_bad", "the code is empty", "{}")
    shop.voucherify.happens(
        "cust_1",
        ended("rh_1"),
        item("evcus_bad", finding=bad),
        item("evcus_other"),
        item("evcus_hint", finding=Hint("cust_2", "rh_9", now)),
    )

    assert shop.collect().events == EventCount(read=4, matched=3, new=1, invalid=1)


@pytest.mark.parametrize(("proven", "at_first"), [(False, 1), (True, 3)])
def test_the_first_call_is_alone_until_the_key_is_proven(shop, proven, at_first):
    for number in range(6):
        shop.voucherify.happens(f"cust_{number}")
    asked_by_then = []
    shop.watch.read = lambda *_: asked_by_then.append(len(shop.voucherify.asked))

    shop.collect(proven=proven, in_line=3)

    assert asked_by_then[0] == at_first
    assert len(shop.voucherify.asked) == 6


def test_at_most_so_many_fetches_are_under_way_or_in_line(shop, ended):
    for number in range(40):
        who = f"cust_{number:02}"
        items = [ended(f"rh_{number}_{each}", customer_id=who) for each in range(5)]
        shop.voucherify.happens(who, *items)
    waiting = set()
    most = []

    class Bounded(ThreadPoolExecutor):
        def submit(self, *args, **kwargs):
            future = super().submit(*args, **kwargs)
            waiting.add(future)
            waiting.difference_update([each for each in waiting if each.done()])
            most.append(len(waiting))
            return future

    with Bounded(3) as threads:
        shop.executor = threads
        collected = shop.collect(in_line=5)

    assert collected.customers == CustomerCount(selected=40, asked=40)
    assert collected.events == EventCount(read=200, matched=200, new=200)
    assert max(most) <= 5
    assert shop.voucherify.most_under_way <= 3


@pytest.mark.usefixtures("long_history")
def test_progress_is_told_after_each_answer(shop):
    shop.voucherify.happens("cust_2")

    shop.collect(in_line=1)

    assert shop.watch.reads == [(0, 2), (0, 2), (1, 2), (2, 2)]


def test_a_cursor_rests_on_the_newest_event_of_all_pages(shop, ended, page):
    for number in range(3):
        shop.voucherify.happens("cust_1", ended(f"rh_{number}", hours=9 - number))
    shop.voucherify.broken["cust_1", "evcus_rh_1"] = page(ids=frozenset({"odd"}), read=1)

    shop.collect()

    assert cursors(shop) == {"cust_1": ended("rh_1", hours=8).at}
