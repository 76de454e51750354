"""What a run says of itself: the exit code, and exactly these fields."""

import json
from datetime import UTC, datetime
from itertools import combinations

import pytest

from sync.errors import (
    AbortError,
    CredentialsRefusedError,
    CustomerGoneError,
    DeadLetterError,
    FailedError,
    HoldersyncError,
    LeaveError,
    ParkError,
    RefusedError,
    RetryError,
    TellUserError,
    UnavailableError,
    UnreadableError,
    VendorChangedError,
)
from sync.model.outcome import FINAL, Outcome, Result
from sync.model.summary import (
    CallCounts,
    CustomerCount,
    EventCount,
    OutcomeCount,
    Summary,
    exit_code,
    result_of,
)

STARTED = datetime(2026, 3, 1, 8, 0, 0, 5_999, tzinfo=UTC)
FINISHED = datetime(2026, 3, 1, 8, 1, tzinfo=UTC)
FIRST_THAT_APPLIES = [70, 78, 77, 75, 69, 65]


def summary(**changes):
    fields = {
        "run_id": "r1",
        "kind": "run",
        "result": "done",
        "parked_by": None,
        "started_at": STARTED,
        "finished_at": FINISHED,
        "destination": "sql:1",
    }
    return Summary(**(fields | changes))


def test_without_a_reason_the_run_ended_well():
    assert exit_code([]) == 0
    assert exit_code({0}) == 0


@pytest.mark.parametrize("count", range(1, len(FIRST_THAT_APPLIES) + 1))
def test_of_several_reasons_the_gravest_is_the_exit_code(count):
    for reasons in combinations(FIRST_THAT_APPLIES, count):
        assert exit_code(set(reasons) | {0}) == reasons[0]


@pytest.mark.parametrize(
    ("code", "result"),
    [
        (0, "done"),
        (65, "done"),
        (69, "unavailable"),
        (75, "parked"),
        (77, "failed"),
        (78, "failed"),
        (70, "failed"),
    ],
)
def test_an_exit_code_has_one_word(code, result):
    assert result_of(code) == result


def test_a_summary_prints_exactly_the_documented_fields():
    assert summary().as_json() == {
        "run_id": "r1",
        "kind": "run",
        "result": "done",
        "parked_by": None,
        "started_at": "2026-03-01T08:00:00.005Z",
        "finished_at": "2026-03-01T08:01:00.000Z",
        "destination": "sql:1",
        "customers": {"selected": 0, "asked": 0, "gone": 0, "failed": 0, "left": 0, "forgotten": 0},
        "codes": {
            "selected": 0,
            "looked": 0,
            "walked": 0,
            "vanished": 0,
            "gone": 0,
            "failed": 0,
            "left": 0,
        },
        "calls": {
            "made": 0,
            "retried": 0,
            "throttled": 0,
            "cycle_used_by_us": 0,
            "cycle_share_left": 0,
        },
        "events": {"read": 0, "matched": 0, "new": 0, "invalid": 0},
        "outcomes": {
            "removed": 0,
            "already_removed": 0,
            "superseded": 0,
            "contact_not_found": 0,
            "assignment_not_found": 0,
            "rejected": 0,
        },
        "pending": 0,
        "dead_letters": 0,
        "resume_after": None,
    }


def test_a_parked_run_says_by_what_and_until_when():
    told = summary(result="parked", parked_by="cycle", resume_after=FINISHED).as_json()

    assert (told["parked_by"], told["resume_after"]) == ("cycle", "2026-03-01T08:01:00.000Z")


def test_counts_are_printed_by_name():
    told = summary(
        customers=CustomerCount(1, 2, 3, 4, 5, 6),
        calls=CallCounts(1, 2, 3, 4, 5),
        events=EventCount(1, 2, 3, 4),
        outcomes=OutcomeCount(1, 2, 3, 4, 5, 6),
        pending=7,
        dead_letters=8,
    ).as_json()

    assert list(told["customers"].values()) == [1, 2, 3, 4, 5, 6]
    assert list(told["calls"].values()) == [1, 2, 3, 4, 5]
    assert list(told["events"].values()) == [1, 2, 3, 4]
    assert list(told["outcomes"].values()) == [1, 2, 3, 4, 5, 6]
    assert (told["pending"], told["dead_letters"]) == (7, 8)


def test_a_summary_is_json():
    assert json.loads(json.dumps(summary().as_json())) == summary().as_json()


def test_every_outcome_but_a_retry_is_counted_under_its_own_name():
    counted = {result.value for result in Result if result is not Result.RETRY}

    assert set(OutcomeCount.__dataclass_fields__) == counted


def test_only_what_needs_nobody_any_more_is_final():
    assert {result.value for result in FINAL} == {
        "removed",
        "already_removed",
        "superseded",
        "assignment_not_found",
    }


def test_a_refusal_and_a_retry_have_a_reason():
    assert Outcome.rejected("several") == Outcome(Result.REJECTED, "several")
    assert Outcome.retry("locked") == Outcome(Result.RETRY, "locked")


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (HoldersyncError, 70),
        (TellUserError, 78),
        (AbortError, 70),
        (CredentialsRefusedError, 77),
        (VendorChangedError, 70),
        (ParkError, 75),
        (RetryError, 69),
        (LeaveError, 69),
        (UnavailableError, 69),
        (FailedError, 69),
        (RefusedError, 69),
        (CustomerGoneError, 69),
        (UnreadableError, 69),
        (DeadLetterError, 65),
    ],
)
def test_every_error_has_the_exit_code_of_what_happens_next(error, code):
    assert error.exit_code == code
