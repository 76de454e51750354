"""A dry run tells, and never writes."""

import pytest

from sync.crm.adapter import Capability, Change, Outcome, Result, TellUserError
from sync.crm.dry_run import NOT_ASKED, DryRun


class Blind:
    """An adapter that can't look without writing; its writer blows up."""

    api_version = 1
    setting_names = frozenset()
    destination = "blind-1"
    capabilities = frozenset({Capability.REPORTS_NOT_FOUND})

    def __init__(self):
        self.closed = 0

    @classmethod
    def from_env(cls, _env):
        return cls()

    def check(self):
        msg = "the key is wrong"
        raise TellUserError(msg)

    def unassign(self, _batch):
        msg = "a dry run wrote"
        raise AssertionError(msg)

    def close(self):
        self.closed += 1


class Sighted(Blind):
    """The same, reading back."""

    capabilities = frozenset({Capability.READS_BACK})

    def preview(self, batch):
        return [Outcome(Result.ALREADY_REMOVED)] * len(batch)


def test_a_table_answers_what_it_would_and_stays_as_it_is(table, adapter, unassignment):
    table.fill("rh_1")
    before = table.path.read_bytes()
    dry_run = DryRun(adapter)
    batch = [unassignment("rh_1"), unassignment("rh_2"), unassignment("rh_1")]

    outcomes = dry_run.unassign(batch)

    assert [outcome.result for outcome in outcomes] == [
        Result.REMOVED,
        Result.ASSIGNMENT_NOT_FOUND,
        Result.ALREADY_REMOVED,
    ]
    assert table.path.read_bytes() == before


def test_a_table_that_is_not_there_yet_is_not_made(table, adapter, unassignment):
    DryRun(adapter).unassign([unassignment()])

    assert not table.path.exists()


def test_an_adapter_that_can_not_look_is_not_asked(unassignment):
    outcomes = DryRun(Blind()).unassign([unassignment("rh_1"), unassignment("rh_2")])

    assert outcomes == [NOT_ASKED, NOT_ASKED]
    assert NOT_ASKED.result is Result.REMOVED
    assert NOT_ASKED.reason == "not asked: this adapter can't look without writing"


def test_a_preview_method_without_the_capability_is_not_trusted(unassignment):
    class Undeclared(Sighted):
        capabilities = frozenset()

    assert DryRun(Undeclared()).unassign([unassignment()]) == [NOT_ASKED]


def test_a_capability_without_its_method_is_not_asked(unassignment):
    class Boasting(Blind):
        capabilities = frozenset({Capability.READS_BACK})

    assert DryRun(Boasting()).unassign([unassignment()]) == [NOT_ASKED]


def test_what_was_told_is_remembered_in_order(unassignment):
    dry_run = DryRun(Sighted())
    one, two = unassignment("rh_1"), unassignment("rh_2")

    dry_run.unassign([one])
    dry_run.unassign([two])
    dry_run.preview([one])

    told = Outcome(Result.ALREADY_REMOVED)
    assert dry_run.told == ((one, told), (two, told))


def test_an_adapter_that_asks_before_it_clears_asks_in_a_dry_run_too(unassignment):
    class Asking(Sighted):
        capabilities = frozenset({Capability.READS_BACK, Capability.CLEARS_BY_CODE})

        def ask_by(self, held_now):
            self.held_now = held_now

        def preview(self, batch):
            return [Outcome(Result.SUPERSEDED)] * len(self.held_now(batch))

    dry_run = DryRun(Asking())
    dry_run.ask_by(lambda batch: batch)

    assert dry_run.unassign([unassignment()]) == [Outcome(Result.SUPERSEDED)]


def test_it_stands_for_the_adapter_in_everything_else():
    adapter = Sighted()
    dry_run = DryRun(adapter)

    dry_run.close()

    assert dry_run.destination == "blind-1"
    assert dry_run.capabilities == {Capability.READS_BACK}
    assert adapter.closed == 1
    with pytest.raises(TellUserError, match="the key is wrong"):
        dry_run.check()


def test_what_would_change_is_told_and_not_answered(unassignment):
    """Nothing was changed, so whoever stores the answer has nothing to keep."""
    change = Change("17", {"code": "FRIEND-1"}, {"code": ""})

    class Telling(Sighted):
        def preview(self, batch):
            return [Outcome(Result.REMOVED, change=change)] * len(batch)

    dry_run = DryRun(Telling())

    assert dry_run.unassign([unassignment()]) == [Outcome(Result.REMOVED)]
    assert [outcome.change for _, outcome in dry_run.told] == [change]
