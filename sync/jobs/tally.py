"""Adds up what the parts of one run did, and decides how the run ended."""

from collections.abc import Mapping
from dataclasses import astuple, dataclass

from sync.errors import HoldersyncError, LeaveError, ParkError
from sync.jobs.collect import Collected
from sync.jobs.deliver import Delivered
from sync.ledger.runs import RunStart
from sync.model.summary import CustomerCount, EventCount, OutcomeCount, Summary

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


class Tally:
    """One run's sums and reasons."""

    def __init__(self) -> None:
        self.customers = CustomerCount()
        self.events = EventCount()
        self.outcomes = OutcomeCount()
        self.problems: list[str] = []
        self.reasons: set[int] = set()
        self.parked: ParkError | None = None
        self.new_letters = 0
        self.held_back: dict[str, int] = {}
        self.delivery_ended = False

    def stopped(self, error: HoldersyncError) -> None:
        """Take in an error that ended a part of the run."""
        self.reasons.add(error.exit_code)
        self._tell(str(error))
        if isinstance(error, ParkError) and self.parked is None:
            self.parked = error

    def collected(self, collected: Collected) -> None:
        """Take in what was read."""
        self.customers = collected.customers
        self._add_events(collected.events)
        if collected.stopped_by is not None:
            self.stopped(collected.stopped_by)
        if collected.doubted is not None:
            self.stopped(collected.doubted)
        for failure in collected.failures:
            self._tell(failure)
        missed = collected.customers.failed + collected.customers.left
        if missed and not isinstance(collected.stopped_by, ParkError):
            self.reasons.add(UNAVAILABLE)
            self._tell(f"{missed} customers were not read in this run")

    def dead_lettered(self, number: int) -> None:
        """Take in new dead letters that no page held."""
        self._add_events(EventCount(invalid=number))

    def delivered(self, delivered: Delivered) -> None:
        """Take in what the CRM was told."""
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

    def _add_events(self, events: EventCount) -> None:
        sums = map(sum, zip(astuple(self.events), astuple(events), strict=True))
        self.events = EventCount(*sums)
        if events.invalid:
            self.reasons.add(DEAD_LETTERED)
            self.new_letters += events.invalid

    def _tell(self, problem: str) -> None:
        if problem not in self.problems:
            self.problems.append(problem)


def not_begun(start: RunStart, error: ParkError) -> Report:
    """Report a run that could not begin because another one is at work."""
    summary = Summary(
        run_id=start.run_id,
        kind=start.kind,
        result="parked",
        parked_by=error.by,
        started_at=start.started_at,
        finished_at=start.started_at,
        destination=start.destination,
    )
    return Report(summary, error.exit_code, (str(error),), 0, {})
