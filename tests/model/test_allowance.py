"""How many calls may be made: rates, the shop's reserve, and the share of a billing cycle."""

from datetime import UTC, date, datetime, timedelta
from math import ceil

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from sync.model.allowance import Rate, Reserve, Share, next_day

DAYS = st.dates(date(2020, 1, 1), date(2032, 12, 31))
START_DAYS = st.integers(1, 31)
EVERY_START = [
    (year, month, day) for year in (2024, 2025) for month in range(1, 13) for day in range(1, 32)
]


def last_day_of(year, month):
    following = date(year + month // 12, month % 12 + 1, 1)
    return (following - timedelta(days=1)).day


@pytest.mark.parametrize(("per_second", "interval"), [(1, 1.0), (50 / 60, 1.2), (4, 0.25)])
def test_a_rate_keeps_calls_apart(per_second, interval):
    assert Rate(per_second).interval == pytest.approx(interval)


@pytest.mark.parametrize("per_second", [0, -1, float("inf"), float("nan")])
def test_a_rate_is_more_than_nothing_and_finite(per_second):
    with pytest.raises(ValueError, match="a rate is more than nothing"):
        Rate(per_second)


@example(7, 100)
@example(55, 100)
@given(st.integers(0, 100), st.integers(0, 1_000_000))
def test_a_reserve_in_percent_is_rounded_up_and_by_no_more(percent, limit):
    assert Reserve(share=percent / 100).of(limit) == -(-percent * limit // 100)


@given(st.integers(0, 1_000), st.integers(0, 1_000))
def test_a_reserve_in_calls_is_the_same_of_any_limit(calls, limit):
    assert Reserve(calls=calls).of(limit) == calls


def test_without_a_reserve_nothing_is_left():
    assert Reserve().of(100) == 0


@pytest.mark.parametrize(
    ("start_day", "today", "cycle"),
    [
        (1, date(2026, 3, 1), (date(2026, 3, 1), date(2026, 4, 1))),
        (1, date(2026, 3, 31), (date(2026, 3, 1), date(2026, 4, 1))),
        (15, date(2026, 3, 14), (date(2026, 2, 15), date(2026, 3, 15))),
        (15, date(2026, 3, 15), (date(2026, 3, 15), date(2026, 4, 15))),
        (31, date(2026, 2, 27), (date(2026, 1, 31), date(2026, 2, 28))),
        (31, date(2026, 2, 28), (date(2026, 2, 28), date(2026, 3, 31))),
        (31, date(2024, 2, 28), (date(2024, 1, 31), date(2024, 2, 29))),
        (30, date(2024, 2, 29), (date(2024, 2, 29), date(2024, 3, 30))),
        (31, date(2026, 4, 30), (date(2026, 4, 30), date(2026, 5, 31))),
        (20, date(2026, 1, 5), (date(2025, 12, 20), date(2026, 1, 20))),
        (20, date(2025, 12, 25), (date(2025, 12, 20), date(2026, 1, 20))),
    ],
)
def test_a_start_day_that_a_month_lacks_is_its_last_day(start_day, today, cycle):
    assert Share(1, start_day).cycle_of(today) == cycle


@given(START_DAYS, DAYS)
def test_a_cycle_contains_today_and_the_next_one_follows_at_once(start_day, today):
    share = Share(1, start_day)

    first, following = share.cycle_of(today)

    assert first <= today < following
    assert 28 <= (following - first).days <= 31
    assert share.cycle_of(first) == (first, following)
    assert share.cycle_of(following - timedelta(days=1)) == (first, following)
    assert share.cycle_of(following)[0] == following


def test_every_cycle_of_two_years_starts_on_its_day():
    for year, month, start_day in EVERY_START:
        day = min(start_day, last_day_of(year, month))
        start = date(year, month, day)
        assert Share(1, start_day).cycle_of(start)[0] == start


@given(st.integers(0, 100_000), START_DAYS, DAYS, st.data())
def test_daily_shares_are_never_more_than_the_cycles_calls_and_reach_them(
    calls, start_day, today, data
):
    share = Share(calls, start_day)
    day, following = share.cycle_of(today)
    used = 0
    while day < following:
        todays = share.todays(day, used)
        used += todays if data.draw(st.booleans()) else data.draw(st.integers(0, todays))
        assert used <= calls
        day += timedelta(days=1)

    last_day = following - timedelta(days=1)
    assert used + share.todays(last_day, used) == calls


@given(st.integers(0, 100_000), START_DAYS, DAYS)
def test_who_uses_each_days_share_uses_all_calls_evenly(calls, start_day, today):
    share = Share(calls, start_day)
    day, following = share.cycle_of(today)
    length = (following - day).days
    shares = []
    for number in range(length):
        shares.append(share.todays(day + timedelta(days=number), sum(shares)))

    assert sum(shares) == calls
    assert max(shares) - min(shares) <= 1
    assert shares[0] == ceil(calls / length)


def test_what_was_overdrawn_leaves_nothing():
    assert Share(100, 1).todays(date(2026, 3, 30), 101) == 0


@pytest.mark.parametrize(
    ("now", "midnight"),
    [
        (datetime(2026, 3, 1, tzinfo=UTC), datetime(2026, 3, 2, tzinfo=UTC)),
        (datetime(2026, 12, 31, 23, 59, 59, 999_999, tzinfo=UTC), datetime(2027, 1, 1, tzinfo=UTC)),
        (datetime(2024, 2, 28, 12, tzinfo=UTC), datetime(2024, 2, 29, tzinfo=UTC)),
    ],
)
def test_a_new_share_begins_at_the_next_midnight(now, midnight):
    assert next_day(now) == midnight
