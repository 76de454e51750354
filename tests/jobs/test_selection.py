"""The planner: what is due when, and what a budget can pay."""

from math import isclose, sqrt

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sync.jobs.selection import (
    FAVOUR,
    FOR_LOOKS,
    SWEEP_BESIDE,
    Portions,
    calls_a_day,
    code_need,
    code_rate,
    code_wait,
    customer_wait,
    demand,
    expected_delay,
    is_hot,
    least_delay,
    looked,
    planned_calls,
    portions,
    price,
    refilled,
    shop_looked,
)
from sync.model.planning import DAY, CodeHistory, Price, Shop

SHOP = Shop(watched=1_000 * DAY, vanished=20)
WEEK = 7 * DAY
PRICE = Price(stretch=1.0, longest=WEEK, sweep=30 * DAY, part=0.1)

histories = st.builds(
    CodeHistory,
    holders=st.integers(0, 10_000),
    cost=st.floats(1, 100),
    watched=st.floats(0, 1e12),
    vanished=st.floats(0, 1e4),
)


def test_four_times_the_rate_is_looked_at_twice_as_often():
    few, many = CodeHistory(holders=100), CodeHistory(holders=400)
    few_rate, many_rate = code_rate(few, SHOP), code_rate(many, SHOP)

    ratio = code_wait(few, SHOP, PRICE) / code_wait(many, SHOP, PRICE)

    assert isclose(ratio, sqrt(many_rate / few_rate))
    assert isclose(ratio, 2, rel_tol=0.01)


def test_a_look_that_costs_four_times_as_much_is_made_half_as_often():
    cheap, dear = CodeHistory(holders=100, cost=1), CodeHistory(holders=100, cost=4)

    assert isclose(code_wait(dear, SHOP, PRICE), 2 * code_wait(cheap, SHOP, PRICE))


@given(histories, st.floats(1e-3, 1e9), st.floats(1, 1e7))
def test_nobody_waits_longer_than_the_longest(history, stretch, longest):
    at = Price(stretch, longest, sweep=longest, part=0.1)

    assert 0 < code_wait(history, SHOP, at) <= longest
    assert 0 < customer_wait(3, SHOP, at) <= longest


def test_a_code_where_somebody_vanished_lately_is_due_sooner():
    calm = CodeHistory(holders=10, watched=100 * DAY)
    busy = CodeHistory(holders=10, watched=100 * DAY, vanished=9)

    assert code_wait(busy, SHOP, PRICE) < code_wait(calm, SHOP, PRICE)


def test_what_vanished_long_ago_counts_less_and_less():
    history = CodeHistory(holders=10, vanished=8)

    later = looked(history, 28 * DAY, holders=10, vanished=0, calls=1)

    assert isclose(later.vanished, 2)


def test_a_newcomer_has_the_shops_rate_per_holder():
    assert isclose(code_rate(CodeHistory(holders=50), SHOP), 50 * SHOP.rate, rel_tol=0.01)


def test_a_code_that_nobody_holds_is_still_looked_at():
    assert code_rate(CodeHistory(holders=0), SHOP) > 0


def test_a_shop_without_a_past_has_a_rate():
    assert Shop().rate > 0


def test_what_the_shop_saw_fades():
    shop = shop_looked(Shop(100.0, 8.0), 0.0, 0, 14 * DAY)

    assert (shop.watched, shop.vanished) == (50.0, 4.0)


def test_a_clock_that_went_back_fades_nothing():
    assert shop_looked(Shop(100.0, 8.0), 1.0, 1, -DAY) == Shop(101.0, 9.0)


@given(
    st.lists(histories, min_size=1, max_size=60),
    st.integers(0, 1_000_000),
    st.integers(0, 10_000),
    st.floats(10, 1e6),
    st.booleans(),
)
def test_what_is_planned_is_never_more_than_may_be_spent(codes, others, holding, per_day, beside):
    of = demand(codes, SHOP, holding=holding, others=others)

    at = price(of, per_day, WEEK, beside=beside)

    looks = calls_a_day(of, at) - of.news * DAY
    assert looks <= planned_calls(of, per_day) * 1.001
    assert looks <= per_day * FOR_LOOKS * 1.001


def test_a_budget_that_can_is_spent_up_to_what_is_planned():
    codes = [CodeHistory(holders=each) for each in range(1, 1_001)]
    of = demand(codes, SHOP, holding=0, others=0)

    at = price(of, 20_000, 30 * DAY, beside=True)

    assert of.news * DAY > 100
    assert isclose(calls_a_day(of, at), 20_000 * FOR_LOOKS, rel_tol=0.01)


def test_a_budget_that_can_not_keep_the_longest_says_what_it_can_keep():
    of = demand([CodeHistory(holders=1)] * 7_000, SHOP, holding=0, others=0)

    at = price(of, 100, WEEK, beside=True)

    assert isclose(at.longest, 7_000 / planned_calls(of, 100) * DAY)


def test_a_budget_that_can_keep_the_longest_keeps_it():
    of = demand([CodeHistory(holders=1)] * 7_000, SHOP, holding=0, others=0)

    assert price(of, 2_000, WEEK, beside=True).longest == WEEK


def test_the_sweep_takes_a_tenth_beside_codes_and_its_period_is_told():
    of = demand([CodeHistory(holders=3)] * 100, SHOP, holding=0, others=9_000)

    at = price(of, 1_000, WEEK, beside=True)

    assert isclose(at.sweep, 9_000 / (planned_calls(of, 1_000) * SWEEP_BESIDE) * DAY)


def test_a_sweep_that_is_alone_has_all_calls():
    of = demand([], SHOP, holding=0, others=9_000)

    assert isclose(price(of, 1_000, WEEK, beside=False).sweep, 10 * DAY)


def test_whoever_holds_something_is_read_more_often_than_others_but_not_all_the_time():
    of = demand([], SHOP, holding=4, others=36)

    at = price(of, 12, 365 * DAY, beside=False)

    assert isclose(at.sweep / customer_wait(1, SHOP, at), FAVOUR, rel_tol=0.1)


def test_neither_line_keeps_the_other_waiting_and_what_one_leaves_is_the_others():
    codes = [(float(each), 1.0) for each in range(100)]
    holding = [(each + 0.5, 1.0) for each in range(100)]

    assert portions(20, codes, holding, 500, 0.1) == Portions(9, 9, 2)
    assert portions(20, codes, [], 1, 0.1) == Portions(19, 0, 1)
    assert portions(20, codes[:3], [], 500, 0.1) == Portions(3, 0, 17)
    assert portions(1, codes, holding, 500, 0.1) == Portions(1, 0, 0)
    assert portions(20, [(0.0, 15.0), (1.0, 15.0)], [], 500, 0.1) == Portions(1, 0, 5)


def test_a_code_that_takes_more_calls_than_a_run_has_keeps_nobody_waiting_for_good():
    assert portions(20, [(0.0, 50.0), (1.0, 1.0)], [(0.5, 1.0)], 500, 0.1) == Portions(1, 0, 0)


def test_classes_are_narrow_enough_for_the_delay_that_is_told():
    codes = [CodeHistory(holders=each) for each in range(1, 2_001)]
    of = demand(codes, SHOP, holding=0, others=0)
    at = price(of, 3_000, 365 * DAY, beside=True)
    rates = [code_rate(each, SHOP) for each in codes]
    exact = sum(
        rate * at.stretch * code_need(each, SHOP) / 2
        for rate, each in zip(rates, codes, strict=True)
    ) / sum(rates)

    assert isclose(expected_delay(of, at), exact, rel_tol=0.02)


def test_no_plan_is_below_the_floor_and_one_without_a_longest_wait_reaches_it():
    codes = [CodeHistory(holders=each) for each in range(1, 2_001)]
    of = demand(codes, SHOP, holding=0, others=0)

    free = price(of, 90_000, 365 * DAY, beside=True)
    bound = price(of, 90_000, 0.1 * DAY, beside=True)
    floor = least_delay(of, planned_calls(of, 90_000))

    assert isclose(expected_delay(of, free), floor, rel_tol=0.001)
    assert expected_delay(of, bound) > floor


@pytest.mark.parametrize(
    ("vanished", "holders", "hot"), [(7, 0, False), (8, 20, True), (8, 5_000, False)]
)
def test_a_campaign_is_hot_when_far_more_vanish_than_was_to_be_expected(vanished, holders, hot):
    assert is_hot(vanished, holders, SHOP) is hot


def test_runs_in_a_row_share_a_day_and_one_run_a_day_has_all_of_it():
    assert refilled(0, 3_600, 2_400, 5_000) == 100
    assert refilled(0, 3 * DAY, 2_400, 5_000) == 2_400
    assert refilled(50, -3_600, 2_400, 5_000) == 50


def test_whoever_spent_a_day_at_once_does_not_do_so_again_the_next_day():
    tokens = 0.0
    for _ in range(23):
        tokens = refilled(tokens, 3_600, 2_400, left_today=0)

    assert refilled(tokens, 3_600, 2_400, left_today=2_400) == 100
