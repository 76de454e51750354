"""When a call may start: the rate, the observed limit, the shop's reserve, and refusals."""

from datetime import timedelta
from itertools import pairwise

import pytest
import sqlalchemy as sa

from sync.errors import ParkError
from sync.ledger.budget import UNKNOWN_WINDOW
from sync.ledger.tables import budget
from sync.model.allowance import Reserve
from sync.transport import Observed

THIRTY_PERCENT = Reserve(share=0.3)


@pytest.fixture
def stored(ledger):
    """Change the stored row, as a clock that was wrong would have."""

    def change(**values):
        with ledger.transaction() as connection:
            connection.execute(sa.update(budget).values(**values))

    return change


def test_calls_are_an_interval_apart(caller):
    shop = caller(rate=4)

    began = [shop.call() for _ in range(10)]

    assert [round(each - began[0], 6) for each in began] == [n * 0.25 for n in range(10)]


def test_a_rest_is_not_made_up_for_beyond_one_block(caller, clock):
    shop = caller(rate=4)
    shop.call()
    clock.wait(100)
    began = [shop.call() for _ in range(8)]

    assert began[-1] - began[0] >= 7 * 0.25 - 0.75 - 1e-6


def test_processes_share_the_rate(caller):
    one, two = caller(rate=4), caller(rate=4)

    began = [shop.call() for _ in range(20) for shop in (one, two)]

    assert began[-1] - began[0] >= (40 - 1 - 2 * 4) / 4


def test_a_slow_rate_counts_call_by_call(caller, ledger, rows):
    shop = caller(rate=0.1)
    shop.call()

    assert rows(ledger, budget)[0]["used"] == 1


def test_an_interval_longer_than_may_be_waited_parks(caller, clock):
    shop = caller(rate=1 / 300, max_wait=60)
    shop.call()

    with pytest.raises(ParkError) as parked:
        shop.call()

    assert parked.value.by == "rate"
    assert parked.value.resume_after == clock() + timedelta(seconds=300)


def test_threads_that_queue_for_slots_are_not_parked(caller):
    shop = caller(rate=0.02, max_wait=60)

    slots = [shop.budget.reserve() for _ in range(6)]

    assert [slot - slots[0] for slot in slots] == [50 * n for n in range(6)]


def test_the_observed_limit_lowers_the_rate(caller):
    shop = caller(rate=100, reserve=THIRTY_PERCENT)
    shop.call(Observed(limit=100, remaining=99))
    shop.call()

    assert shop.call() - shop.call() == pytest.approx(-UNKNOWN_WINDOW / 70)


def test_the_observed_limit_never_raises_the_rate(caller):
    shop = caller(rate=1)
    shop.call(Observed(limit=100_000, remaining=99_999))

    first = shop.call()
    assert shop.call() - first == pytest.approx(1)


@pytest.mark.parametrize("reserve", [100, 200])
def test_a_limit_that_the_reserve_takes_whole_leaves_the_rate_and_pauses(caller, reserve):
    shop = caller(reserve=Reserve(calls=reserve))
    first = shop.call(Observed(limit=100, remaining=99, resets_in=10))

    assert shop.call() - first == pytest.approx(10)


def test_at_the_reserve_calls_pause_until_the_window_ends(caller):
    shop = caller(reserve=THIRTY_PERCENT)
    began = shop.call(Observed(limit=100, remaining=31, resets_in=20))
    assert shop.call(Observed(limit=100, remaining=30, resets_in=20)) < began + 1

    assert shop.call() == pytest.approx(began + 20, abs=2)


def test_a_number_is_reserved_even_if_the_limit_is_not_told(caller):
    shop = caller(reserve=Reserve(calls=30))
    began = shop.call(Observed(remaining=30, resets_in=20))

    assert shop.call() == pytest.approx(began + 20)


@pytest.mark.parametrize(("remaining", "is_paused"), [(32, True), (33, False)])
def test_calls_under_way_count_as_made(caller, clock, remaining, is_paused):
    shop = caller(reserve=THIRTY_PERCENT)
    slots = [shop.budget.reserve() for _ in range(3)]
    clock.wait(1)
    assert [shop.budget.start(slot) for slot in slots] == [0, 0, 0]

    shop.budget.observe(Observed(limit=100, remaining=remaining, resets_in=20))

    assert (shop.budget.start(shop.budget.reserve()) > 10) is is_paused


def test_a_window_that_opens_too_late_parks(caller, clock):
    shop = caller(reserve=THIRTY_PERCENT, max_wait=60)
    shop.call(Observed(limit=100, remaining=5, resets_in=61))

    with pytest.raises(ParkError) as parked:
        shop.call()

    assert parked.value.by == "reserve"
    assert parked.value.resume_after == clock() + timedelta(seconds=61)
    assert "HOLDERSYNC_MAX_WAIT" in str(parked.value)


def test_a_window_of_unknown_end_pauses_a_minute(caller):
    shop = caller(reserve=THIRTY_PERCENT, max_wait=60)
    began = shop.call(Observed(limit=100, remaining=5))

    assert shop.call() == began + UNKNOWN_WINDOW


def test_a_refusal_for_the_rate_pauses_until_the_window_ends(caller, clock):
    shop = caller(max_wait=60)
    began = shop.call(Observed(remaining=0, resets_in=30, refused=True))
    assert shop.call() == began + 30

    shop.call(Observed(resets_in=90, refused=True))
    with pytest.raises(ParkError) as parked:
        shop.call()
    assert (parked.value.by, parked.value.resume_after) == ("rate", clock() + timedelta(seconds=90))


def test_a_parked_call_can_be_made_later(caller, clock):
    shop = caller(rate=4)
    shop.call(Observed(resets_in=90, refused=True))
    with pytest.raises(ParkError):
        shop.call()

    clock.wait(91)

    assert shop.call() == clock.monotonic()


def test_an_answer_that_says_nothing_changes_nothing(caller):
    shop = caller(rate=4)
    began = [shop.call(Observed()) for _ in range(5)]

    assert began[-1] - began[0] == pytest.approx(1)


def test_a_shorter_pause_does_not_end_a_longer_one(caller):
    shop = caller(reserve=THIRTY_PERCENT)
    began = shop.call(Observed(limit=100, remaining=5, resets_in=50))
    shop.budget.observe(Observed(limit=100, remaining=4, resets_in=2))

    assert shop.call() == pytest.approx(began + 50)


def test_another_process_keeps_the_pause(caller):
    shop, other = caller(reserve=THIRTY_PERCENT), caller(reserve=THIRTY_PERCENT)
    began = shop.call(Observed(limit=100, remaining=5, resets_in=50))

    assert other.call() == pytest.approx(began + 50)


def test_another_process_s_longer_pause_is_not_shortened(caller):
    long, short = caller(reserve=THIRTY_PERCENT), caller(reserve=THIRTY_PERCENT)
    short.call()
    long.call(Observed(limit=3000, remaining=5, resets_in=2000))

    short.budget.observe(Observed(remaining=0, resets_in=5, refused=True))

    with pytest.raises(ParkError) as parked:
        caller().call()
    assert parked.value.by == "reserve"
    with pytest.raises(ParkError):
        short.call()


def test_after_a_pause_those_who_waited_start_one_by_one(caller, clock):
    shop = caller(rate=0.5, reserve=THIRTY_PERCENT)
    slots = [shop.budget.reserve() for _ in range(6)]
    shop.budget.observe(Observed(limit=100, remaining=5, resets_in=30))
    began = []
    for slot in slots:
        while seconds := shop.budget.start(slot):
            clock.wait(seconds)
        began.append(clock.monotonic())

    assert [round(each - began[0], 6) for each in began] == [2.0 * n for n in range(6)]


def test_slots_of_one_process_never_come_closer_than_the_interval(caller, clock):
    shop = caller(rate=4)
    slots = [shop.budget.reserve()]
    clock.wait(0.9)

    slots += [shop.budget.reserve() for _ in range(12)]

    assert min(later - sooner for sooner, later in pairwise(slots)) == pytest.approx(0.25)
