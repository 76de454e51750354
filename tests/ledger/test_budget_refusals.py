"""Refusals of the cycle, and clocks that are wrong: neither blocks later calls."""

from datetime import UTC, datetime, timedelta

import pytest
import sqlalchemy as sa

from sync.errors import ParkError
from sync.ledger.budget_row import BLOCKS_AHEAD, LONGEST_WINDOW
from sync.ledger.tables import budget
from sync.transport import Observed


@pytest.fixture
def stored(ledger):
    """Change the stored row, as a clock that was wrong would have."""

    def change(**values):
        with ledger.transaction() as connection:
            connection.execute(sa.update(budget).values(**values))

    return change


def test_a_refusal_of_the_cycle_stops_all_later_calls_of_this_process(caller):
    shop = caller()
    under_way = shop.budget.reserve()

    next_cycle = shop.budget.refuse_cycle()

    assert next_cycle == datetime(2026, 4, 1, tzinfo=UTC)
    for call in (shop.budget.reserve, lambda: shop.budget.start(under_way)):
        with pytest.raises(ParkError) as parked:
            call()
        assert (parked.value.by, parked.value.resume_after) == ("cycle", next_cycle)
    assert shop.budget.spent().cycle_refused


def test_a_refusal_of_the_cycle_never_blocks_a_later_process(caller):
    refused = caller()
    refused.call(Observed(limit=100, remaining=0, resets_in=1800))
    refused.budget.refuse_cycle()

    later = caller()
    began = later.clock.monotonic()

    assert later.call() == pytest.approx(began, abs=1)


@pytest.mark.parametrize(
    ("seen", "is_cleared"),
    [
        (Observed(), True),
        (Observed(limit=100, remaining=99), True),
        (Observed(refused=True), False),
    ],
)
def test_an_accepted_call_takes_the_mark_of_the_cycle_away(caller, seen, is_cleared):
    caller().budget.refuse_cycle()
    later = caller()

    later.call(seen)

    assert later.budget.spent().cycle_refused is not is_cleared


def test_the_mark_of_a_cycle_goes_with_it(caller, clock):
    caller().budget.refuse_cycle()

    clock.jump(days=25)

    assert not caller().budget.spent().cycle_refused


@pytest.mark.parametrize("ahead", [BLOCKS_AHEAD + 1, 3_600, 90_000, 10**9])
def test_a_slot_that_a_wrong_clock_stored_is_not_waited_for(caller, clock, stored, ahead):
    caller(rate=4).call()
    stored(next_slot=clock().timestamp() + ahead)
    began = clock.monotonic()

    assert caller(rate=4).call() <= began + 1


@pytest.mark.parametrize("ahead", [LONGEST_WINDOW + 1, 90_000, 10**9])
def test_a_pause_that_a_wrong_clock_stored_is_not_kept(caller, clock, stored, ahead):
    caller(rate=4).call()
    stored(paused_until=clock().timestamp() + ahead, paused_by="reserve")
    began = clock.monotonic()

    assert caller(rate=4).call() <= began + 2


def test_a_clock_that_jumps_during_a_run_is_not_waited_for(caller, clock):
    shop = caller(rate=4)
    began = [shop.call() for _ in range(4)]
    for jump in (timedelta(hours=-1), timedelta(hours=5), timedelta(days=-1), timedelta(days=1)):
        clock.time += jump
        began += [shop.call() for _ in range(8)]

    assert began[-1] - began[0] < 60
