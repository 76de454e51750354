"""The simulation of calls: its arithmetic, against brute force and against what can't be."""

from math import isclose
from statistics import fmean

import pytest

from scripts.bench.calls import STRATEGIES, WARM_UP, fewest, floor_of, played
from scripts.bench.plot import svg
from scripts.bench.shop import DAY, HOUR, Shop, Sizes, make_shop
from scripts.bench.strategies import Pulling, naive

SMALL = Sizes(
    customers=500, codes=40, referees=120, a_day=12.0, campaigns=5, days=12, fleeting=0.05, seed=4
)


@pytest.fixture(scope="module")
def shop():
    return make_shop(SMALL)


def test_the_same_seed_makes_the_same_shop_and_another_one_another():
    assert make_shop(SMALL) == make_shop(SMALL)
    assert make_shop(SMALL) != make_shop(Sizes(**{**_fields(SMALL), "seed": 5}))


def _fields(sizes):
    return {name: getattr(sizes, name) for name in Sizes.__slots__}


def test_a_shop_unassigns_about_as_many_as_it_is_told():
    made = make_shop(Sizes(days=30, codes=400, referees=1_200, a_day=60, customers=5_000))

    assert len(made.ends()) / 30 == pytest.approx(60, rel=0.25)
    assert all(begin < end for one in made.held for begin, end in one)


def test_naive_is_half_a_pass_late_on_average(shop):
    found = naive(shop, 250, HOUR, 0.0)

    delays = [delay for _, delay in found.delays]
    assert fmean(delays) == pytest.approx(DAY, rel=0.2)  # 500 customers at 250 a day: 2 days
    assert max(delays) <= 2 * DAY
    assert found.calls["sweep"] == 250 * SMALL.days


@pytest.mark.parametrize("name", STRATEGIES)
@pytest.mark.parametrize("calls", [30, 120])
def test_no_day_passes_its_share_and_nothing_is_found_before_it_happened(shop, name, calls):
    result = played(name, shop, calls, HOUR)

    assert result.most_a_day <= calls * 1.001
    found = STRATEGIES[name](shop, calls, HOUR)
    assert min((delay for _, delay in found.delays), default=0) >= 0
    assert all(WARM_UP <= end <= SMALL.days * DAY for end, _ in found.delays)


def test_looks_find_each_unassignment_once_or_count_it_as_unseen(shop):
    found = Pulling(shop, 2_000, HOUR).month(0.0)

    assert len({end for end, _ in found.delays}) == len(found.delays)
    late = SMALL.days * DAY - HOUR
    happened = [end for end in (each[1] for each in shop.ends()) if end <= late]
    assert len(found.delays) + found.unseen >= len(happened)


def test_with_calls_for_every_code_in_every_run_nobody_waits_longer_than_a_run(shop):
    found = Pulling(shop, 40 * 24 * 3, HOUR).month(WARM_UP)

    assert max(delay for _, delay in found.delays) <= HOUR


def test_webhooks_that_come_are_read_in_the_next_run(shop):
    found = Pulling(shop, 120, HOUR, webhooks=100.0).month(WARM_UP)

    assert max(delay for _, delay in found.delays) <= HOUR
    assert found.calls["reads"] == 0


def test_a_week_without_webhooks_loses_nothing_that_was_seen(shop):
    silent = Pulling(shop, 400, HOUR, webhooks=100.0, silent=(3.0, 10.0)).month(WARM_UP)

    assert silent.missed == 0
    assert silent.calls["reads"] > 0


def test_the_floor_is_that_of_evenly_spaced_looks():
    one = ((0.0, 12 * HOUR), (0.0, DAY))
    alike = Shop(Sizes(codes=2, days=2), (0, 0), (one, one))

    # Two codes of one rate and four looks a day: each twice a day, so six hours on average.
    assert isclose(floor_of(alike, 4), 6.0)


def test_the_fewest_calls_keep_what_was_asked_for(shop):
    calls, _, result = fewest("holders", shop, 2.0)

    assert result.p95 <= 2.0
    assert result.missed == 0
    assert calls == result.total


def test_the_plot_shows_every_line_and_stays_within_its_frame():
    drawn = svg("a < b", "x", "y", {("all", "mean"): [(10, 5.0), (1_000, 0.2)]}, {"Plan": 100.0})

    assert drawn.count("<polyline") == 1
    assert "a &lt; b" in drawn
    points = drawn.split('points="')[1].split('"')[0].split()
    assert all(0 <= float(part) <= 900 for each in points for part in each.split(","))
