"""How far the list of customers was read, and where it goes on."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sync.ledger.listing import ANEW_AFTER, Listing, listing_to_do, read_listing
from sync.ledger.reading import RunProgress
from sync.ledger.tables import customers

NOW = datetime(2026, 3, 10, 12, tzinfo=UTC)
CREATED = datetime(2025, 6, 1, tzinfo=UTC)
WEEK = timedelta(days=7)
INSTANT = timedelta(microseconds=1)


def ago(**time):
    return NOW - timedelta(**time)


@pytest.mark.parametrize(
    ("known", "goes_on"),
    [
        (None, False),
        (Listing(ago(hours=1)), True),
        (Listing(ago(hours=1), CREATED), True),
        (Listing(ago(days=90), CREATED), True),
        (Listing(NOW + WEEK, CREATED), True),
        (Listing(NOW, CREATED, whole=True), True),
        (Listing(NOW - WEEK + INSTANT, CREATED, whole=True), True),
        (Listing(NOW - WEEK, CREATED, whole=True), False),
        (Listing(ago(days=90), CREATED, whole=True), False),
        (Listing(NOW + INSTANT, CREATED, whole=True), False),
        (Listing(NOW + WEEK, CREATED, whole=True), False),
        (Listing(ago(days=1), None, whole=True), True),
    ],
    ids=[
        "the first run",
        "cut before the first page with a time",
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
def test_a_listing_goes_on_until_it_is_whole_and_begins_anew_after_a_week(known, goes_on):
    assert listing_to_do(known, NOW) == (known if goes_on else Listing(NOW))


def test_a_week_is_when_a_listing_begins_anew():
    assert ANEW_AFTER == WEEK


LATER = CREATED + timedelta(days=1)


@pytest.mark.parametrize(
    ("before", "page", "after"),
    [
        (Listing(NOW), (CREATED, False), Listing(NOW, CREATED)),
        (Listing(NOW), (None, False), Listing(NOW)),
        (Listing(NOW), (None, True), Listing(NOW, None, whole=True)),
        (Listing(NOW, CREATED), (None, False), Listing(NOW, CREATED)),
        (Listing(NOW, CREATED), (LATER, True), Listing(NOW, LATER, whole=True)),
        (Listing(NOW, CREATED, True), (LATER, False), Listing(NOW, LATER, whole=True)),
    ],
)
def test_a_page_moves_the_place_and_the_last_one_makes_it_whole(before, page, after):
    reached, is_last = page

    assert before.after(reached, NOW, is_last=is_last) == after


@given(
    st.lists(st.tuples(st.none() | st.datetimes(timezones=st.just(UTC)), st.booleans()), max_size=9)
)
def test_a_listing_stays_whole_and_keeps_the_last_time_that_was_told(pages):
    listing = Listing(NOW)
    for reached, is_last in pages:
        listing = listing.after(reached, NOW, is_last=is_last)

    told = [reached for reached, _ in pages if reached is not None]
    assert listing == Listing(NOW, told[-1] if told else None, any(last for _, last in pages))


def test_the_week_counts_from_when_the_listing_became_whole():
    ten_days_later = NOW + timedelta(days=10)

    cut = Listing(NOW).after(CREATED, ten_days_later, is_last=False)
    whole = cut.after(LATER, ten_days_later, is_last=True)
    kept_up = whole.after(LATER, ten_days_later + timedelta(days=1), is_last=True)

    assert (cut.since, whole.since, kept_up.since) == (NOW, ten_days_later, ten_days_later)
    assert listing_to_do(whole, ten_days_later + timedelta(days=6)) == whole


def test_before_the_first_page_there_is_no_listing(ledger):
    assert read_listing(ledger) is None


@pytest.mark.parametrize(
    "listing", [Listing(NOW), Listing(NOW, CREATED), Listing(NOW, LATER, whole=True)]
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
