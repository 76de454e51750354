"""How far the list of customers was read, and where it goes on."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from sync.ledger.listing import ANEW_AFTER, Listing, listing_to_do, read_listing
from sync.ledger.scheduled import RunProgress
from sync.ledger.tables import customers

NOW = datetime(2026, 3, 10, 12, tzinfo=UTC)
CREATED = datetime(2025, 6, 1, tzinfo=UTC)
WEEK = timedelta(days=7)
INSTANT = timedelta(microseconds=1)
LATER = CREATED + timedelta(days=1)
ASKED = CREATED + timedelta(days=2)


def ago(**time):
    return NOW - timedelta(**time)


@pytest.mark.parametrize(
    ("known", "goes_on"),
    [
        (Listing(ago(hours=1)), True),
        (Listing(ago(hours=1), LATER, CREATED), True),
        (Listing(ago(days=90), LATER, CREATED), True),
        (Listing(NOW + WEEK, LATER, CREATED), True),
        (Listing(NOW, LATER, whole=True), True),
        (Listing(NOW - WEEK + INSTANT, LATER, whole=True), True),
        (Listing(NOW - WEEK, LATER, whole=True), False),
        (Listing(ago(days=90), LATER, whole=True), False),
        (Listing(NOW + INSTANT, LATER, whole=True), False),
        (Listing(NOW + WEEK, LATER, whole=True), False),
        (Listing(ago(days=1), whole=True), True),
    ],
    ids=[
        "cut before the first page",
        "cut short",
        "cut short long ago",
        "cut short, and then the clock went back",
        "whole just now",
        "whole for almost a week",
        "whole for a week",
        "whole long ago",
        "whole, and then the clock went back a little",
        "whole, and then the clock went back a week",
        "whole of nobody",
    ],
)
def test_a_pass_goes_on_until_it_is_whole_and_begins_anew_after_a_week(known, goes_on):
    assert listing_to_do(known, NOW) == (known if goes_on else Listing(NOW, LATER))


def test_the_first_run_begins_a_pass():
    assert listing_to_do(None, NOW) == Listing(NOW)


def test_a_week_is_when_a_pass_begins_anew():
    assert ANEW_AFTER == WEEK


@pytest.mark.parametrize(
    ("before", "reached", "after"),
    [
        (Listing(NOW), CREATED, Listing(NOW, ASKED, CREATED)),
        (Listing(NOW), None, Listing(NOW, ASKED)),
        (Listing(NOW, LATER), CREATED, Listing(NOW, LATER, CREATED)),
        (Listing(NOW, LATER, CREATED), LATER, Listing(NOW, LATER, LATER)),
        (Listing(NOW, LATER, CREATED), None, Listing(NOW, LATER, CREATED)),
    ],
)
def test_a_page_moves_the_pass_and_the_first_one_tells_who_is_new(before, reached, after):
    assert before.passed(reached, ASKED) == after


@pytest.mark.parametrize("before", [Listing(NOW, LATER, CREATED), Listing(NOW, LATER, whole=True)])
def test_a_page_of_new_customers_leaves_the_pass_as_it_is(before):
    assert before.kept_up(ASKED) == replace(before, newest=ASKED)
    assert before.kept_up(None) == before


@pytest.mark.parametrize("reached", [CREATED, None])
def test_once_it_is_whole_new_customers_join_where_it_ended(reached):
    assert Listing(ago(days=9), ASKED, reached).became_whole(NOW) == Listing(
        NOW, reached, whole=True
    )


def test_the_week_counts_from_when_the_pass_became_whole():
    whole = Listing(NOW).passed(CREATED, ASKED).became_whole(NOW + timedelta(days=10))

    assert listing_to_do(whole, NOW + timedelta(days=16)) == whole
    assert listing_to_do(whole, NOW + timedelta(days=17)) != whole


def test_before_the_first_page_there_is_no_listing(ledger):
    assert read_listing(ledger) is None


@pytest.mark.parametrize(
    "listing", [Listing(NOW), Listing(NOW, LATER, CREATED), Listing(NOW, LATER, whole=True)]
)
def test_a_listing_comes_back_as_it_was_stored(ledger, now, listing):
    RunProgress(ledger, "run-1", now).select_listed(["a"], (), listing)

    assert read_listing(ledger) == listing


def test_who_was_listed_and_how_far_are_stored_together_or_not_at_all(ledger, rows, now):
    class KilledError(Exception):
        """The process ends in the middle of a transaction."""

    def cut_short():
        raise KilledError
        yield

    reading = RunProgress(ledger, "run-1", now)
    with pytest.raises(KilledError):
        reading.select_listed(["a"], cut_short(), Listing(NOW, CREATED))

    assert read_listing(ledger) is None
    assert rows(ledger, customers) == []
