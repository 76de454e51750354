"""A manual pass over a window: kept apart from the runs, and resumed where it stopped."""

from datetime import UTC, datetime, timedelta

import pytest

from sync.ledger.backfills import Backfill, BackfillProgress, begin, unfinished
from sync.ledger.findings import Stored
from sync.ledger.letters import open_letters
from sync.ledger.listing import Listing
from sync.ledger.reading import BATCH, Known
from sync.ledger.scheduled import RunProgress
from sync.ledger.tables import bookmarks, customers, unassignments
from sync.model.event import Gone
from sync.model.window import Bookmark, Window

LISTING = Listing(datetime(2026, 3, 10, tzinfo=UTC))
EVER = Window(datetime(2020, 1, 1, tzinfo=UTC))


@pytest.fixture
def window(now):
    return Window(now - timedelta(days=60), now - timedelta(days=30))


@pytest.fixture
def reading(ledger, window, now):
    mine = begin(ledger, "back-1", window, "all", now)
    return BackfillProgress(ledger, mine.backfill_id, "run-1")


def ids(reading):
    return [known.customer_id for known in reading.to_ask()]


def test_the_same_window_and_selection_go_on(ledger, window, now):
    first = begin(ledger, "back-1", window, "all", now)

    assert first == Backfill("back-1", window, listed=False)
    assert begin(ledger, "back-2", window, "all", now) == first
    assert unfinished(ledger, window, "all") == first


def test_another_window_or_selection_is_another_backfill(ledger, window, now):
    begin(ledger, "back-1", window, "all", now)
    longer = Window(window.start, window.end + timedelta(days=1))

    assert unfinished(ledger, longer, "all") is None
    assert unfinished(ledger, window, "file:x#1") is None
    assert begin(ledger, "back-2", longer, "all", now).backfill_id == "back-2"
    assert begin(ledger, "back-3", window, "file:x#1", now).backfill_id == "back-3"


def test_a_finished_backfill_begins_anew(ledger, reading, window, now):
    reading.finish(now)

    assert unfinished(ledger, window, "all") is None
    assert begin(ledger, "back-2", window, "all", now).backfill_id == "back-2"


def test_it_is_remembered_that_all_customers_are_known(ledger, reading, window):
    reading.all_selected()

    assert unfinished(ledger, window, "all").listed


def test_customers_are_taken_in_once_and_those_done_stay_done(reading, now):
    reading.select_listed(["b", "a", "b"], (), now)
    reading.window_read("a", EVER, (), None, now)

    assert reading.select_listed(["a", "c"], (), now) == Stored()
    assert (ids(reading), reading.selected()) == (["b", "c"], 2)


def test_it_is_remembered_how_far_the_list_was_read(ledger, reading, window, now):
    assert unfinished(ledger, window, "all").reached is None

    reading.select_listed(["a"], (), now, now - timedelta(days=9))
    reading.select_listed(["b"], (), now)

    assert begin(ledger, "back-2", window, "all", now).reached == now - timedelta(days=9)


def test_selecting_nobody_selects_nobody(reading, now):
    reading.select_listed([], (), now)

    assert (ids(reading), reading.selected()) == ([], 0)


def test_a_list_s_invalid_rows_become_dead_letters(reading, ledger, invalid, now):
    assert reading.select_listed(["a"], [invalid("sha256:1")], now) == Stored(invalid=1)
    assert len(open_letters(ledger)) == 1


def test_nobody_is_given_twice_across_the_seams_of_batches(reading, now):
    everybody = [f"cust_{number:04}" for number in range(2 * BATCH + 3)]
    reading.select_listed(everybody, (), now)
    given = []
    for known in reading.to_ask():
        given.append(known.customer_id)
        if len(given) % 2:
            reading.window_read(known.customer_id, EVER, (), None, now)

    assert given == everybody
    assert reading.selected() == BATCH + 1


def test_it_moves_no_cursor_and_no_bookmark_of_the_runs(
    *, reading, ledger, rows, window, unassigned, now
):
    run = RunProgress(ledger, "run-0", now)
    run.select_listed(["cust_1"], (), LISTING)
    run.window_read("cust_1", EVER, (), now, now)
    run.page_read("cust_1", (), Bookmark(Window(now), "evcus_run", now, now), now)
    before = rows(ledger, customers)

    reading.select_listed(["cust_1"], (), now)
    mark = Bookmark(window, "evcus_back", now, now)
    assert reading.page_read("cust_1", [unassigned()], mark, now) == Stored(new=1)
    assert next(reading.to_ask()) == Known("cust_1", None, mark)
    reading.window_read("cust_1", EVER, (), now - timedelta(days=30), now)

    assert rows(ledger, customers) == before
    assert [(row["reader"], row["after"]) for row in rows(ledger, bookmarks)] == [
        ("run", "evcus_run")
    ]


def test_a_page_without_a_bookmark_keeps_the_one_before(reading, window, now):
    reading.select_listed(["a"], (), now)
    mark = Bookmark(window, "evcus_1", now, None)
    reading.page_read("a", (), mark, now)
    reading.page_read("a", (), None, now)

    assert next(reading.to_ask()).bookmark == mark


def test_a_refused_bookmark_is_dropped(reading, window, now):
    reading.select_listed(["a"], (), now)
    reading.page_read("a", (), Bookmark(window, "evcus_1", now, None), now)

    reading.restart("a")

    assert next(reading.to_ask()).bookmark is None


def test_a_deleted_customer_is_done_and_known_to_be_gone(
    *, reading, ledger, rows, unassigned, assigned, now
):
    reading.select_listed(["cust_1"], (), now)
    reading.page_read("cust_1", [assigned("rh_1")], None, now)
    assert [each.holder_id for each in reading.held_by("cust_1")] == ["rh_1"]

    stored = reading.gone(Gone("cust_1", (unassigned().unassignment,), "look"), now)

    assert stored == Stored(new=1, invalid=1)
    assert reading.selected() == 0
    assert [row["gone_at"] for row in rows(ledger, customers)] == [now]
    assert len(rows(ledger, unassignments)) == 1
