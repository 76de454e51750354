"""Looks at referral codes: who vanished from one names a customer to ask.

Worker threads only fetch, a whole look each; the job's own thread compares and stores it. What a
look tells is never an unassignment: that is read, and validated, in the customer's activity.
"""

from collections.abc import Callable, Iterator
from concurrent.futures import FIRST_COMPLETED, Executor, Future, wait
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from sync.errors import (
    CodeGoneError,
    FailedError,
    HoldersyncError,
    LeaveError,
    ParkError,
    PermissionRefusedError,
    UnavailableError,
)
from sync.jobs.enough import (
    ASK_AGAIN_AFTER,
    NO_STREAK,
    SAME_BEFORE_ANY,
    SAME_IN_A_ROW,
    Streak,
    nobody_found,
    too_many_alike,
    too_many_gone,
)
from sync.jobs.ports import HolderPages, Watch
from sync.jobs.selection import HOT_SPAN, code_wait, failed_wait, is_hot, looked
from sync.jobs.snapshot import Look, Snapshot, compared, look, needs_walk
from sync.ledger.codes import (
    campaign_heat,
    known_holders,
    last_look,
    postpone_codes,
    pull_forward,
    remembered_holders,
    store_failed,
    uncover_codes,
)
from sync.ledger.due_codes import DueCode
from sync.ledger.gone_codes import store_code_gone
from sync.ledger.ledger import Ledger
from sync.ledger.looks import StoredLook, store_look
from sync.model.planning import Price, Shop
from sync.model.summary import CodeCount

LOOK_UP_AFTER = 0.2
"""Seconds after which a slow answer doesn't keep us from hearing that we should stop."""
TOLD_BY_NAME = 5
FOLLOWED_AFTER = 4
"""Where no code could be looked at for this part of the longest wait, holders are read instead."""


@dataclass(frozen=True, slots=True)
class LookRules:
    """What bounds the looks of a run.

    Args:
        in_line: looks under way or waiting for a worker, at most.
        longest: a list is read to its end at least so often.
        ids_rise: holder ids were seen to rise with time, and never to fall.
        gone_at_most: a person's word: so many deleted codes are believed, however many.
        pages_at_most: a list that is longer is not read; None if each is.
    """

    in_line: int
    longest: timedelta
    ids_rise: bool = False
    gone_at_most: int = 0
    pages_at_most: int | None = None


@dataclass(frozen=True, slots=True)
class Looked:
    """What the looks of a run did; before all were made, `stopped_by` ended them and the run.

    `watched` is in holder-seconds. `new_letters` are codes that were deleted while somebody held
    them. `ended_by` ended the looks alone: holders may not or can't be read, or all seem deleted.
    """

    codes: CodeCount
    watched: float = 0.0
    new_letters: int = 0
    stopped_by: HoldersyncError | None = None
    doubted: ParkError | None = None
    failures: tuple[str, ...] = ()
    ended_by: HoldersyncError | None = None


class CodeLooks:
    """The looks of one run.

    Args:
        reader: fetches pages, in the executor's threads.
        ledger: where looks are stored; used in this thread only.
        run_id: marks what is found, and takes whoever vanished into this run.
        executor: runs fetches; one that runs them at once works too.
        rules: what bounds them.
        shop: what was seen to vanish until now.
        price: what a look is worth.
        now: the local time, UTC.
        watch: raises to end the looks.
    """

    def __init__(
        self,
        reader: HolderPages,
        ledger: Ledger,
        run_id: str,
        executor: Executor,
        rules: LookRules,
        *,
        shop: Shop,
        price: Price,
        now: Callable[[], datetime],
        watch: Watch,
    ) -> None:
        self._reader = reader
        self._ledger = ledger
        self._run_id = run_id
        self._executor = executor
        self._rules = rules
        self._shop = shop
        self._price = price
        self._now = now
        self._watch = watch
        self._under_way: dict[Future[Look], tuple[DueCode, datetime]] = {}
        self._done = Looked(CodeCount())
        self._gone: list[DueCode] = []
        self._streak: Streak = NO_STREAK
        self._proven = False

    def look(self, due: Iterator[DueCode]) -> Looked:
        """Look at each of these codes once; one by one until one was answered.

        What is under way when something ends the looks is still stored, unless that is the ledger.
        """
        try:
            while self._top_up(due):
                done, _ = wait(self._under_way, LOOK_UP_AFTER, FIRST_COMPLETED)
                for future in [each for each in self._under_way if each in done]:
                    self._take(future, *self._under_way.pop(future))
                self._watch.go_on()
            self._record_gone()
        except HoldersyncError as error:
            self._stop(error)
            self._finish()
        return self.so_far()

    def so_far(self) -> Looked:
        """Tell what was stored until now."""
        return self._done

    def _top_up(self, due: Iterator[DueCode]) -> bool:
        in_line = self._rules.in_line if self._proven else 1
        while not self._is_over and len(self._under_way) < in_line:
            code = next(due, None)
            if code is None:
                break
            now = self._now()
            walk = needs_walk(code, now, self._rules.longest, ids_rise=self._rules.ids_rise)
            future = self._executor.submit(
                look, self._reader, code, walk=walk, pages_at_most=self._rules.pages_at_most
            )
            self._under_way[future] = (code, now)
            self._count(selected=1)
        return bool(self._under_way)

    @property
    def _is_over(self) -> bool:
        return self._done.stopped_by is not None or self._done.ended_by is not None

    def _stop(self, error: HoldersyncError) -> None:
        """End the looks and the run: what waits for a worker is not sent any more."""
        if self._done.stopped_by is None:
            self._done = replace(self._done, stopped_by=error)
        self._cancel()

    def _end(self, error: HoldersyncError) -> None:
        """End the looks alone."""
        if self._done.ended_by is None:
            self._done = replace(self._done, ended_by=error)
        self._cancel()

    def _cancel(self) -> None:
        left = {each: code for each, code in self._under_way.items() if not each.cancel()}
        self._count(left=len(self._under_way) - len(left))
        self._under_way = left

    def _finish(self) -> None:
        """Store what was under way; a ledger that is lost keeps nothing."""
        for future, (code, began) in list(self._under_way.items()):
            try:
                self._take(future, code, began)
            except HoldersyncError:
                self._count(left=1)
        self._under_way.clear()

    def _take(self, future: Future[Look], code: DueCode, began: datetime) -> None:
        try:
            seen = future.result()
        except CodeGoneError:
            self._proven, self._streak = True, NO_STREAK
            self._gone.append(code)
            if doubt := nobody_found(*self._absence(), what="codes"):
                self._end(doubt)
        except LeaveError as error:
            self._leave(code, error)
        except PermissionRefusedError as error:
            self._count(left=1)
            uncover_codes(self._ledger, self._now())
            self._end(PermissionRefusedError(f"no more codes are looked at in this run: {error}"))
        except HoldersyncError as error:
            self._count(left=1)
            self._stop(error)
        else:
            self._proven, self._streak = True, NO_STREAK
            self._store(code, began, seen)

    def _leave(self, code: DueCode, error: LeaveError) -> None:
        self._count(**{"failed" if isinstance(error, FailedError) else "left": 1})
        wait = code_wait(code.history, self._shop, self._price)
        due_at = self._now().timestamp() + failed_wait(code.failures + 1, wait)
        store_failed(self._ledger, code.voucher_id, self._run_id, due_at)
        self._streak = self._streak.after(error)
        if len(self._done.failures) < TOLD_BY_NAME:
            told = f"code {code.voucher_id} was not looked at: {error}"
            self._done = replace(self._done, failures=(*self._done.failures, told))
        is_down = isinstance(error, UnavailableError) and not self._proven
        if self._streak.length >= (SAME_BEFORE_ANY if is_down else SAME_IN_A_ROW):
            self._end(too_many_alike(error, "no more codes are looked at"))
            self._follow_holders(self._now())

    def _follow_holders(self, now: datetime) -> None:
        """Let holders be read one by one, if it is long since a code could be looked at."""
        # A look that seems still to come was dated by a clock that was ahead.
        if not timedelta() <= now - last_look(self._ledger) < self._rules.longest / FOLLOWED_AFTER:
            uncover_codes(self._ledger, now)

    def _store(self, code: DueCode, began: datetime, seen: Look) -> None:
        changed = self._compared(code, seen)
        held_for = max(0.0, (began - code.looked_at).total_seconds()) if code.looked_at else 0.0
        vanished = len(changed.vanished)
        history = looked(code.history, held_for, seen.total, vanished, seen.calls)
        due_at = began.timestamp() + code_wait(history, self._shop, self._price)
        store_look(
            self._ledger,
            StoredLook(
                voucher_id=code.voucher_id,
                began=began,
                since=code.looked_at or began,
                total=seen.total,
                newest=seen.newest,
                walked=seen.walked,
                history=history,
                due_at=due_at,
                appeared=[replace(each, code=each.code or code.code) for each in changed.appeared],
                vanished=changed.vanished,
                missing=changed.missing,
                back=changed.back,
            ),
            self._run_id,
        )
        self._count(looked=1, walked=int(seen.walked), vanished=vanished)
        watched = self._done.watched + code.history.holders * held_for
        self._done = replace(self._done, watched=watched)
        if vanished and code.campaign_id:
            self._feel(code.campaign_id, began)

    def _compared(self, code: DueCode, seen: Look) -> Snapshot:
        if not seen.walked:
            return Snapshot(appeared=seen.holders)
        known = known_holders(self._ledger, code.voucher_id)
        remembered = remembered_holders(self._ledger, code.voucher_id)
        return compared(known, remembered, seen.holders)

    def _feel(self, campaign_id: str, now: datetime) -> None:
        """Look at all codes of a campaign soon if it seems to be ending."""
        since = now - timedelta(seconds=HOT_SPAN)
        vanished, held = campaign_heat(self._ledger, campaign_id, since)
        if is_hot(vanished, held, self._shop):
            pull_forward(self._ledger, campaign_id, now)

    def _record_gone(self) -> None:
        """Believe that codes were deleted, unless so many say so that it may be an error."""
        doubted = too_many_gone(*self._absence(), what="codes")
        if doubted is not None:
            self._done = replace(self._done, doubted=doubted)
            again = self._now() + ASK_AGAIN_AFTER
            postpone_codes(self._ledger, [each.voucher_id for each in self._gone], again)
            return
        for code in self._gone:
            is_new = store_code_gone(self._ledger, code, self._run_id, self._now())
            self._done = replace(self._done, new_letters=self._done.new_letters + is_new)
        self._count(gone=len(self._gone))

    def _absence(self) -> tuple[int, int, int]:
        return len(self._gone), self._done.codes.looked, self._rules.gone_at_most

    def _count(self, **more: int) -> None:
        counted = self._done.codes
        sums = {name: getattr(counted, name) + number for name, number in more.items()}
        self._done = replace(self._done, codes=replace(counted, **sums))
