"""What one run did, and the exit code that follows."""

from collections.abc import Collection, Mapping
from dataclasses import asdict, dataclass, field
from datetime import datetime
from typing import Any, Literal

from sync.errors import ParkedBy

RunResult = Literal["done", "parked", "unavailable", "failed"]

PRECEDENCE = (70, 78, 77, 75, 69, 65)
"""Several reasons in one run: the first of these that applies is the exit code, else 0."""
RESULTS: Mapping[int, RunResult] = {75: "parked", 69: "unavailable", 65: "done", 0: "done"}


@dataclass(frozen=True, slots=True)
class CustomerCount:
    """Customers: taken into the run, asked at least once, found deleted, failed, left, forgotten.

    `failed` answered in a way that asking again now would not change; `left` were not read to the
    end for any other reason. Both are read by the next run; who is forgotten is not taken in.
    """

    selected: int = 0
    asked: int = 0
    gone: int = 0
    failed: int = 0
    left: int = 0
    forgotten: int = 0


@dataclass(frozen=True, slots=True)
class CodeCount:
    """Referral codes: looked at, read to the end of their list, deleted, failed, left.

    `selected` are those whose look began, `vanished` the holders who were missing.
    """

    selected: int = 0
    looked: int = 0
    walked: int = 0
    vanished: int = 0
    gone: int = 0
    failed: int = 0
    left: int = 0


@dataclass(frozen=True, slots=True)
class CallCounts:
    """Calls to Voucherify: sent (retries included), retries, 429s; our count of the cycle.

    The ledger keeps the count of the cycle; None while it can't be asked.
    """

    made: int = 0
    retried: int = 0
    throttled: int = 0
    cycle_used_by_us: int | None = 0
    cycle_share_left: int | None = 0


@dataclass(frozen=True, slots=True)
class EventCount:
    """Events: received, of our type, valid and new, dead-lettered for the first time."""

    read: int = 0
    matched: int = 0
    new: int = 0
    invalid: int = 0


@dataclass(frozen=True, slots=True)
class OutcomeCount:
    """What the CRM answered in this run, by result."""

    removed: int = 0
    already_removed: int = 0
    superseded: int = 0
    contact_not_found: int = 0
    assignment_not_found: int = 0
    rejected: int = 0


@dataclass(frozen=True, slots=True)
class Summary:
    """One run, as `--json` prints it and the ledger keeps it; times are UTC.

    `pending` are the destination's deliveries still to make; `dead_letters` all that wait for a
    person; None while the ledger can't be asked. `resume_after` is when a parked run may go on,
    where that is known. A run that ended before it had its settings has no id and no destination.
    """

    run_id: str | None
    kind: Literal["run", "backfill"]
    result: RunResult
    parked_by: ParkedBy | None
    started_at: datetime
    finished_at: datetime
    destination: str | None
    customers: CustomerCount = field(default_factory=CustomerCount)
    codes: CodeCount = field(default_factory=CodeCount)
    calls: CallCounts = field(default_factory=CallCounts)
    events: EventCount = field(default_factory=EventCount)
    outcomes: OutcomeCount = field(default_factory=OutcomeCount)
    pending: int | None = 0
    dead_letters: int | None = 0
    resume_after: datetime | None = None

    def as_json(self) -> dict[str, Any]:
        """Give the fields as JSON knows them; times as ISO 8601 with `Z`."""
        return {name: _plain(value) for name, value in asdict(self).items()}


def exit_code(reasons: Collection[int]) -> int:
    """Decide the exit code of a run that had several reasons to end badly."""
    return next((code for code in PRECEDENCE if code in reasons), 0)


def result_of(code: int) -> RunResult:
    """Name an exit code in one word."""
    return RESULTS.get(code, "failed")


def _plain(value: object) -> object:
    if isinstance(value, datetime):
        return value.isoformat(timespec="milliseconds").replace("+00:00", "Z")
    return value
