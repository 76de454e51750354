"""Windows and cursors: nothing is read twice without need, nothing is carried past unread time."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sync.model.window import Window, moved_cursor, window_to_read

START = datetime(2026, 3, 1, tzinfo=UTC)
END = datetime(2026, 3, 2, tzinfo=UTC)
TICK = timedelta(microseconds=1)
INSTANTS = st.datetimes(
    min_value=datetime(2020, 1, 1),  # noqa: DTZ001 - the strategy adds the zone
    max_value=datetime(2030, 1, 1),  # noqa: DTZ001 - the same
    timezones=st.just(UTC),
)
LOOKBACKS = st.timedeltas(timedelta(0), timedelta(days=3650))


@pytest.mark.parametrize(
    ("instant", "is_held"),
    [(START - TICK, False), (START, True), (END - TICK, True), (END, False), (END + TICK, False)],
)
def test_a_window_holds_its_start_and_not_its_end(instant, is_held):
    assert Window(START, END).holds(instant) is is_held


def test_a_window_without_an_end_holds_all_that_comes_later():
    assert Window(START).holds(datetime.max.replace(tzinfo=UTC))
    assert not Window(START).holds(START - TICK)


@given(st.lists(INSTANTS, min_size=3, max_size=3, unique=True), INSTANTS)
def test_windows_side_by_side_hold_each_instant_once(bounds, instant):
    first, middle, last = sorted(bounds)

    held = Window(first, middle).holds(instant) + Window(middle, last).holds(instant)

    assert held == Window(first, last).holds(instant)


@pytest.mark.parametrize("end", [START, START - TICK])
def test_a_window_ends_after_it_starts(end):
    with pytest.raises(ValueError, match="a window ends after it starts"):
        Window(START, end)


@given(INSTANTS, LOOKBACKS)
def test_a_customer_that_was_never_read_starts_at_the_horizon(horizon, lookback):
    assert window_to_read(None, lookback, horizon) == Window(horizon)


@given(INSTANTS, LOOKBACKS, INSTANTS)
def test_a_read_reaches_behind_the_cursor_but_not_behind_the_horizon(cursor, lookback, horizon):
    window = window_to_read(cursor, lookback, horizon)

    assert window.end is None
    assert window.start >= horizon
    assert window.start in {horizon, cursor - lookback}
    assert window.start <= cursor or window.start == horizon


@given(st.none() | INSTANTS, INSTANTS)
def test_where_nothing_was_read_the_cursor_stays(cursor, server_time):
    assert moved_cursor(cursor, None, server_time) == cursor


@given(INSTANTS, INSTANTS)
def test_a_first_cursor_is_neither_past_the_newest_event_nor_past_the_server(newest, server_time):
    assert moved_cursor(None, newest, server_time) == min(newest, server_time)


@given(INSTANTS, INSTANTS, INSTANTS)
def test_a_cursor_never_moves_back_and_only_over_what_was_read(cursor, newest, server_time):
    moved = moved_cursor(cursor, newest, server_time)

    assert moved >= cursor
    assert moved == cursor or (moved <= newest and moved <= server_time)


@given(
    st.lists(st.tuples(st.none() | INSTANTS, INSTANTS), max_size=8),
    LOOKBACKS,
    INSTANTS,
)
def test_whatever_clocks_say_no_read_starts_behind_what_was_still_to_come(reads, lookback, horizon):
    cursor = None
    for newest, server_time in reads:
        cursor = moved_cursor(cursor, newest, server_time)

    start = window_to_read(cursor, lookback, horizon).start

    latest_server_time = max((server_time for _, server_time in reads), default=horizon)
    assert start <= max(horizon, latest_server_time)
