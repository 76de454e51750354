"""Adds up what the parts of one run did, and decides how the run ended."""

from collections.abc import Callable, Mapping
from dataclasses import astuple, dataclass, replace
from datetime import datetime

from sync.errors import HoldersyncError, LeaveError, ParkError
from sync.jobs.codes import Looked
from sync.jobs.collect import Collected
from sync.jobs.deliver import Delivered
from sync.ledger.budget import Spent
from sync.ledger.runs import RunKind, RunStart
from sync.model.summary import (
    CallCounts,
    CodeCount,
    CustomerCount,
    EventCount,
    OutcomeCount,
    Summary,
    exit_code,
    result_of,
)

UNAVAILABLE = LeaveError.exit_code
DEAD_LETTERED = 65


@dataclass(frozen=True, slots=True)
class Report:
    """How a run ended: its summary, its exit code, and what a person should hear.

    `problems` are one line each; `held_back` counts by campaign what the brake stopped.
    """

    summary: Summary
    exit_code: int
    problems: tuple[str, ...]
    new_letters: int
    held_back: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class Figures:
    """What only the ledger knows; None while it can't be asked."""

    spent: Spent | None = None
    pending: int | None = None
    dead_letters: int | None = None


class Tally:
    """One run's sums and reasons."""

    def __init__(self) -> None:
        self.figures = Figures()
        self.customers = CustomerCount()
        self.events = EventCount()
        self.outcomes = OutcomeCount()
        self.problems: list[str] = []
        self.reasons: set[int] = set()
        self.parked: ParkError | None = None
        self.codes = CodeCount()
        self.new_letters = 0
        self.held_back: dict[str, int] = {}
        self.delivery_ended = False
        self.reading_ended = False
        self._take_in: Callable[[], None] | None = None

    @property
    def exit_code(self) -> int:
        """The exit code that follows from all reasons so far."""
        return exit_code(self.reasons)

    def begins(self, take_in: Callable[[], None]) -> None:
        """Take in that a part begins; `take_in` adds up what it did until it is called."""
        self._take_in = take_in

    def cut_short(self, error: HoldersyncError) -> None:
        """Take in what ended the run in the middle of a part, and what that part did."""
        if self._take_in is not None:
            self._take_in()
        self.stopped(error)

    def stopped(self, error: HoldersyncError) -> None:
        """Take in an error that ended a part of the run; one without a text is told elsewhere."""
        self.reasons.add(error.exit_code)
        if str(error):
            self._tell(str(error))
        if isinstance(error, ParkError) and self.parked is None:
            self.parked = error

    def collected(self, collected: Collected) -> None:
        """Take in what was read."""
        self._take_in = None
        self.customers = collected.customers
        self._add_events(collected.events)
        if collected.stopped_by is not None:
            self.stopped(collected.stopped_by)
            self.reading_ended = True
        if collected.doubted is not None:
            self.stopped(collected.doubted)
        for failure in collected.failures:
            self._tell(failure)
        missed = collected.customers.failed + collected.customers.left
        if missed and not isinstance(collected.stopped_by, ParkError):
            self.reasons.add(UNAVAILABLE)
            self._tell(f"{missed} customers were not read in this run")

    def looked(self, looked: Looked) -> None:
        """Take in what the looks at codes did; what ends more than them is raised by the job."""
        self._take_in = None
        self.codes = looked.codes
        self.dead_lettered(looked.new_letters)
        for error in (looked.doubted, looked.ended_by):
            if error is not None:
                self.stopped(error)
        for failure in looked.failures:
            self._tell(failure)
        missed = looked.codes.failed + looked.codes.left
        if missed and not isinstance(looked.stopped_by or looked.ended_by, ParkError):
            self.reasons.add(UNAVAILABLE)
            self._tell(f"{missed} codes were not looked at in this run")

    def waiting(self, number: int) -> None:
        """Take in customers who are due and had no calls left in this run."""
        known = self.customers
        self.customers = replace(known, selected=known.selected + number, left=known.left + number)

    def dead_lettered(self, number: int) -> None:
        """Take in new dead letters that no page held."""
        self._add_events(EventCount(invalid=number))

    def delivered(self, delivered: Delivered) -> None:
        """Take in what the CRM was told."""
        self._take_in = None
        sums = map(sum, zip(astuple(self.outcomes), astuple(delivered.outcomes), strict=True))
        self.outcomes = OutcomeCount(*sums)
        self.held_back |= delivered.held_back or {}
        if delivered.new_letters:
            self.reasons.add(DEAD_LETTERED)
            self.new_letters += delivered.new_letters
        if delivered.unavailable:
            self.reasons.add(UNAVAILABLE)
            self._tell("the CRM could not take some unassignments; they stay pending")
        if delivered.stopped_by is not None:
            self.stopped(delivered.stopped_by)
        self.delivery_ended = delivered.ended

    def not_known(self, problem: str | None) -> None:
        """Take in what was not to be known of what customers hold; that ends nothing."""
        if problem is not None:
            self._tell(problem)

    def report(self, summary: Summary) -> Report:
        """Report a run that ended with this summary."""
        problems = tuple(self.problems)
        return Report(summary, self.exit_code, problems, self.new_letters, dict(self.held_back))

    def _add_events(self, events: EventCount) -> None:
        sums = map(sum, zip(astuple(self.events), astuple(events), strict=True))
        self.events = EventCount(*sums)
        if events.invalid:
            self.reasons.add(DEAD_LETTERED)
            self.new_letters += events.invalid

    def _tell(self, problem: str) -> None:
        if problem not in self.problems:
            self.problems.append(problem)


def not_begun(
    kind: RunKind, started_at: datetime, error: HoldersyncError, start: RunStart | None = None
) -> Report:
    """Report a run that ended before it began, named by `start` or not even that."""
    code = error.exit_code
    summary = Summary(
        run_id=start.run_id if start else None,
        kind=kind,
        result=result_of(code),
        parked_by=error.by if isinstance(error, ParkError) else None,
        started_at=started_at,
        finished_at=started_at,
        destination=start.destination if start else None,
        calls=CallCounts(cycle_used_by_us=None, cycle_share_left=None),
        pending=None,
        dead_letters=None,
        resume_after=error.resume_after if isinstance(error, ParkError) else None,
    )
    return Report(summary, code, (str(error),), 0, {})
