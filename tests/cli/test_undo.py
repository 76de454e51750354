"""What a person reads of an undo."""

from datetime import UTC, datetime

from sync.cli.undo import undoing_json, undoing_text
from sync.errors import ParkError
from sync.jobs.undo import Answer, Undoing
from sync.ledger.changes import KeptChange
from sync.ledger.runs import RunStart
from sync.model.change import Change, Restored, Undone

AT = datetime(2026, 3, 1, tzinfo=UTC)
RUN = RunStart("run-7", "run", "host-a", 4711, "crm-1", AT)
CLEARED = Change("17", {"code": "FRIEND-1", "at": ""}, {"code": "", "at": "2026"})


def answer(result, reason=None, change=CLEARED):
    kept = KeptChange(
        number=1, holder_id="rh_1", changed_at=AT, undone_at=None, ended_again=False, change=change
    )
    return Answer(kept, Restored(result, reason))


def test_each_change_is_a_row_with_holder_record_result_and_reason():
    undoing = Undoing(RUN, (answer(Undone.RESTORED), answer(Undone.REJECTED, "a rule forbids it")))

    text = undoing_text(undoing, dry_run=False)

    assert text.splitlines()[0] == "undo of run-7: 1 restored, 1 rejected"
    rows = [" ".join(line.split()) for line in text.splitlines()]
    assert "rh_1 17 restored" in rows
    assert "rh_1 17 rejected a rule forbids it" in rows
    assert "FRIEND-1" not in text


def test_fields_are_shown_where_nothing_is_written_yet():
    deleted = answer(Undone.REJECTED, "a record that was deleted", Change("18", {"code": "X"}, {}))

    text = undoing_text(Undoing(RUN, (answer(Undone.RESTORED), deleted)), dry_run=True)

    assert text.startswith("dry run, nothing was written: ")
    assert "code: (empty) -> FRIEND-1" in text
    assert "at: 2026 -> (empty)" in text
    assert "the record is deleted" in text


def test_what_is_left_or_not_known_is_said():
    stop = ParkError("stopped by a signal", by="signal")

    text = undoing_text(Undoing(RUN, before=3, unknown=2, left=4, stopped_by=stop), dry_run=False)

    assert "nothing left to write back" not in text
    assert "3 were written back by an undo before" in text
    assert "2 more were removed by it" in text
    assert "4 were not come to: say the same command again" in text


def test_the_object_has_fields_only_where_nothing_is_written_yet():
    undoing = Undoing(RUN, (answer(Undone.CHANGED_SINCE),))

    told = undoing_json(undoing, dry_run=False)
    (foretold,) = undoing_json(undoing, dry_run=True)["changes"]

    assert told == {
        "run_id": "run-7",
        "destination": "crm-1",
        "dry_run": False,
        "changes": [
            {"holder_id": "rh_1", "record_id": "17", "result": "changed_since", "reason": None}
        ],
        "undone_before": 0,
        "unknown": 0,
        "left": 0,
        "exit_code": 65,
    }
    assert (foretold["before"], foretold["after"]) == (CLEARED.before, CLEARED.after)
