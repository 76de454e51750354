"""The calls of a day and of a billing cycle: our own count, on the safe side."""

from datetime import UTC, date, datetime

import pytest
import sqlalchemy as sa

from sync.errors import ParkError
from sync.ledger.budget import LARGEST_BLOCK
from sync.ledger.tables import budget

# The clock begins on 10 March, so the cycle from the 1st has 22 days left.


def test_a_day_may_spend_what_is_left_divided_by_the_days_left(caller):
    made, end = caller(share=310).spend()

    assert made == 15
    assert end.by == "budget"
    assert end.resume_after == datetime(2026, 3, 11, tzinfo=UTC)
    assert "15 of 310 calls since 2026-03-01" in str(end)


def test_the_next_day_has_a_share_of_its_own(caller, clock):
    shop = caller(share=310)
    shop.spend()

    clock.jump(days=1)

    assert shop.spend()[0] == 15
    assert shop.budget.spent().used == 30


def test_what_a_day_did_not_spend_is_spread_over_the_days_left(caller, clock):
    shop = caller(share=310)
    clock.jump(days=20)

    assert shop.spend()[0] == 155


def test_the_last_day_may_spend_all_that_is_left(caller, clock):
    clock.jump(days=21)
    shop = caller(share=310)

    made, end = shop.spend()

    assert made == 310
    assert end.resume_after == datetime(2026, 4, 1, tzinfo=UTC)


def test_a_share_that_is_used_up_comes_back_with_the_next_cycle(caller):
    caller(share=310).spend()

    made, end = caller(share=15).spend()

    assert (made, end.resume_after) == (0, datetime(2026, 4, 1, tzinfo=UTC))


def test_a_new_cycle_begins_at_nothing(caller, clock):
    shop = caller(share=310, day=15)
    shop.spend()

    clock.jump(days=5)

    spent = shop.budget.spent()
    assert (spent.used, spent.left, spent.left_today) == (0, 310, 10)
    assert spent.cycle_start == date(2026, 3, 15)
    assert shop.spend()[0] == 10


@pytest.mark.parametrize("days", [1, 2])
def test_a_clock_that_went_back_begins_nothing(caller, clock, days):
    clock.jump(days=2)
    shop = caller(share=310)
    shop.spend()

    clock.jump(days=-days)

    assert shop.spend()[0] == 0


def test_a_clock_that_went_back_over_the_cycle_s_end_begins_nothing(caller, clock):
    shop = caller(share=310, day=10)
    shop.spend()
    before = shop.budget.spent()

    clock.jump(days=-1)

    assert shop.spend()[0] == 0
    assert shop.budget.spent() == before


def test_a_clock_that_was_years_ahead_does_not_block_for_years(caller, clock):
    clock.jump(days=900)
    shop = caller(share=310)
    spent_then = shop.spend()[0]

    clock.jump(days=-900)

    made, end = shop.spend()
    assert made == -(-(310 - spent_then) // 22)
    assert end.resume_after == datetime(2026, 3, 11, tzinfo=UTC)
    assert shop.budget.spent().used == spent_then + made


def test_before_the_first_call_nothing_is_used_and_nothing_is_written(caller, ledger, rows):
    spent = caller(share=310).budget.spent()

    assert (spent.used, spent.left, spent.left_today) == (0, 310, 15)
    assert (spent.cycle_start, spent.cycle_refused) == (date(2026, 3, 1), False)
    assert rows(ledger, budget) == []


def test_calls_are_counted_before_they_are_made(caller, ledger, rows):
    caller(rate=20).budget.reserve()

    assert rows(ledger, budget)[0]["used"] == 20


def test_what_this_process_leased_and_did_not_use_is_not_told_as_used(caller):
    shop = caller(rate=20, share=310_000)
    shop.call()

    spent = shop.budget.spent()

    assert (spent.used, spent.left) == (1, 309_999)


def test_a_block_is_never_larger_than_can_be_lost(caller, ledger, rows):
    caller(rate=100_000, share=10_000_000).budget.reserve()

    assert rows(ledger, budget)[0]["used"] == LARGEST_BLOCK


def test_what_was_leased_and_not_used_is_given_back(caller, ledger, rows):
    shop = caller(rate=20)
    for _ in range(3):
        shop.call()

    shop.budget.close()
    shop.budget.close()

    assert rows(ledger, budget)[0]["used"] == 3


def test_closing_what_was_never_used_writes_nothing(caller, ledger, rows):
    caller().budget.close()

    assert rows(ledger, budget) == []


def test_a_call_that_was_never_started_can_be_made_later(caller):
    shop = caller(share=22, rate=20)
    shop.budget.reserve()
    shop.budget.end(started=False)

    assert shop.spend()[0] == 1


def test_a_kill_loses_one_block_at_most(caller, clock):
    clock.jump(days=21)
    killed = caller(rate=20, share=310)
    killed.call()

    assert caller(rate=20, share=310).spend()[0] == 310 - 20


def test_processes_that_take_turns_spend_the_share_together(caller, clock):
    clock.jump(days=21)
    made = 0
    for _ in range(20):
        shop = caller(share=310, rate=7)
        made += shop.spend(9)[0]
        shop.budget.close()
    made += caller(share=310, rate=7).spend()[0]

    assert made == 310


def test_a_block_of_an_older_cycle_is_not_given_back_to_the_new_one(caller, clock):
    clock.jump(days=21)
    old = caller(share=31_000, rate=20)
    old.call()
    clock.jump(days=1)
    new = caller(share=31_000, rate=20)
    new.call()

    assert old.budget.spent().used == 20
    old.budget.close()
    new.budget.close()

    assert caller(share=31_000).budget.spent().used == 1


def test_a_block_of_yesterday_is_given_back(caller, clock):
    shop = caller(share=310, rate=20)
    shop.call()
    clock.jump(days=1)
    shop.budget.close()

    assert caller(share=310).budget.spent().used == 1


def test_no_share_means_no_call(caller):
    made, end = caller(share=0).spend()

    assert (made, end.by) == (0, "budget")


def test_a_call_that_parks_counts_nothing(caller, ledger, rows):
    shop = caller(share=22)
    shop.spend()
    before = rows(ledger, budget)

    with pytest.raises(ParkError):
        shop.budget.reserve()

    assert rows(ledger, budget) == before


def test_the_count_is_one_row(caller, ledger):
    for _ in range(3):
        caller().call()

    with ledger.read_only() as connection:
        assert connection.execute(sa.select(sa.func.count()).select_from(budget)).scalar() == 1
