"""A hint is followed once, and as far back as it takes."""

from datetime import UTC, datetime, timedelta

import pytest

from sync.ledger.listing import Listing
from sync.ledger.tables import customers
from sync.model.event import Gone, Hint
from sync.model.window import Window
from tests.ledgers import select_everybody

LISTING = Listing(datetime(2026, 3, 10, tzinfo=UTC))
EVER = Window(datetime(2020, 1, 1, tzinfo=UTC))
A_DAY_AGO = datetime(2026, 3, 9, 12, tzinfo=UTC)


def ids(known):
    return [each.customer_id for each in known]


def about(*customer_ids, at=A_DAY_AGO):
    return [Hint(each, f"rh_of_{each}", at) for each in customer_ids]


def hinted(ledger, rows):
    return {row["customer_id"]: row["hinted_at"] for row in rows(ledger, customers)}


def days_ago(now, days):
    return now - timedelta(days=days)


def test_who_was_read_in_this_run_already_is_the_next_run_s(at, now):
    reading = at()
    reading.select_listed(["a", "b"], (), LISTING)
    reading.window_read("b", EVER, (), now, now)

    reading.window_read("a", EVER, about("b"), now, now)

    assert ids(reading.hinted_meanwhile()) == []
    assert reading.selected() == 0
    later = at(1)
    later.select_hinted()
    assert [(each.customer_id, each.hinted_at) for each in later.to_ask()] == [("b", A_DAY_AGO)]


@pytest.mark.parametrize("clock", [-900, 900])
def test_that_rests_on_no_clock(at, now, clock):
    wrong = now + timedelta(days=clock)
    first = at()
    first.select_listed(["a", "b"], (), LISTING)
    first.window_read("b", EVER, (), now, wrong)
    second = at(1)
    select_everybody(second)

    second.window_read("a", EVER, about("b"), now, wrong)

    assert ids(second.hinted_meanwhile()) == ["b"]


def test_a_hint_ends_with_a_read_to_the_end_whose_window_holds_its_event(at, ledger, rows, now):
    ledger.set_horizon(days_ago(now, 30))
    reading = at()
    reading.page_read("a", about("b", at=days_ago(now, 9)), None, now)
    just_behind = Window(days_ago(now, 9) + timedelta(microseconds=1))

    reading.page_read("b", (), None, now)
    reading.window_read("b", just_behind, (), now, now)
    assert hinted(ledger, rows)["b"] == days_ago(now, 9)

    reading.window_read("b", Window(days_ago(now, 9)), (), now, now)
    assert hinted(ledger, rows)["b"] is None


@pytest.mark.parametrize("before", [False, True])
def test_a_hint_that_is_met_while_its_customer_is_read_is_the_next_run_s(at, now, before):
    later = now + timedelta(seconds=1)
    reading = at()
    reading.select_named(["b"])
    if before:
        reading.page_read("a", [Hint("b", "rh_1", A_DAY_AGO)], None, now)
    reading.page_read("a", [Hint("b", "rh_2", later)], None, now)

    reading.window_read("b", EVER, (), now, now, began=now)

    assert ids(reading.hinted_meanwhile()) == []
    following = at(1)
    following.select_hinted()
    assert [(each.customer_id, each.hinted_at) for each in following.to_ask()] == [("b", later)]
    following.window_read("b", EVER, (), now, now, began=later + timedelta(seconds=1))
    last = at(2)
    assert last.select_hinted() == 0


def test_a_hint_that_its_own_read_explained_is_followed_no_more(at, ledger, rows, unassigned, now):
    found = unassigned("rh_1", customer_id="b")
    reading = at()
    reading.page_read("a", [Hint("b", "rh_1", found.unassignment.unassigned_at)], None, now)

    began = found.unassignment.unassigned_at - timedelta(milliseconds=1)
    reading.window_read("b", EVER, [found], now, now, began=began)

    assert hinted(ledger, rows)["b"] is None


def test_what_a_clock_dates_that_is_ahead_keeps_nobody_hinted_at(at, ledger, rows, now):
    reading = at()
    reading.page_read("a", [Hint("b", "rh_1", now + timedelta(days=40))], None, now)

    reading.window_read("b", EVER, (), now, now, began=now)

    assert hinted(ledger, rows)["b"] is None


def test_of_several_hints_the_oldest_event_is_to_be_reached(at, now):
    reading = at()
    for holder, days in (("rh_1", 5), ("rh_2", 9), ("rh_3", 7)):
        reading.page_read("a", [Hint("b", holder, days_ago(now, days))], None, now)

    (known,) = reading.hinted_meanwhile()
    assert known.hinted_at == days_ago(now, 9)


def test_an_event_before_the_horizon_keeps_nobody_hinted_at(at, backfill, ledger, rows, now):
    ledger.set_horizon(days_ago(now, 30))
    backfill.page_read("a", about("b", at=days_ago(now, 50)), None, now)
    reading = at()
    reading.select_hinted()
    assert ids(reading.to_ask()) == ["b"]

    reading.window_read("b", Window(days_ago(now, 1)), (), now, now)

    assert hinted(ledger, rows)["b"] is None


def test_a_hint_that_was_followed_is_not_followed_again(at, ledger, rows, now):
    first = at()
    first.select_listed(["a", "b"], (), LISTING)
    first.window_read("a", EVER, about("b"), now, now)
    first.window_read("b", EVER, (), now, now)

    later = at(1)
    select_everybody(later)
    later.window_read("a", EVER, about("b"), now, now)

    assert hinted(ledger, rows) == {"a": None, "b": None}
    assert ids(later.hinted_meanwhile()) == []


def test_each_backfill_follows_a_hint_in_its_own_window(at, backfill, now):
    run = at()
    run.page_read("a", about("b"), None, now)
    run.window_read("b", EVER, (), now, now)

    backfill.page_read("a", about("b"), None, now)

    assert ids(backfill.hinted_meanwhile()) == ["b"]


def test_another_event_of_the_same_holder_is_another_hint(at, unassigned, now):
    first = at()
    first.select_listed(["cust_1", "cust_2"], (), LISTING)
    first.window_read("cust_1", EVER, [unassigned("rh_1")], now, now)
    hint = Hint("cust_1", "rh_1", A_DAY_AGO + timedelta(microseconds=1))
    first.window_read("cust_2", EVER, [hint], now, now)

    second = at(1)
    second.select_hinted()
    assert ids(second.to_ask()) == ["cust_1"]
    second.window_read("cust_1", EVER, (), now, now)
    second.page_read("cust_2", [hint], None, now)
    assert ids(second.hinted_meanwhile()) == []

    third = at(2)
    third.page_read("cust_2", [Hint("cust_1", "rh_1", now)], None, now)
    assert ids(third.hinted_meanwhile()) == ["cust_1"]


def test_a_hint_at_who_was_postponed_is_followed_once_that_time_has_come(at, now):
    first = at()
    first.page_read("a", about("b"), None, now)
    first.postpone(["b"], now + timedelta(hours=24))

    assert [at(hours).select_hinted() for hours in (1, 23, 24)] == [0, 0, 1]


def test_news_of_who_could_not_be_read_is_followed_at_once(at, now):
    first = at()
    first.page_read("a", about("b"), None, now)
    first.postpone(["b"], now + timedelta(hours=24))

    at(1).page_read("a", [Hint("b", "rh_news", now)], None, now)

    assert at(2).select_hinted() == 1


@pytest.mark.parametrize("was_gone", [False, True])
def test_a_hint_ends_with_the_news_that_a_customer_is_gone(*, at, ledger, rows, now, was_gone):
    at().select_listed(["a"], (), LISTING)
    if was_gone:
        at().gone(Gone("a"), now)
    reading = at(1)
    reading.page_read("x", about("a"), None, now)
    assert ids(reading.hinted_meanwhile()) == ["a"]

    reading.gone(Gone("a"), now)

    assert hinted(ledger, rows)["a"] is None
    assert reading.selected() == 0


def test_a_hint_at_somebody_who_is_gone_is_followed_by_the_next_run_too(at, now):
    at().gone(Gone("b", (), None), now)
    at(1).page_read("a", about("b"), None, now)

    later = at(2)

    assert later.select_hinted() == 1
    assert ids(later.to_ask()) == ["b"]
    later.gone(Gone("b", (), None), now)
    assert at(3).select_hinted() == 0
