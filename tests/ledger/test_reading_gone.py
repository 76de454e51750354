"""Customers that Voucherify deleted."""

from datetime import UTC, datetime, timedelta

import pytest

from sync.ledger.findings import Stored
from sync.ledger.letters import discard, open_letters
from sync.ledger.listing import Listing
from sync.ledger.scheduled import RunProgress
from sync.ledger.tables import customers, unassignments
from sync.model.event import Gone
from sync.model.window import Window
from tests.ledgers import select_everybody

LISTING = Listing(datetime(2026, 3, 10, tzinfo=UTC))
EVER = Window(datetime(2020, 1, 1, tzinfo=UTC))


@pytest.fixture
def at(ledger, now):
    """Give the reading of the run that begins so many hours after the first one."""
    return lambda hours=0: RunProgress(ledger, f"run-{hours}", now + timedelta(hours=hours))


def ids(reading):
    return [known.customer_id for known in reading.to_ask()]


def test_a_customer_that_is_gone_is_not_asked(at, now):
    reading = at()
    reading.select_listed(["a", "b"], (), LISTING)
    reading.gone(Gone("a"), now)
    assert ids(reading) == ["b"]

    later = at(1)
    select_everybody(later)

    assert (ids(later), later.selected()) == (["b"], 1)


def test_a_customer_that_is_gone_is_asked_again_by_name_and_is_back_if_it_answers(at, now):
    reading = at()
    reading.select_listed(["a"], (), LISTING)
    reading.gone(Gone("a"), now)

    named = at(1)
    named.select_named(["a"])
    assert ids(named) == ["a"]
    named.window_read("a", EVER, (), None, now)

    later = at(2)
    select_everybody(later)
    assert ids(later) == ["a"]


def test_who_was_only_named_by_a_person_is_not_asked_by_a_run_over_all(at, now):
    named = at()
    named.select_named(["their-own-id"])
    named.window_read("their-own-id", EVER, (), None, now)

    later = at(1)
    select_everybody(later)

    assert ids(later) == []


def test_who_is_postponed_comes_after_everybody_else(at, now):
    reading = at()
    reading.select_listed(["a", "b", "c"], (), LISTING)
    reading.postpone(["a", "b"], now)

    later = at(1)
    select_everybody(later)

    assert ids(later) == ["c", "a", "b"]


def test_a_customer_that_is_listed_again_is_asked_again(at, now):
    reading = at()
    reading.select_listed(["a"], (), LISTING)
    reading.gone(Gone("a"), now)

    later = at(1)
    later.select_listed(["a"], (), LISTING)

    assert ids(later) == ["a"]


def test_what_a_customer_holds_is_what_is_not_known_to_have_ended(at, assigned, unassigned, now):
    reading = at()
    older = assigned("rh_1", assigned_at=now - timedelta(days=9), campaign_id=None)
    found = [assigned("rh_2"), older, assigned("rh_3"), assigned("rh_4", customer_id="cust_2")]
    reading.page_read("cust_1", [*found, unassigned("rh_3")], None, now)

    held = reading.held_by("cust_1")

    assert held == (older.assignment, assigned("rh_2").assignment)


def test_a_deletion_is_stored_with_what_follows_from_it(at, ledger, rows, unassigned, now):
    reading = at()
    reading.select_listed(["cust_1"], (), LISTING)
    derived = unassigned(event_id="derived:customer_gone:rh_1", email=None).unassignment

    assert reading.gone(Gone("cust_1", (derived,), "look"), now) == Stored(new=1, invalid=1)

    (row,) = rows(ledger, customers)
    assert (row["gone_at"], row["asked_at"]) == (now, now)
    assert [row["event_id"] for row in rows(ledger, unassignments)] == [derived.event_id]
    (letter,) = open_letters(ledger)
    assert (letter.kind, letter.customer_id, letter.reason) == ("customer", "cust_1", "look")


def test_the_same_deletion_tells_a_person_once(at, ledger, now):
    at().gone(Gone("cust_1", letter="look"), now)
    (letter,) = open_letters(ledger)
    discard(ledger, [letter.number], now)

    again = at(1).gone(Gone("cust_1", letter="look"), now)

    assert again == Stored()
    assert open_letters(ledger) == []


def test_a_deletion_that_is_about_more_than_a_person_saw_is_told_again(at, ledger, now):
    at().gone(Gone("cust_1", letter="about rh_10, rh_2; look", left=("rh_10", "rh_2")), now)
    (letter,) = open_letters(ledger)
    discard(ledger, [letter.number], now)

    same = at(1).gone(Gone("cust_1", letter="about rh_2; look", left=("rh_2",)), now)
    more = at(2).gone(Gone("cust_1", letter="about rh_2, rh_1", left=("rh_2", "rh_1")), now)

    assert (same, more) == (Stored(), Stored(invalid=1))
    assert [each.reason for each in open_letters(ledger)] == ["about rh_2, rh_1"]


def test_who_came_back_and_is_deleted_once_more_is_told_again(at, ledger, now):
    at().gone(Gone("cust_1", letter="held rh_1"), now)
    discard(ledger, [letter.number for letter in open_letters(ledger)], now)
    back = at(1)
    back.select_listed(["cust_1"], (), LISTING)

    again = back.gone(Gone("cust_1", letter="held rh_2"), now)

    assert again == Stored(invalid=1)
    assert [letter.reason for letter in open_letters(ledger)] == ["held rh_2"]


def test_a_letter_that_still_waits_is_not_counted_again(at, ledger, now):
    at().gone(Gone("cust_1", letter="held rh_1"), now)
    back = at(1)
    back.select_listed(["cust_1"], (), LISTING)

    assert back.gone(Gone("cust_1", letter="held rh_2"), now) == Stored()

    assert [letter.reason for letter in open_letters(ledger)] == ["held rh_2"]
