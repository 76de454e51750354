"""When a stop leaves things behind, and how a signal becomes one."""

import os
import signal
import threading

import pytest

from sync.errors import ParkError
from sync.operate.stopping import (
    CRM_GRACE,
    FETCH_GRACE,
    LONGEST_END,
    ONE_SIGNAL,
    SECOND_END,
    Stop,
    handle,
    handlers,
    stopping_on_signals,
)

SOON = 10.0


class Clock:
    def __init__(self):
        self.seconds = 1_000.0

    def __call__(self):
        return self.seconds


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def stop(clock):
    return Stop(clock)


@pytest.fixture
def hanging():
    """Make calls that hang until the test is over."""
    may_end = threading.Event()

    def submit_to(workers):
        began = threading.Event()

        def call():
            began.set()
            may_end.wait(SOON)

        future = workers.submit(call)
        assert began.wait(SOON)
        return future

    yield submit_to
    may_end.set()


def test_nobody_is_stopped_before_anybody_asked(stop):
    stop.go_on()
    stop.wait(0)
    stop.leave_overdue()

    assert (stop.is_asked, stop.is_over) == (False, False)


@pytest.mark.parametrize("meet", [Stop.go_on, lambda stop: stop.wait(SOON)])
def test_whoever_goes_on_or_waits_after_the_stop_is_parked_by_the_signal(stop, meet):
    stop.ask()

    with pytest.raises(ParkError) as parked:
        meet(stop)

    assert (parked.value.by, parked.value.exit_code) == ("signal", 75)


def test_each_kind_of_call_has_its_own_time_to_end(stop, clock, hanging):
    fetch = hanging(stop.workers("fetch", 1, FETCH_GRACE))
    write = hanging(stop.workers("crm", 1, CRM_GRACE))
    stop.ask()

    ended = []
    for seconds in (0, FETCH_GRACE - 0.1, FETCH_GRACE, CRM_GRACE - 0.1, CRM_GRACE):
        clock.seconds = 1_000.0 + seconds
        stop.leave_overdue()
        ended.append((fetch.done(), write.done()))

    assert ended == [(False, False), (False, False), (True, False), (True, False), (True, True)]
    assert (fetch.exception().by, write.exception().by) == ("signal", "signal")


def test_who_has_to_be_done_first_is_done_first():
    assert FETCH_GRACE < CRM_GRACE < LONGEST_END < 5
    assert CRM_GRACE == 4


def test_a_call_that_ends_in_time_gives_its_result(stop, clock):
    workers = stop.workers("crm", 1, CRM_GRACE)
    stop.ask()
    clock.seconds += CRM_GRACE - 0.1
    stop.leave_overdue()

    assert workers.submit(str, "in time").result(SOON) == "in time"


def test_threads_that_are_made_after_the_stop_have_no_more_time_than_the_others(stop, clock):
    stop.ask()
    clock.seconds += FETCH_GRACE
    workers = stop.workers("fetch", 1, FETCH_GRACE)

    stop.leave_overdue()

    assert workers.submit(str).exception(0).by == "signal"


@pytest.mark.parametrize(("seconds", "is_over"), [(LONGEST_END - 0.1, False), (LONGEST_END, True)])
def test_an_orderly_end_has_its_time(stop, clock, seconds, is_over):
    stop.ask()
    clock.seconds += seconds

    assert stop.is_over is is_over


def test_a_second_signal_leaves_everything_behind_at_once(stop, clock, hanging):
    fetch = hanging(stop.workers("fetch", 1, FETCH_GRACE))
    write = hanging(stop.workers("crm", 1, CRM_GRACE))
    stop.ask()
    clock.seconds += ONE_SIGNAL
    stop.ask()
    stop.leave_overdue()

    assert (fetch.done(), write.done()) == (True, True)
    assert not stop.is_over
    clock.seconds += SECOND_END
    assert stop.is_over


def test_what_comes_twice_at_once_is_one_signal(stop, clock, hanging):
    write = hanging(stop.workers("crm", 1, CRM_GRACE))
    stop.ask()
    clock.seconds += ONE_SIGNAL - 0.01
    stop.ask()
    clock.seconds += SECOND_END
    stop.leave_overdue()

    assert (write.done(), stop.is_over) == (False, False)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_becomes_a_stop_without_the_main_thread(number):
    stop = Stop()
    heard = threading.Event()
    workers = stop.workers("fetch", 1, 0.0, on_leave=heard.set)

    with stopping_on_signals(stop):
        os.kill(os.getpid(), number)
        assert heard.wait(SOON)

    assert stop.is_asked
    assert workers.submit(str).exception(0).by == "signal"


def test_who_does_not_come_back_in_time_is_ended(clock):
    stop = Stop(clock)
    ended = threading.Event()

    with stopping_on_signals(stop, ended.set):
        os.kill(os.getpid(), signal.SIGTERM)
        with pytest.raises(ParkError):
            stop.wait(SOON)
        clock.seconds += LONGEST_END
        assert ended.wait(SOON)


def test_another_signal_is_no_stop():
    stop = Stop()
    handled = threading.Event()
    before = signal.signal(signal.SIGUSR1, lambda *_: handled.set())
    try:
        with stopping_on_signals(stop):
            os.kill(os.getpid(), signal.SIGUSR1)
            assert handled.wait(SOON)
    finally:
        signal.signal(signal.SIGUSR1, before)

    assert not stop.is_asked


def test_after_the_block_signals_mean_what_they_meant_before():
    before = [signal.getsignal(each) for each in (signal.SIGINT, signal.SIGTERM)]
    with stopping_on_signals(Stop()):
        pass

    assert [signal.getsignal(each) for each in (signal.SIGINT, signal.SIGTERM)] == before
    assert signal.set_wakeup_fd(-1) == -1
    assert "stop" not in {thread.name for thread in threading.enumerate()}


def test_until_somebody_says_what_they_mean_then_signals_mean_nothing():
    before = handlers()
    try:
        with stopping_on_signals(Stop(), restores=False):
            pass
        for number in (signal.SIGINT, signal.SIGTERM):
            os.kill(os.getpid(), number)
    finally:
        handle(before)

    assert handlers() == before
