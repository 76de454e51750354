"""Many callers on one ledger: threads, processes, and any order of what may happen."""

import signal
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from pathlib import Path
from tempfile import TemporaryDirectory

import hypothesis.strategies as st
import pytest
from hypothesis import HealthCheck, settings
from hypothesis.stateful import (
    RuleBasedStateMachine,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from sync.errors import ParkError
from sync.transport import Observed

SPEND = """
import sys, time
from datetime import UTC, datetime, timedelta
from sqlalchemy.engine import make_url
from sync.errors import ParkError
from sync.ledger.budget import Allowance, Budget
from sync.ledger.opening import open_existing
from sync.model.allowance import Rate, Reserve, Share

url, share, most = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
last_day = datetime(2026, 3, 31, 12, tzinfo=UTC)
budget = Budget(
    open_existing(make_url(url)),
    Allowance(Rate(5_000), Reserve(), Share(share, 1), timedelta(minutes=1)),
    now=lambda: last_day,
    monotonic=time.monotonic,
)
made = 0
try:
    while made < most:
        slot = budget.reserve()
        while seconds := budget.start(slot):
            time.sleep(seconds)
        made += 1
        budget.end(started=True)
except ParkError as error:
    assert error.by == "budget"
    budget.close()
print(made, flush=True)
time.sleep(0 if most > share else 60)
"""


@pytest.fixture
def spend(url, ledger):  # noqa: ARG001  # the ledger has to be there
    """Start a process that spends until the share is used up, or so many calls."""
    children = []

    def start(share, most=10_000):
        place = url.render_as_string(hide_password=False)
        command = [sys.executable, "-c", SPEND, place, str(share), str(most)]
        child = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        children.append(child)
        return child

    yield start
    for child in children:
        child.kill()
        child.communicate()


def test_processes_never_spend_more_than_the_share(spend):
    children = [spend(1_100) for _ in range(3)]

    made = [int(child.communicate(timeout=20)[0]) for child in children]

    assert sum(made) <= 1_100
    assert sum(made) > 1_100 - 3 * 50


def test_a_killed_process_loses_one_block_at_most(spend, caller, clock):
    child = spend(500, most=77)
    assert child.stdout.readline() == "77\n"

    child.send_signal(signal.SIGKILL)
    child.wait(10)

    clock.jump(days=21)
    left = caller(share=500).spend()[0]
    assert 500 - 77 - 50 <= left <= 500 - 77


class SharedClock:
    """A clock that threads share: who waits longest moves it."""

    def __init__(self, clock):
        self._clock = clock
        self._mutex = threading.Lock()

    def __call__(self):
        with self._mutex:
            return self._clock()

    def monotonic(self):
        with self._mutex:
            return self._clock.monotonic()

    def wait(self, seconds):
        with self._mutex:
            self._clock.wait(min(seconds, 0.02))


def test_threads_spend_the_share_to_the_last_call_and_keep_the_rate(ledger, clock, caller_of):
    clock.jump(days=21)
    shop = caller_of(ledger, SharedClock(clock), share=300, rate=20)
    began = []

    def work():
        try:
            while True:
                began.append(shop.call())
        except ParkError as error:
            return error.by

    with ThreadPoolExecutor(6) as threads:
        ends = [each.result() for each in [threads.submit(work) for _ in range(6)]]

    assert ends == ["budget"] * 6
    assert len(began) == 300
    began.sort()
    for first in range(0, 300, 7):
        for last in range(first, 300, 11):
            assert last - first + 1 <= (began[last] - began[first]) * 20 + 20 + 1e-6
    assert shop.budget.spent().used == 300


RATE, SHARE = 4, 3_000


class Sharing(RuleBasedStateMachine):
    """Two processes that are closed, killed and started anew, in any order with the time."""

    def __init__(self, ledger_in, caller_of, clock):
        super().__init__()
        self._caller_of = caller_of
        self._clock = clock
        self._folder = TemporaryDirectory(prefix="holdersync-test-")
        self._ledger = ledger_in(Path(self._folder.name))
        self._calls = []
        self._parked = []
        self._alive = [self._new(), self._new()]

    def _new(self):
        return self._caller_of(self._ledger, self._clock, rate=RATE, share=SHARE, max_wait=5)

    who = st.integers(0, 1)

    @rule(who=who, number=st.integers(1, 9))
    def call(self, who, number):
        for _ in range(number):
            try:
                began = self._alive[who].call()
            except ParkError as error:
                self._parked.append((error.by, error.resume_after > self._clock()))
                return
            self._calls.append((self._clock().date(), began))

    @rule(who=who)
    def give_up_before_the_start(self, who):
        budget = self._alive[who].budget
        try:
            budget.reserve()
        except ParkError:
            return
        budget.end(started=False)

    @rule(who=who)
    def close_and_start_anew(self, who):
        self._alive[who].budget.close()
        self._alive[who] = self._new()

    @rule(who=who)
    def kill_and_start_anew(self, who):
        self._alive[who] = self._new()

    @rule(seconds=st.floats(0.01, 90))
    def wait(self, seconds):
        self._clock.wait(seconds)

    @precondition(lambda self: len({day for day, _ in self._calls}) < 4)
    @rule()
    def sleep_until_tomorrow(self):
        self._clock.wait(86_400)

    @rule(who=who, resets_in=st.one_of(st.none(), st.floats(0.5, 20)), refused=st.booleans())
    def observe(self, who, resets_in, refused):
        self._alive[who].budget.observe(Observed(remaining=0, resets_in=resets_in, refused=refused))

    @rule(who=who)
    def refuse_the_cycle(self, who):
        self._alive[who].budget.refuse_cycle()
        self._alive[who] = self._new()

    @invariant()
    def a_day_spends_its_share_at_most(self):
        by_day = {}
        for day, _ in self._calls:
            by_day[day] = by_day.get(day, 0) + 1
        used = 0
        for day, made in by_day.items():
            # A block that was leased before midnight may be used after it.
            share = -(-(SHARE - used) // (32 - day.day if day.month == 3 else 31))
            assert made <= share + 2 * RATE
            used += made

    @invariant()
    def the_rate_is_kept_in_any_window(self):
        began = [each for _, each in self._calls][-120:]
        assert all(one <= two for one, two in pairwise(began))
        for first in range(len(began)):
            for last in range(first, len(began), 5):
                span = began[last] - began[first]
                assert last - first + 1 <= span * RATE + 1 + 2 * RATE + 1e-6

    @invariant()
    def who_parks_says_when_to_go_on(self):
        assert set(self._parked) <= {(by, True) for by in ("budget", "reserve", "rate")}

    @invariant()
    def the_count_is_never_below_what_was_made(self):
        with self._ledger.read_only() as connection:
            used = connection.exec_driver_sql("SELECT used FROM budget").scalar() or 0
        assert used >= len(self._calls)

    def teardown(self):
        self._ledger.close()
        self._folder.cleanup()


def test_whatever_happens_the_share_and_the_rate_are_kept(ledger_in, caller_of, clock_at):
    run_state_machine_as_test(
        lambda: Sharing(ledger_in, caller_of, clock_at()),
        settings=settings(
            max_examples=25, stateful_step_count=30, suppress_health_check=[HealthCheck.too_slow]
        ),
    )
