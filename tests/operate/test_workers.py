"""Threads whose calls can be left behind."""

import threading
from concurrent.futures import CancelledError, Executor, wait

import pytest

from sync.errors import ParkError
from sync.operate.workers import Workers

LEFT = ParkError("left behind", by="signal")
SOON = 10.0
"""Seconds; nothing here takes nearly as long unless it is broken."""


class Call:
    """A call that begins, waits until it may end, and tells how often it began."""

    def __init__(self):
        self.began = threading.Semaphore(0)
        self.may_end = threading.Event()
        self.ended = threading.Semaphore(0)

    def __call__(self, result=None):
        self.began.release()
        self.may_end.wait(SOON)
        self.ended.release()
        return result


@pytest.fixture
def call():
    call = Call()
    yield call
    call.may_end.set()


@pytest.fixture
def workers():
    made = []

    def make(number=2, **options):
        made.append(Workers("test", number, **options))
        return made[-1]

    yield make
    for each in made:
        each.shutdown()


def test_results_and_errors_come_as_from_any_executor(workers):
    mine = KeyError("mine")

    def fail():
        raise mine

    with workers() as pool:
        assert isinstance(pool, Executor)
        assert pool.submit(divmod, 7, 2).result(SOON) == (3, 1)
        assert pool.submit(dict, a=1).result(SOON) == {"a": 1}
        assert pool.submit(fail).exception(SOON) is mine
        assert list(pool.map(str, range(50))) == [str(number) for number in range(50)]


def test_what_ends_a_thread_ends_only_the_call(workers):
    pool = workers(1)

    with pytest.raises(SystemExit):
        pool.submit(exit).result(SOON)

    assert pool.submit(str, 1).result(SOON) == "1"


def test_no_more_calls_are_under_way_than_there_are_threads(workers, call):
    pool = workers(2)
    futures = [pool.submit(call, number) for number in range(5)]
    for _ in range(2):
        assert call.began.acquire(timeout=SOON)

    assert not call.began.acquire(blocking=False)
    assert [each.running() for each in futures] == [True, True, False, False, False]
    call.may_end.set()
    assert [each.result(SOON) for each in futures] == [0, 1, 2, 3, 4]


def test_one_thread_makes_all_calls_of_an_executor_of_one(workers):
    pool = workers(1)

    threads = {pool.submit(threading.get_ident).result(SOON) for _ in range(20)}

    assert len(threads) == 1
    assert threads != {threading.get_ident()}


def test_the_interpreter_never_waits_for_a_thread(workers):
    assert workers().submit(lambda: threading.current_thread().daemon).result(SOON)


def test_whoever_waits_for_what_is_left_behind_is_told_at_once(workers, call):
    pool = workers(1)
    under_way, in_line = pool.submit(call), pool.submit(call)
    call.began.acquire(timeout=SOON)

    pool.leave(LEFT)

    assert under_way.exception(0) is LEFT
    assert in_line.exception(0) is LEFT
    assert not wait([under_way, in_line], 0).not_done


def test_what_is_left_behind_gives_its_result_to_nobody(workers, call):
    pool = workers(1)
    under_way = pool.submit(call, "late")
    call.began.acquire(timeout=SOON)
    pool.leave(LEFT)

    call.may_end.set()
    assert call.ended.acquire(timeout=SOON)

    assert under_way.exception(0) is LEFT


def test_nothing_begins_after_the_others_were_left_behind(workers, call):
    pool = workers(1)
    pool.submit(call)
    in_line = pool.submit(call)
    call.began.acquire(timeout=SOON)
    pool.leave(LEFT)
    call.may_end.set()

    assert pool.submit(call).exception(0) is LEFT
    for thread in threading.enumerate():
        if thread.name == "test-0":
            thread.join(SOON)
    assert not call.began.acquire(blocking=False)
    assert in_line.exception(0) is LEFT


def test_what_was_taken_back_before_stays_cancelled(workers, call):
    pool = workers(1)
    pool.submit(call)
    taken_back = pool.submit(call)
    call.began.acquire(timeout=SOON)

    assert taken_back.cancel()
    pool.leave(LEFT)

    with pytest.raises(CancelledError):
        taken_back.result(0)


def test_leaving_is_told_once_and_the_first_reason_stays(workers):
    told = []
    pool = workers(on_leave=lambda: told.append("left"))

    pool.leave(LEFT)
    pool.leave(KeyError("another"))

    assert told == ["left"]
    assert pool.submit(str).exception(0) is LEFT


def test_it_is_busy_as_long_as_a_call_is_under_way_even_one_left_behind(workers, call):
    pool = workers(1)
    assert not pool.is_busy
    pool.submit(call)
    call.began.acquire(timeout=SOON)
    pool.leave(LEFT)

    assert pool.is_busy

    call.may_end.set()
    for thread in threading.enumerate():
        if thread.name == "test-0":
            thread.join(SOON)
    assert not pool.is_busy
