"""Writes back what a run changed in the CRM, where the CRM still shows what the run left.

What became of each change is stored after each batch, so an undo that was killed can be said again.
The deliveries stay as they are: no later run does again what was undone.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass
from datetime import datetime

from sync.crm.adapter import Capability, Change, Destination, Restored, Restores, Undone
from sync.errors import HoldersyncError, LeaveError, TellUserError
from sync.jobs.asked import asked
from sync.ledger.changes import (
    KEPT,
    KeptChange,
    LaterChange,
    changes_of,
    count_unknown,
    drop_old_now,
    later_changes,
    store_undone,
)
from sync.ledger.ledger import Ledger
from sync.ledger.runs import RunStart, run_named
from sync.model.summary import exit_code

BATCH = 100
UNAVAILABLE = LeaveError.exit_code
NOT_WRITTEN_BACK = 65
ENDED_AGAIN = Restored(
    Undone.CHANGED_SINCE, "a later event ended this assignment again, so it is over all the same"
)
NOT_TRIED = Restored(Undone.RETRY, "not tried: the CRM took nothing of the batch before")


@dataclass(frozen=True, slots=True)
class Answer:
    """What became of one change, or would."""

    kept: KeptChange
    restored: Restored


@dataclass(frozen=True, slots=True)
class Undoing:
    """What an undo did, or would do; answers are newest first.

    `before`: what was written back by an earlier undo. `unknown`: what the run removed without
    anybody knowing what it changed. `left`: what was not come to, because of `stopped_by`.
    """

    run: RunStart
    answers: tuple[Answer, ...] = ()
    before: int = 0
    unknown: int = 0
    left: int = 0
    stopped_by: HoldersyncError | None = None

    @property
    def exit_code(self) -> int:
        """0 if the CRM shows again what was there before; else the first reason that applies."""
        results = {each.restored.result for each in self.answers}
        reasons = {self.stopped_by.exit_code} if self.stopped_by else set()
        if Undone.RETRY in results:
            reasons.add(UNAVAILABLE)
        if self.unknown or results - {Undone.RESTORED, Undone.ALREADY_RESTORED, Undone.RETRY}:
            reasons.add(NOT_WRITTEN_BACK)
        return exit_code(reasons)


@dataclass(frozen=True, slots=True)
class UndoRules:
    """What an undo works with; `executor` and `heartbeat` as a delivery has them."""

    dry_run: bool
    now: Callable[[], datetime]
    heartbeat: Callable[[], None]
    executor: Executor | None = None


def undo(ledger: Ledger, destination: Destination, run_id: str, rules: UndoRules) -> Undoing:
    """Write back what a run, or a backfill, changed; with a dry run only ask what would be.

    Raises:
        TellUserError: there is no such run, its changes are not kept any more, it wrote elsewhere,
            or the adapter can't write back.
    """
    if not rules.dry_run:
        drop_old_now(ledger, rules.now())
    run = _require_run(ledger, destination, run_id)
    adapter = _require_restores(destination)
    kept = changes_of(ledger, run_id, rules.now())
    if not kept and run.started_at < rules.now() - KEPT:
        msg = (
            f"the run {run_id} began on {run.started_at:%Y-%m-%d}; what it changed was kept for "
            f"{KEPT.days} days and is erased, so it can't be undone any more"
        )
        raise TellUserError(msg)
    to_undo = [each for each in kept if each.undone_at is None]
    work = _Work(ledger, destination.destination, adapter, rules)
    stopped_by = work.done(to_undo, later_changes(ledger, run_id))
    return Undoing(
        run,
        answers=tuple(work.told(each) for each in to_undo if each.number in work.answers),
        before=len(kept) - len(to_undo),
        unknown=count_unknown(ledger, run_id),
        left=len(to_undo) - len(work.answers),
        stopped_by=stopped_by,
    )


class _Work:
    """One undo on its way; `answers` is what became of changes, by number."""

    def __init__(
        self, ledger: Ledger, destination: str, adapter: Restores, rules: UndoRules
    ) -> None:
        self.answers: dict[int, Restored] = {}
        self._ledger = ledger
        self._destination = destination
        self._adapter = adapter
        self._rules = rules

    def told(self, kept: KeptChange) -> Answer:
        return Answer(kept, self.answers[kept.number])

    def done(
        self, to_undo: Sequence[KeptChange], later: Sequence[LaterChange]
    ) -> HoldersyncError | None:
        """Do what can be done; give what ended it before the end."""
        by_itself = over(to_undo, later)
        open_ones = [each for each in to_undo if each.number not in by_itself]
        try:
            self._store(by_itself)
            for batch in in_batches(open_ones):
                self._rules.heartbeat()
                answers = self._asked(batch)
                self._store(answers)
                if all(each.result is Undone.RETRY for each in answers.values()):
                    break
        except HoldersyncError as error:
            return error
        for each in open_ones:
            self.answers.setdefault(each.number, NOT_TRIED)
        return None

    def _asked(self, batch: Sequence[KeptChange]) -> dict[int, Restored]:
        changes = [each.change for each in batch]
        told = asked(
            self._destination,
            lambda: self._adapter.restore(changes, dry_run=self._rules.dry_run),
            Restored,
            len(batch),
            executor=self._rules.executor,
            then="what was asked last is not stored as written back",
        )
        return {each.number: answer for each, answer in zip(batch, told, strict=True)}

    def _store(self, answers: Mapping[int, Restored]) -> None:
        if answers and not self._rules.dry_run:
            results = {number: answer.result for number, answer in answers.items()}
            store_undone(self._ledger, results, self._rules.now())
        self.answers |= answers


def over(to_undo: Sequence[KeptChange], later: Sequence[LaterChange]) -> dict[int, Restored]:
    """Give by number which changes must not be written back, whatever the CRM shows.

    The CRM can show what we left and yet have shown something newer in between, that ended as well.
    """
    by_record: dict[str, list[LaterChange]] = {}
    for each in later:
        by_record.setdefault(each.change.record_id, []).append(each)
    decided = (
        (each.number, _over(each, by_record.get(each.change.record_id, ()))) for each in to_undo
    )
    return {number: answer for number, answer in decided if answer is not None}


def _over(kept: KeptChange, later_there: Sequence[LaterChange]) -> Restored | None:
    if kept.ended_again:
        return ENDED_AGAIN
    for each in later_there:
        if each.number > kept.number and _ended_something_newer(kept.change, each.change):
            reason = f"the run {each.run_id} ended something newer in the same fields"
            return Restored(Undone.CHANGED_SINCE, reason)
    return None


def _ended_something_newer(change: Change, later: Change) -> bool:
    return any(
        later.after.get(field) == left and later.before.get(field) != left
        for field, left in change.after.items()
    )


def in_batches(changes: Sequence[KeptChange]) -> Iterator[Sequence[KeptChange]]:
    """Give the changes in batches; all of one record together, newest first.

    So what one of them leaves is known when the next one is compared, in a dry run too.
    """
    by_record: dict[str, list[KeptChange]] = {}
    for each in changes:
        by_record.setdefault(each.change.record_id, []).append(each)
    batch: list[KeptChange] = []
    for group in by_record.values():
        if batch and len(batch) + len(group) > BATCH:
            yield batch
            batch = []
        batch = [*batch, *group]
    if batch:
        yield batch


def _require_run(ledger: Ledger, destination: Destination, run_id: str) -> RunStart:
    run = run_named(ledger, run_id)
    if run is None:
        msg = f"the ledger knows no run {run_id}: holdersync status lists the last ones"
        raise TellUserError(msg)
    if run.start.destination != destination.destination:
        msg = (
            f"the run {run_id} wrote to {run.start.destination}, and {destination.destination} is "
            "configured now: undo it with the settings that it had"
        )
        raise TellUserError(msg)
    return run.start


def _require_restores(destination: Destination) -> Restores:
    if Capability.RESTORES in destination.capabilities and isinstance(destination, Restores):
        return destination
    msg = (
        f"the adapter of {destination.destination} can't write back what it cleared: nothing can "
        "be undone by this tool"
    )
    raise TellUserError(msg)
