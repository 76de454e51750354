"""What an observed window still has for us: by answers, and by calls between two of them."""

import pytest

from sync.errors import ParkError
from sync.ledger.room import SAME_WINDOW, UNKNOWN_WINDOW, Room
from sync.model.allowance import Reserve
from sync.transport import Observed


@pytest.fixture
def shop(caller):
    """Told that 33 calls are left, of which 30 are the shop's; so three may be made."""
    shop = caller(reserve=Reserve(calls=30), max_wait=5)
    shop.call(Observed(remaining=33, resets_in=20))
    return shop


def started(shop, number):
    """Start calls that are not answered yet."""
    for _ in range(number):
        slot = shop.budget.reserve()
        while seconds := shop.budget.start(slot):
            shop.clock.wait(seconds)


def test_calls_that_start_between_two_answers_keep_the_reserve(shop):
    started(shop, 3)

    with pytest.raises(ParkError) as parked:
        started(shop, 1)

    assert parked.value.by == "reserve"


def test_when_the_window_has_ended_calls_start_again(shop):
    started(shop, 3)
    shop.clock.wait(20)

    started(shop, 3)


def test_an_answer_that_was_overtaken_gives_no_room_back():
    room = Room().told(3, 100.0, 20).told(5, 100.0, 20 + SAME_WINDOW)

    assert room.calls == 3


def test_the_next_window_begins_anew():
    room = Room().told(0, 100.0, 20).told(70, 121.0, 60)

    assert room == Room(70, 181.0)


def test_a_window_whose_end_was_told_wrongly_ends_when_a_later_answer_says():
    room = Room().told(0, 100.0, 10.0**10).told(0, 101.0, 19)

    assert room.is_used_up(119.9)
    assert not room.is_used_up(120.0)


def test_a_window_of_unknown_end_is_one_of_a_minute():
    room = Room().told(0, 100.0, None)

    assert room.is_used_up(100.0 + UNKNOWN_WINDOW - 0.1)
    assert not room.is_used_up(100.0 + UNKNOWN_WINDOW)


def test_before_any_answer_there_is_room():
    assert not Room().after_one().is_used_up(-1.0)
