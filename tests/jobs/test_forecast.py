"""What a schedule costs and is worth, and which one is refused."""

from dataclasses import replace
from datetime import timedelta
from math import isclose

import pytest

from sync.jobs.forecast import Schedule, forecast
from sync.jobs.selection import demand
from sync.model.planning import DAY, CodeHistory, Shop

SHOP = Shop(watched=1_000 * DAY, vanished=20)
HOURLY = Schedule(
    interval=timedelta(hours=1),
    calls_a_day=2_667,
    cycle_days=30,
    longest=timedelta(days=7),
    lists=2,
    named=0,
    beside=True,
)
CODES = demand([CodeHistory(holders=3)] * 4_000, SHOP, holding=0, others=38_000)


def test_the_purposes_add_up_to_no_more_than_a_day_has():
    told = forecast(CODES, HOURLY)

    assert told.fits
    assert told.calls["lists"] == 48
    assert told.spent_a_day <= HOURLY.calls_a_day
    assert told.spent_a_day > 0.85 * HOURLY.calls_a_day


def test_more_calls_are_never_worth_less():
    delays = [
        forecast(CODES, replace(HOURLY, calls_a_day=calls)).mean for calls in (500, 2_667, 8_000)
    ]

    assert delays == sorted(delays, reverse=True)
    assert forecast(CODES, HOURLY).least < forecast(CODES, HOURLY).mean


def test_waiting_for_the_next_run_counts_into_the_delay():
    daily = forecast(CODES, replace(HOURLY, interval=timedelta(days=1)))

    assert daily.worst >= HOURLY.longest.total_seconds() + DAY
    assert daily.mean > forecast(CODES, HOURLY).mean


@pytest.mark.parametrize("named", [10, 250])
def test_the_shortest_interval_is_the_first_that_the_share_can_pay(named):
    at = replace(HOURLY, lists=0, named=named, interval=timedelta(minutes=1))
    nobody = demand([], SHOP, holding=0, others=0)

    told = forecast(nobody, at)

    assert not told.fits
    assert isclose(told.shortest.total_seconds(), named / 2_667 * DAY, abs_tol=60)
    assert forecast(nobody, replace(at, interval=told.shortest)).fits
    sooner = told.shortest - timedelta(minutes=1)
    assert not forecast(nobody, replace(at, interval=sooner)).fits


FRIENDS = demand([CodeHistory(holders=3)] * 12, SHOP, holding=13, others=120)


@pytest.mark.parametrize("lists", [0, 1, 2])
@pytest.mark.parametrize("calls_a_day", [100, 667])
def test_each_run_looks_at_somebody_and_at_the_shortest_interval_that_is_paid(lists, calls_a_day):
    at = replace(HOURLY, lists=lists, calls_a_day=calls_a_day, interval=timedelta(minutes=1))

    told = forecast(FRIENDS, at)
    shortest = forecast(FRIENDS, replace(at, interval=told.shortest))

    assert (told.fits, shortest.fits) == (False, True)
    assert (lists + 1) * DAY / told.shortest.total_seconds() <= calls_a_day
    assert shortest.spent_a_day <= calls_a_day * 1.001


def test_no_run_asks_anybody_twice_however_seldom_it_comes():
    told = forecast(FRIENDS, replace(HOURLY, interval=timedelta(days=400)))

    a_run = {name: calls * 400 for name, calls in told.calls.items()}
    assert a_run["codes"] <= 12
    assert a_run["holding"] <= 13
    assert a_run["sweep"] <= 120
    assert told.sweep >= 400 * DAY


def test_runs_that_come_less_often_than_the_longest_wait_do_not_keep_it():
    told = forecast(FRIENDS, replace(HOURLY, longest=timedelta(hours=1)))
    daily = forecast(
        FRIENDS, replace(HOURLY, longest=timedelta(hours=1), interval=timedelta(days=1))
    )

    assert (told.payable, told.kept) == (True, True)
    assert (daily.payable, daily.kept) == (True, False)


def test_no_interval_fits_where_reading_what_vanishes_takes_more_than_there_is():
    busy = demand([CodeHistory(holders=50_000)], SHOP, holding=0, others=0)

    told = forecast(busy, replace(HOURLY, calls_a_day=100))

    assert (told.shortest, told.fits) == (None, False)


def test_what_would_keep_the_longest_wait_does_keep_it():
    many = demand([CodeHistory(holders=1)] * 30_000, SHOP, holding=0, others=0)
    told = forecast(many, HOURLY)

    assert not told.kept
    enough = replace(HOURLY, calls_a_day=told.needed / HOURLY.cycle_days * 1.01)
    assert forecast(many, enough).kept


def test_the_sweep_is_told_and_its_calls_are_those_of_its_period():
    told = forecast(CODES, HOURLY)

    assert isclose(told.calls["sweep"], 38_000 / told.sweep * DAY)
    assert forecast(replace(CODES, others=0), HOURLY).sweep is None
