"""Who is asked, in which order, and how far each one was read."""

from datetime import UTC, datetime, timedelta

import pytest
import sqlalchemy as sa

from sync.ledger.findings import Stored
from sync.ledger.letters import open_letters
from sync.ledger.listing import Listing
from sync.ledger.reading import BATCH, Known
from sync.ledger.scheduled import RunProgress
from sync.model.event import Gone, Hint
from sync.model.window import Bookmark, Window
from tests.ledgers import select_everybody

LISTING = Listing(datetime(2026, 3, 10, tzinfo=UTC))
EVER = Window(datetime(2020, 1, 1, tzinfo=UTC))


@pytest.fixture
def at(ledger, now):
    """Give the reading of the run that begins so many hours after the first one."""
    return lambda hours=0: RunProgress(ledger, f"run-{hours}", now + timedelta(hours=hours))


@pytest.fixture
def read(now):
    """Store that a customer was read to its end, so many hours after the first run."""

    def read(reading, customer_id, hours=0):
        reading.window_read(customer_id, EVER, (), now, now + timedelta(hours=hours))

    return read


def ids(reading):
    return [known.customer_id for known in reading.to_ask()]


def test_hinted_come_first_then_never_asked_then_longest_not_asked(at, read, now):
    first = at()
    first.select_listed(["a", "b", "c", "d"], (), LISTING)
    for hours, who in enumerate("cab"):
        read(first, who, hours=hours)
    first.page_read("a", [Hint("b", "rh_of_b", now), Hint("e", "rh_of_e", now)], None, now)

    later = at(24)
    select_everybody(later)

    assert ids(later) == ["e", "b", "d", "c", "a"]


def test_customers_alike_go_by_their_id(at):
    reading = at()
    reading.select_listed(["c", "a", "b"], (), LISTING)

    assert ids(reading) == ["a", "b", "c"]


def test_nobody_is_given_twice_across_the_seams_of_batches(at, read, now):
    first = at()
    everybody = [f"cust_{number:04}" for number in range(3 * BATCH + 20)]
    first.select_listed(everybody, (), LISTING)
    for number, who in enumerate(everybody[: BATCH + 10]):
        read(first, who, hours=number % 3)
    hints = [Hint(who, f"rh_of_{who}", now) for who in everybody[BATCH : 2 * BATCH + 20]]
    first.page_read(everybody[0], hints, None, now)

    later = at(24)
    later.select_listed(everybody, (), LISTING)
    assert later.selected() == len(everybody)
    given = []
    for known in later.to_ask():
        given.append(known.customer_id)
        if len(given) % 3:
            read(later, known.customer_id, hours=24)

    assert sorted(given) == everybody
    hinted = set(everybody[BATCH : 2 * BATCH + 20])
    assert set(given[: len(hinted)]) == hinted


def test_who_was_read_is_not_asked_again_in_this_run(at, read):
    reading = at()
    reading.select_listed(["a", "b"], (), LISTING)
    read(reading, "a")

    assert ids(reading) == ["b"]
    assert reading.selected() == 1


def test_a_run_that_was_cut_short_is_followed_by_those_it_did_not_reach(at, read):
    reading = at()
    reading.select_listed(["a", "b", "c", "d"], (), LISTING)
    read(reading, "a")
    read(reading, "b")

    later = at(1)
    select_everybody(later)

    assert ids(later) == ["c", "d", "a", "b"]


@pytest.mark.parametrize("jump", [timedelta(days=900), timedelta(days=-900)])
def test_a_clock_that_was_wrong_leaves_nobody_out_and_asks_nobody_twice(at, now, jump):
    reading = at()
    reading.select_listed(["a", "b", "c"], (), LISTING)
    for known in reading.to_ask():
        reading.window_read(known.customer_id, EVER, (), now, now + jump)

    later = at(24)
    select_everybody(later)
    given = []
    for known in later.to_ask():
        given.append(known.customer_id)
        later.window_read(known.customer_id, EVER, (), now, now + jump)

    assert sorted(given) == ["a", "b", "c"]


def test_only_those_of_this_run_are_asked(at):
    at().select_listed(["a", "b"], (), LISTING)
    reading = at(1)

    reading.select_named(["b", "c", "b"])

    assert ids(reading) == ["b", "c"]


def test_selecting_nobody_selects_nobody(at):
    reading = at()

    assert reading.select_listed([], (), LISTING) == Stored()
    assert (reading.selected(), ids(reading)) == (0, [])


def test_known_customers_come_with_their_cursor_and_bookmark(at, now):
    mark = Bookmark(Window(now - timedelta(days=30)), "evcus_7", now, None)
    first = at()
    first.select_listed(["a", "b"], (), LISTING)
    first.window_read("a", EVER, (), now, now)
    first.page_read("b", (), mark, now)

    later = at(1)
    select_everybody(later)

    assert list(later.to_ask()) == [Known("b", None, mark), Known("a", now, None)]


def test_a_page_without_a_bookmark_keeps_the_one_before(at, now):
    mark = Bookmark(Window(now - timedelta(days=30)), "evcus_7", now, now)
    reading = at()
    reading.select_listed(["a"], (), LISTING)
    reading.page_read("a", (), mark, now)
    reading.page_read("a", (), None, now)

    assert next(reading.to_ask()).bookmark == mark


def test_a_later_bookmark_replaces_the_one_before(at, now):
    reading = at()
    reading.select_listed(["a"], (), LISTING)
    for after in ("evcus_1", "evcus_2"):
        mark = Bookmark(Window(now - timedelta(days=30), now), after, now, now)
        reading.page_read("a", (), mark, now)

    assert next(reading.to_ask()).bookmark == mark


@pytest.mark.parametrize("end", ["window_read", "restart", "gone"])
def test_a_bookmark_goes_when_its_window_ends(at, now, end):
    reading = at()
    reading.select_listed(["a"], (), LISTING)
    reading.page_read("a", (), Bookmark(Window(now), "evcus_1", now, now), now)

    endings = {
        "window_read": lambda: reading.window_read("a", EVER, (), now, now),
        "restart": lambda: reading.restart("a"),
        "gone": lambda: reading.gone(Gone("a"), now),
    }
    endings[end]()

    later = at(1)
    later.select_listed(["a"], (), LISTING)
    assert next(later.to_ask()).bookmark is None


def test_a_list_s_invalid_rows_become_dead_letters(at, ledger, invalid):
    stored = at().select_listed(["a"], [invalid("sha256:1"), invalid("sha256:1")], LISTING)

    assert stored == Stored(invalid=1)
    (letter,) = open_letters(ledger)
    assert letter.customer_id is None


@pytest.mark.on_a_file
def test_the_order_needs_no_sorting_of_all_customers(at, ledger):
    """The index serves the selection; or else a big ledger is sorted for each batch."""
    reading = at()
    reading.select_listed(["a"], (), LISTING)
    query = (
        "EXPLAIN QUERY PLAN SELECT customer_id FROM customers WHERE selected_by = 'run-0' "
        "AND hinted_at IS NULL ORDER BY due_at, customer_id LIMIT 500"
    )
    with ledger.read_only() as connection:
        steps = [row.detail for row in connection.execute(sa.text(query))]

    assert any("ix_customers_selection" in step for step in steps)
    assert not any("TEMP B-TREE" in step for step in steps)
