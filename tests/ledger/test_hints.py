"""News about another customer than the one that was asked."""

from datetime import UTC, datetime, timedelta

from sync.ledger.findings import Stored
from sync.ledger.listing import Listing
from sync.ledger.reading import BATCH
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


def test_a_hint_takes_a_customer_into_the_same_run(at, now):
    reading = at()
    reading.select_named(["shop-7"])

    assert reading.page_read("shop-7", about("cust_7"), None, now) == Stored()

    assert ids(reading.hinted_meanwhile()) == ["cust_7"]
    assert reading.selected() == 2


def test_who_was_hinted_at_comes_first(at, now):
    at().select_listed(["a", "b"], (), LISTING)
    at().page_read("a", about("b"), None, now)
    later = at(1)
    select_everybody(later)

    assert ids(later.to_ask()) == ["b", "a"]


def test_who_is_hinted_at_while_others_are_read_is_given_once_they_are(at, now):
    reading = at()
    reading.select_listed(["a", "b"], (), LISTING)
    for known in reading.to_ask():
        reading.window_read(known.customer_id, EVER, about("x", "y"), now, now)

    assert ids(reading.hinted_meanwhile()) == ["x", "y"]


def test_who_is_hinted_at_and_read_then_anyway_is_given_once(at, now):
    reading = at()
    reading.select_listed(["a", "b", "c"], (), LISTING)
    given = []
    for known in reading.to_ask():
        given.append(known.customer_id)
        reading.window_read(known.customer_id, EVER, about("b", "c"), now, now)

    assert given == ["a", "b", "c"]
    assert ids(reading.hinted_meanwhile()) == []


def test_a_clock_that_was_wrong_leaves_nobody_out_who_was_hinted_at(at, now):
    at().select_listed(["a", "b"], (), LISTING)
    at().page_read("a", about("b"), None, now + timedelta(days=900))
    later = at(1)
    select_everybody(later)

    assert ids(later.to_ask()) == ["b", "a"]


def test_whoever_is_named_those_who_were_hinted_at_are_taken_in(at, now):
    at().select_listed(["a", "b", "c"], (), LISTING)
    at().page_read("a", about("b", "d"), None, now)
    at().gone(Gone("d"), now)

    later = at(1)
    later.select_named(["c"])
    later.select_hinted()

    assert ids(later.to_ask()) == ["b", "c"]


def test_a_hint_ends_with_the_read_that_it_asked_for(at, now):
    reading = at()
    reading.select_listed(["a", "b"], (), LISTING)
    reading.page_read("a", about("b"), None, now)

    later = at(1)
    select_everybody(later)
    later.window_read("b", EVER, (), now, now + timedelta(hours=1))

    last = at(2)
    select_everybody(last)
    assert ids(last.to_ask()) == ["a", "b"]
    last.select_hinted()
    assert ids(last.hinted_meanwhile()) == []


def test_a_hint_about_an_unassignment_that_is_known_changes_nothing(
    *, at, backfill, ledger, rows, unassigned, now
):
    reading = at()
    reading.select_listed(["cust_1", "cust_2"], (), LISTING)
    reading.window_read("cust_1", EVER, [unassigned("rh_1")], now, now)
    before = rows(ledger, customers)

    for progress in (reading, backfill):
        progress.page_read("cust_2", [Hint("cust_1", "rh_1", A_DAY_AGO)], None, now)

    assert rows(ledger, customers) == before
    assert ids(reading.hinted_meanwhile()) == ids(backfill.hinted_meanwhile()) == []


def test_many_hints_are_given_once_each(at, backfill, now):
    everybody = [f"cust_{number:04}" for number in range(BATCH + 7)]

    for progress in (at(), backfill):
        progress.page_read("shop-7", about(*everybody, *everybody), None, now)
        assert ids(progress.hinted_meanwhile()) == everybody


def test_a_hint_takes_a_customer_into_the_same_backfill(backfill, now):
    backfill.select_named(["shop-7"])
    backfill.window_read("shop-7", EVER, about("cust_7"), None, now)

    assert ids(backfill.to_ask()) == []
    assert ids(backfill.hinted_meanwhile()) == ["cust_7"]
    assert backfill.selected() == 1

    backfill.window_read("cust_7", EVER, (), None, now)
    assert (ids(backfill.hinted_meanwhile()), backfill.selected()) == ([], 0)


def test_a_hint_about_who_is_in_the_backfill_changes_nothing_of_it(backfill, now):
    backfill.select_named(["a", "b", "c"])
    backfill.window_read("a", EVER, (), None, now)
    backfill.window_read("b", EVER, about("a", "c"), None, now)

    assert ids(backfill.to_ask()) == ["c"]
    assert ids(backfill.hinted_meanwhile()) == []


def test_who_is_hinted_at_in_a_backfill_is_asked_by_the_next_run_too(at, backfill, now):
    backfill.window_read("shop-7", EVER, about("cust_7"), None, now)

    run = at(1)
    run.select_hinted()

    assert ids(run.to_ask()) == ["cust_7"]


def test_a_hint_that_a_backfill_finds_takes_nobody_out_of_a_run(at, backfill, now):
    run = at()
    run.select_listed(["a", "b", "c"], (), LISTING)

    backfill.page_read("x", about("b"), None, now)

    assert sorted(ids(run.to_ask())) == ["a", "b", "c"]
    assert ids(backfill.hinted_meanwhile()) == ["b"]
