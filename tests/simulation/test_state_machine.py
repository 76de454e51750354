"""The same world and rules, with steps that hypothesis chooses, so that a failure is made short."""

from contextlib import contextmanager
from datetime import timedelta
from random import Random

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from sync.model.window import Window
from tests.simulation import payloads
from tests.simulation.bugs import lookback_ignored, newest_ignored, vanished_unasked
from tests.simulation.campaign import simulation
from tests.simulation.commands import Command
from tests.simulation.convergence import require_converged, unfinished
from tests.simulation.invariants import check_night
from tests.simulation.network import FAULTS
from tests.simulation.night import calm_nights, plays
from tests.simulation.promises import BrokenPromise
from tests.simulation.scripts import Script, ScriptedFate
from tests.simulation.universe import SLOTS, SQL, Choices, Universe

NUMBER = st.integers(0, 30)
"""Names somebody or something: the number is taken modulo how many there are."""
LATE = st.sampled_from([0.0, 0.0, 0.5, 0.95])
SCRIPTS = st.builds(
    Script,
    dies_at=st.none() | st.integers(0, 120),
    calls=st.lists(st.none() | st.sampled_from(FAULTS), max_size=6).map(tuple),
    writes=st.lists(st.sampled_from([None, "not done", "the answer was lost"]), max_size=3).map(
        tuple
    ),
    crm=st.sampled_from(["up", "up", "down"]),
)
TURNS = st.lists(st.integers(0, 20), max_size=6).map(tuple)


class Shop(RuleBasedStateMachine):
    """A small shop whose steps are drawn one by one."""

    simulated = None

    def __init__(self):
        super().__init__()
        self.universe = None
        self._is_broken = False

    @initialize(
        destinations=st.sampled_from([(SQL,), (SLOTS,), (SQL, SLOTS)]),
        page_size=st.sampled_from([2, 100]),
        on_gone=st.sampled_from(["dead-letter", "unassign"]),
        keeps_ids=st.booleans(),
        sources=st.sampled_from(["all", "all,holders", "holders"]),
    )
    def opens(self, destinations, page_size, on_gone, keeps_ids, sources):
        choices = Choices(
            customers=0,
            most=0,
            page_size=page_size,
            calls=2000,
            seconds=60,
            keeps_ids=keeps_ids,
            destinations=destinations,
            settings={
                "VOUCHERIFY_RATE": "2000/min",
                "HOLDERSYNC_INITIAL_LOOKBACK": "5d",
                "HOLDERSYNC_ON_CUSTOMER_GONE": on_gone,
            },
            sources=sources,
            hooks=True,
        )
        self.universe = Universe(choices, Random(0), *self.simulated)
        self.universe.fate = self.universe.machine.fate = ScriptedFate()
        for _ in range(2):
            self.universe.world.issues()
            self.joins()

    @rule()
    def joins(self):
        customer = self.world.joins()
        self.universe.slots.creates(customer.id)

    @precondition(lambda self: len(self.world.here()) > 1)
    @rule(who=NUMBER)
    def leaves(self, who):
        self.world.leaves(self._one_of(self.world.here(), who))

    @rule(who=NUMBER, what=NUMBER, late=LATE)
    def gets(self, who, what, late):
        customer = self._one_of(self.world.here(), who)
        held = {each.voucher for each in self.world.held_by(customer)}
        free = [each for each in self.world.issued() if each not in held]
        if free:
            self._gets(customer, self._one_of(free, what), late)

    @precondition(lambda self: self.world.standing())
    @rule(which=NUMBER, late=LATE, shape=st.sampled_from(payloads.SHAPES))
    def loses(self, which, late, shape):
        assignment = self._one_of(self.world.standing(), which)
        self.world.unassigns(assignment, late=late * self.lookback, shape=shape)

    @precondition(lambda self: self.world.standing())
    @rule(which=NUMBER, late=LATE)
    def gets_again(self, which, late):
        assignment = self._one_of(self.world.standing(), which)
        self.world.unassigns(assignment)
        self._gets(assignment.customer, assignment.voucher, late)

    @precondition(lambda self: self.world.standing())
    @rule(which=NUMBER, who=NUMBER)
    def loses_in_another_list(self, which, who):
        event = self.world.unassigns(self._one_of(self.world.standing(), which))
        others = [each for each in self.world.here() if each is not event.owner]
        if others:
            self.world.misfiles(event, self._one_of(others, who))

    @precondition(lambda self: self.world.standing())
    @rule(which=NUMBER)
    def ends_silently(self, which):
        self.world.ends_silently(self._one_of(self.world.standing(), which))

    @rule()
    def issues(self):
        self.world.issues()

    @precondition(lambda self: len(self.world.issued()) > 1)
    @rule(which=NUMBER)
    def deletes(self, which):
        self.world.deletes(self._one_of(self.world.issued(), which))

    @precondition(lambda self: self.world.hooks and self.universe.sight.horizon())
    @rule(script=SCRIPTS)
    def webhooks_come(self, script):
        sent, self.world.hooks = self.world.hooks, []
        destination = self.universe.choices.destinations[0]
        self._plays(script, Command(self.universe, "receive", destination, hooks=sent))

    @rule(who=NUMBER, how=st.sampled_from(sorted(payloads.NONSENSE)))
    def says_nonsense(self, who, how):
        self.world.says_nonsense(self._one_of(self.world.here(), who), how)

    @rule(hours=st.sampled_from([0.3, 2, 24]))
    def time_passes(self, hours):
        self.universe.clock.passes(hours * 3_600)

    @rule(days=st.sampled_from([-3, -0.05, 0.05, 3]))
    def clock_jumps(self, days):
        self.universe.clock.jumps(timedelta(days=days))

    @rule(to=NUMBER, script=SCRIPTS)
    def runs(self, to, script):
        self._plays(script, self._command("run", to))

    @rule(to=NUMBER, script=SCRIPTS, days=st.integers(0, 6))
    def backfills(self, to, script, days):
        self._plays(script, self._command("backfill", to, days))

    @rule(to=NUMBER, script=SCRIPTS, turns=TURNS, other=st.sampled_from(["run", "backfill"]))
    def runs_beside(self, to, script, turns, other):
        both = Script(script.dies_at, script.calls, script.writes, turns, script.crm)
        self._plays(both, self._command("run", to), self._command(other, to + 1))

    @invariant()
    def no_promise_is_broken(self):
        if self.universe is not None:
            with self._told():
                check_night(self.universe)

    def teardown(self):
        if self.universe is None:
            return
        try:
            if not self._is_broken:
                with self._told():
                    self._comes_right()
        finally:
            self.universe.close()

    @property
    def world(self):
        return self.universe.world

    @property
    def lookback(self):
        return self.universe.settings.lookback

    @contextmanager
    def _told(self):
        """Let hypothesis hear of a broken promise, which the tool must not be able to catch."""
        try:
            yield
        except BrokenPromise as promise:
            self._is_broken = True
            raise AssertionError(str(promise)) from promise

    def _comes_right(self):
        why = "no calm"
        for codes in calm_nights(self.universe):
            why = unfinished(self.universe)
            if why is None and not any(codes):
                return
        require_converged(why)

    def _command(self, kind, to, days=2):
        window = None
        if kind == "backfill":
            today = self.universe.clock.true.replace(hour=0, minute=0, second=0, microsecond=0)
            window = Window(today - timedelta(days=days), today + timedelta(days=1))
        destination = self._one_of(self.universe.choices.destinations, to)
        return Command(self.universe, kind, destination, window=window)

    def _plays(self, script, *commands):
        self.universe.fate.follows(script)
        with self._told():
            plays(self.universe, commands)

    def _gets(self, customer, voucher, late=0.0):
        assignment = self.world.assigns(customer, voucher, late=late * self.lookback)
        self.universe.rows.believes(assignment)
        self.universe.slots.believes(assignment)

    def _one_of(self, those, number):
        self.universe.clock.passes(0.002)
        return those[number % len(those)]


@pytest.fixture(scope="module")
def simulated():
    with simulation() as everything:
        yield everything


def play(simulated, examples, steps):
    class Here(Shop):
        pass

    Here.simulated = simulated
    run_state_machine_as_test(
        Here,
        settings=settings(
            max_examples=examples,
            stateful_step_count=steps,
            deadline=None,
            report_multiple_bugs=False,
            suppress_health_check=list(HealthCheck),
        ),
    )


def test_no_step_breaks_a_promise(simulated, long):
    play(simulated, examples=1_000 if long else 10, steps=30 if long else 15)


@pytest.mark.long_only
@pytest.mark.parametrize("bug", [lookback_ignored, newest_ignored, vanished_unasked])
def test_a_planted_bug_is_found_and_made_short(simulated, bug):
    with pytest.MonkeyPatch.context() as patch:
        bug(patch, simulated[0])
        with pytest.raises(AssertionError) as failed:
            play(simulated, examples=2_000, steps=12)

    told = [note for note in failed.value.__notes__ if note.startswith("state.")]
    steps = [note for note in told if "no_promise" not in note]
    assert 0 < len(steps) <= 10
