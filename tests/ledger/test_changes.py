"""What deliveries changed is kept for an undo: with its settlement, 30 days, for nothing else."""

from contextlib import closing
from datetime import timedelta

import pytest

from sync.ledger.changes import KEPT, changes_of, count_unknown, later_changes, store_undone
from sync.ledger.deliveries import Deliveries
from sync.ledger.destinations import admit
from sync.ledger.opening import open_existing
from sync.ledger.runs import RunStart, start_run
from sync.ledger.scheduled import RunProgress
from sync.ledger.scratch import scratch_copy
from sync.ledger.tables import changes
from sync.model.change import Change, Undone
from sync.model.delivery import Settlement, Status
from sync.model.outcome import Outcome, Result

ODD = {"code": "A\0\ud800;\u00e9", "": " "}
CLEARED = Change("17", {"code": "FRIEND-1", "at": ""}, {"code": "", "at": "today"})


@pytest.fixture
def found(ledger, unassigned, now):
    """Let these be found, in the order of their events, each by an event of its own."""
    admit(ledger, "crm-1", now)
    admit(ledger, "crm-2", now)
    reading = RunProgress(ledger, "run-0", now)

    def found(*holder_ids, **about):
        for holder_id in holder_ids:
            reading.page_read("cust_1", [unassigned(holder_id, **about)], None, now)

    return found


@pytest.fixture
def settle(ledger, now):
    """Take up what is due, and store that the CRM removed these with these changes."""

    def settle(changed, run_id="run-1", destination="crm-1", at=now, meanwhile=lambda: None):
        queue = Deliveries(ledger, destination, run_id)
        queue.enqueue()
        queue.due(at, 100, None)
        meanwhile()
        queue.settle(
            [
                Settlement(who, Status.DELIVERED, Outcome(Result.REMOVED, change=change))
                for who, change in changed.items()
            ],
            at,
        )

    return settle


def start(ledger, run_id, at):
    start_run(ledger, RunStart(run_id, "run", "host-a", 1, "crm-1", at))


def test_a_change_is_given_back_as_it_was_newest_first(found, settle, ledger, now):
    found("rh_1", "rh_2")
    odd = Change("18", ODD, dict.fromkeys(ODD, ""))

    settle({"rh_1": CLEARED, "rh_2": odd})

    kept = changes_of(ledger, "run-1", now)
    assert [(each.holder_id, each.change) for each in kept] == [("rh_2", odd), ("rh_1", CLEARED)]
    assert {(each.changed_at, each.undone_at, each.ended_again) for each in kept} == {
        (now, None, False)
    }


def test_what_a_change_held_is_not_shown_in_passing(found, settle, ledger, now):
    found("rh_1", "rh_2")
    settle({"rh_1": CLEARED})
    settle({"rh_2": CLEARED}, "run-2")

    assert "FRIEND-1" not in repr(changes_of(ledger, "run-1", now))
    assert "FRIEND-1" not in repr(later_changes(ledger, "run-1"))


@pytest.mark.parametrize(
    "outcome",
    [
        Outcome(Result.REMOVED),
        Outcome(Result.ALREADY_REMOVED, change=CLEARED),
        Outcome(Result.RETRY, "busy", change=CLEARED),
    ],
)
def test_what_was_not_changed_or_not_told_is_not_kept(found, ledger, rows, now, outcome):
    found("rh_1")
    queue = Deliveries(ledger, "crm-1", "run-1")
    queue.enqueue()

    queue.settle([Settlement("rh_1", Status.DELIVERED, outcome)], now)

    assert rows(ledger, changes) == []


def test_a_change_is_stored_with_its_settlement_or_not_at_all(found, settle, ledger, rows, now):
    found("rh_1")

    unstorable = Change("18", {}, {})
    object.__setattr__(unstorable, "before", {"at": now})

    with pytest.raises(TypeError):
        settle({"rh_1": CLEARED, "rh_2": unstorable})

    assert rows(ledger, changes) == []
    assert Deliveries(ledger, "crm-1", "run-2").pending() == 1


def test_what_was_changed_is_kept_though_a_later_event_opened_it_again_meanwhile(
    found, settle, ledger, now
):
    found("rh_1")
    later = {"event_id": "evcus_later", "unassigned_at": now}

    settle({"rh_1": CLEARED}, meanwhile=lambda: found("rh_1", **later))

    (kept,) = changes_of(ledger, "run-1", now)
    assert (kept.change, kept.ended_again) == (CLEARED, True)
    assert Deliveries(ledger, "crm-1", "run-2").pending() == 1


def test_a_later_event_of_the_same_assignment_is_known(found, settle, ledger, now):
    found("rh_1", "rh_2")
    settle({"rh_1": CLEARED, "rh_2": CLEARED})

    found("rh_1", event_id="evcus_later", unassigned_at=now)

    told = {each.holder_id: each.ended_again for each in changes_of(ledger, "run-1", now)}
    assert told == {"rh_1": True, "rh_2": False}


def test_later_changes_are_those_of_other_runs_in_the_same_records_that_stand(
    found, settle, ledger, now
):
    found(*"abcdefg")
    same, other = CLEARED, Change("18", {"code": "X"}, {"code": ""})
    settle({"a": same}, "run-0")
    settle({"b": same, "c": same}, "run-1")
    settle({"d": same, "e": other}, "run-2")
    settle({"f": same}, "run-3")
    settle({"g": same}, "run-4", destination="crm-2")
    undone = changes_of(ledger, "run-3", now)[0].number
    store_undone(ledger, {undone: Undone.RESTORED}, now)

    assert [(each.run_id, each.change) for each in later_changes(ledger, "run-1")] == [
        ("run-2", same)
    ]


@pytest.mark.parametrize("result", Undone)
def test_only_what_is_written_back_is_done_with(*, found, settle, ledger, rows, now, result):
    found("rh_1")
    settle({"rh_1": CLEARED})
    later = now + timedelta(minutes=5)

    store_undone(ledger, {changes_of(ledger, "run-1", now)[0].number: result}, later)

    is_done = result in {Undone.RESTORED, Undone.ALREADY_RESTORED}
    (kept,) = changes_of(ledger, "run-1", now)
    assert kept.undone_at == (later if is_done else None)
    assert rows(ledger, changes)[0]["undo_result"] == result


def test_a_run_erases_what_was_kept_for_30_days(found, settle, ledger, rows, now):
    found("rh_1", "rh_2")
    settle({"rh_1": CLEARED}, at=now - KEPT - timedelta(microseconds=1))
    settle({"rh_2": CLEARED}, at=now - KEPT)

    start(ledger, "run-9", now)

    assert [row["holder_id"] for row in rows(ledger, changes)] == ["rh_2"]


def test_what_is_too_old_is_not_given_though_no_run_has_erased_it_yet(found, settle, ledger, now):
    found("rh_1")
    settle({"rh_1": CLEARED})

    assert len(changes_of(ledger, "run-1", now + KEPT)) == 1
    assert changes_of(ledger, "run-1", now + KEPT + timedelta(seconds=1)) == ()


def test_a_clock_that_was_ahead_keeps_nothing_longer(found, settle, ledger, rows, now):
    found("rh_1")
    settle({"rh_1": CLEARED}, at=now + timedelta(days=400))
    start(ledger, "run-2", now)

    start(ledger, "run-3", now + KEPT + timedelta(seconds=1))

    assert rows(ledger, changes) == []


def test_what_a_run_removed_without_a_word_is_counted(found, settle, ledger):
    found("rh_1", "rh_2", "rh_3")
    settle({"rh_1": CLEARED, "rh_2": None})
    settle({"rh_3": None}, "run-2")

    assert [count_unknown(ledger, each) for each in ("run-1", "run-2", "run-3")] == [1, 1, 0]


def test_a_copy_for_a_dry_run_has_nothing_of_it(found, settle, rows, url):
    found("rh_1")
    settle({"rh_1": CLEARED})

    with scratch_copy(url) as scratch:
        assert rows(scratch, changes) == []
        assert scratch.engine.dialect.name == "sqlite"

    with closing(open_existing(url)) as again:
        assert len(rows(again, changes)) == 1
