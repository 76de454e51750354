"""Asks Voucherify what customers hold now, before a slot is cleared that holds only a code.

It adds to what the ledger's memory says and never takes away from it: where no answer is to be had,
the memory alone decides, and the run says so. The CRM's thread asks, and waits for the threads that
fetch; so a stop ends the waiting, and the ledger is left to the job's own thread.
"""

from collections import deque
from collections.abc import Mapping, Sequence
from concurrent.futures import Executor, Future
from dataclasses import dataclass, replace

from sync.errors import (
    CredentialsRefusedError,
    HoldersyncError,
    LeaveError,
    PermissionRefusedError,
)
from sync.jobs.enough import NO_STREAK, SAME_BEFORE_ANY, SAME_IN_A_ROW
from sync.jobs.ports import HoldingPages
from sync.model.unassignment import Assignment, CustomerId, Unassignment

AT_ONCE = 6
"""Customers that are asked about at the same time."""


@dataclass(frozen=True, slots=True)
class _Answer:
    """What a customer was seen to hold, and what kept the rest from being seen."""

    held: tuple[Assignment, ...]
    failure: HoldersyncError | None = None


class HeldLookup:
    """Knows what customers hold at this moment, for one run; implements `crm.adapter.HeldNow`.

    After a refused key, a park or a row of failures that are alike, nobody is asked any more in
    this run. The first customer is asked about alone, so that a refused key costs one call.

    Args:
        reader: fetches, in the executor's threads.
        executor: gives the threads; what it leaves behind is told by an error.
    """

    def __init__(self, reader: HoldingPages, executor: Executor) -> None:
        self._reader = reader
        self._executor = executor
        self._is_proven = False
        self._streak = NO_STREAK
        self._refused: CredentialsRefusedError | None = None
        self._is_over = False
        self._unknown: set[CustomerId] = set()
        self._why: HoldersyncError | None = None
        self._newer: dict[str, Assignment] = {}

    @property
    def refused(self) -> CredentialsRefusedError | None:
        """The refusal of the key itself: whoever else would ask now need not try."""
        return self._refused

    @property
    def problem(self) -> str | None:
        """What a person should hear: about how many customers nothing was to be known, and why."""
        if not self._unknown:
            return None
        why = self._why or "the reading had ended"
        return (
            f"{len(self._unknown)} customers have slots that hold only a code, and what they hold "
            f"now could not be read ({why}); there the ledger's memory decided"
        )

    def leave(self) -> None:
        """Ask nobody any more: something else ended the reading."""
        self._is_over = True

    def take_newer(self) -> tuple[Assignment, ...]:
        """Give what was seen to be newer since the last time, for the ledger's memory."""
        newer, self._newer = self._newer, {}
        return tuple(newer.values())

    def __call__(self, batch: Sequence[Unassignment]) -> Sequence[Unassignment]:
        """Give the same, each with the newest assignment that is known now; raises nothing."""
        held = self._held_by(list(dict.fromkeys(each.customer_id for each in batch)))
        return [self._told(each, held.get(each.customer_id, ())) for each in batch]

    def _told(self, about: Unassignment, held: Sequence[Assignment]) -> Unassignment:
        newest = newest_above(about, held)
        if newest is None:
            return about
        self._newer[newest.holder_id] = newest
        return replace(about, superseded_by=newest.holder_id)

    def _held_by(self, asked: Sequence[CustomerId]) -> Mapping[CustomerId, Sequence[Assignment]]:
        held: dict[CustomerId, Sequence[Assignment]] = {}
        waiting = deque(asked)
        under_way: deque[tuple[CustomerId, Future[_Answer]]] = deque()
        while waiting or under_way:
            if self._is_over:
                # What waits for a thread is not sent any more.
                under_way = deque(each for each in under_way if not each[1].cancel())
                waiting.clear()
            at_once = AT_ONCE if self._is_proven else 1
            while waiting and len(under_way) < at_once:
                who = waiting.popleft()
                under_way.append((who, self._executor.submit(self._read, who)))
            if under_way:
                who, future = under_way.popleft()
                held[who] = self._taken(who, future)
        self._unknown.update(each for each in asked if each not in held)
        return held

    def _read(self, customer_id: CustomerId) -> _Answer:
        """Fetch all pages; what was seen before a failure is kept."""
        found: list[Assignment] = []
        try:
            for page in self._reader.pages(customer_id):
                found += page
        except HoldersyncError as error:
            return _Answer(tuple(found), error)
        return _Answer(tuple(found))

    def _taken(self, customer_id: CustomerId, future: Future[_Answer]) -> Sequence[Assignment]:
        try:
            answer = future.result()
        except HoldersyncError as error:
            answer = _Answer((), error)
        if answer.failure is None:
            self._is_proven = True
            self._streak = NO_STREAK
        else:
            self._unknown.add(customer_id)
            self._failed(answer.failure)
        return answer.held

    def _failed(self, error: HoldersyncError) -> None:
        self._why = self._why or error
        if isinstance(error, LeaveError):
            self._streak = self._streak.after(error)
            if self._streak.length < (SAME_IN_A_ROW if self._is_proven else SAME_BEFORE_ANY):
                return
        self._is_over = True
        if isinstance(error, CredentialsRefusedError) and not isinstance(
            error, PermissionRefusedError
        ):
            self._refused = error


def newest_above(about: Unassignment, held: Sequence[Assignment]) -> Assignment | None:
    """Give the newest assignment that a slot with this code may show instead, if there is one.

    That is another one of the same customer, assigned later: of the same voucher, or of another one
    with the same code, since a code can be used again after its voucher was deleted for good. The
    same one counts if it was assigned again after its end.
    """

    def is_newer(each: Assignment) -> bool:
        same = each.holder_id == about.holder_id
        return each.assigned_at > (about.unassigned_at if same else about.assigned_at)

    def shows_the_code(each: Assignment) -> bool:
        same_code = (each.code or "").strip() == about.code.strip()
        return each.voucher_id == about.voucher_id or same_code

    newer = [each for each in held if is_newer(each) and shows_the_code(each)]
    return max(newer, key=lambda each: (each.assigned_at, each.holder_id), default=None)
