"""Reads the activity of customers and stores what it held, page by page.

Worker threads only fetch. The job's own thread stores each page together with how far it was read,
and only then asks for the next page of that customer. So memory holds one page per worker and a
few in line, however many customers there are and however long a history is.
"""

from collections.abc import Callable, Iterator
from concurrent.futures import FIRST_COMPLETED, Executor, Future, wait
from dataclasses import dataclass, replace
from datetime import datetime

from sync.errors import (
    CustomerGoneError,
    FailedError,
    HoldersyncError,
    LeaveError,
    ParkError,
    RefusedError,
    UnreadableError,
)
from sync.jobs.enough import (
    ASK_AGAIN_AFTER,
    NO_STREAK,
    SAME_IN_A_ROW,
    Streak,
    nobody_found,
    shown,
    too_many_alike,
    too_many_gone,
)
from sync.jobs.gone import OnCustomerGone, what_follows
from sync.jobs.pages import CustomerWindow, advanced, begin
from sync.jobs.ports import PageReader, Watch
from sync.ledger.findings import Stored
from sync.ledger.reading import Known, Progress
from sync.model.event import Page
from sync.model.summary import CustomerCount, EventCount
from sync.model.unassignment import CustomerId
from sync.model.window import Bookmark, Window, moved_cursor

TOLD_BY_NAME = 5
"""So many customers that failed are told of one by one."""
LOOK_UP_AFTER = 0.2
"""Seconds after which a slow answer doesn't keep us from hearing that we should stop."""


@dataclass(frozen=True, slots=True)
class Collected:
    """What a collection did; `stopped_by` is what ended it before everybody was asked.

    `doubted` is the brake, when more customers than can be believed are said to be deleted.
    `failures` tells of the first customers that could not be read, which one and why.
    """

    customers: CustomerCount
    events: EventCount
    stopped_by: HoldersyncError | None = None
    failures: tuple[str, ...] = ()
    doubted: ParkError | None = None


@dataclass(frozen=True, slots=True)
class CollectRules:
    """What bounds a collection.

    Args:
        in_line: fetches under way or waiting for a worker, at most.
        on_gone: what a deleted customer's known assignments become.
        gone_at_most: a person's word: so many deleted customers are believed, however many.
    """

    in_line: int
    on_gone: OnCustomerGone
    gone_at_most: int = 0


class Collector:
    """One collection.

    Args:
        reader: fetches pages, in the executor's threads.
        progress: stores pages; called in this thread only.
        executor: runs fetches; one that runs them at once works too.
        rules: what bounds it.
        window_of: decides the window of a customer that has no bookmark.
        now: the local time, UTC.
        watch: told how far it is; raises to end the collection.
    """

    def __init__(
        self,
        reader: PageReader,
        progress: Progress,
        executor: Executor,
        rules: CollectRules,
        *,
        window_of: Callable[[Known], Window],
        now: Callable[[], datetime],
        watch: Watch,
    ) -> None:
        self._reader = reader
        self._progress = progress
        self._executor = executor
        self._rules = rules
        self._window_of = window_of
        self._now = now
        self._watch = watch
        self._in_flight: dict[Future[Page], CustomerWindow] = {}
        self._customers = CustomerCount()
        self._events = EventCount()
        self._complete = 0
        self._gone: list[CustomerId] = []
        self._unknown: list[CustomerId] = []
        self._not_again: set[CustomerId] = set()
        self._failures: list[str] = []
        self._streak = NO_STREAK
        self._stopped_by: HoldersyncError | None = None
        self._doubted: ParkError | None = None
        self._selected = 0

    def collect(
        self, customers: Iterator[Known], *, selected: int, proven: bool, streak: Streak = NO_STREAK
    ) -> Collected:
        """Read everybody, then those who were hinted at meanwhile, each of them once.

        Calls are made one by one until one was answered, unless the key is `proven` already. What
        is under way when something ends the reading is still stored, unless that is the ledger.
        """
        self._proven, self._streak, self._selected = proven, streak, selected
        try:
            self._read(customers)
            while hinted := self._hinted_meanwhile():
                self._read(iter(hinted))
            # Those who were hinted at meanwhile came on top of those who were selected.
            self._selected = self._complete + self._progress.selected()
            self._progress.drop_unknown(self._unknown)
            self._record_gone()
        except HoldersyncError as error:
            self._stop(error)
        return self.so_far()

    def so_far(self) -> Collected:
        """Tell what was stored until now, and who is left."""
        told = tuple(self._failures)
        return Collected(self._counted(), self._events, self._stopped_by, told, self._doubted)

    def _counted(self) -> CustomerCount:
        count = self._customers
        known = max(self._selected, count.asked)
        left = known - self._complete - count.failed - count.gone
        return replace(count, selected=known, left=max(0, left), forgotten=self._progress.forgotten)

    def _read(self, customers: Iterator[Known]) -> None:
        while self._top_up(customers):
            done, _ = wait(self._in_flight, LOOK_UP_AFTER, FIRST_COMPLETED)
            for future in [each for each in self._in_flight if each in done]:
                if reading := self._in_flight.pop(future, None):
                    self._take(future, reading)
            self._look_up()
            ended = self._complete + self._customers.failed + len(self._gone)
            self._watch.read(ended, self._selected)

    def _hinted_meanwhile(self) -> list[Known]:
        if self._stopped_by is not None:
            return []
        # Nobody is asked again who could not be read in this run.
        hinted = self._progress.hinted_meanwhile()
        return [known for known in hinted if known.customer_id not in self._not_again]

    def _top_up(self, customers: Iterator[Known]) -> bool:
        in_line = self._rules.in_line if self._proven else 1
        while self._stopped_by is None and len(self._in_flight) < in_line:
            known = next(customers, None)
            if known is None:
                break
            if known.customer_id in self._not_again:
                continue
            self._fetch(begin(known, self._window_of(known)))
        return bool(self._in_flight)

    def _fetch(self, reading: CustomerWindow) -> None:
        who = reading.known.customer_id
        future = self._executor.submit(self._reader.fetch, who, reading.window, reading.after)
        self._in_flight[future] = reading

    def _stop(self, error: HoldersyncError) -> None:
        """End the reading: what waits for a worker is not sent any more."""
        self._stopped_by = self._stopped_by or error
        under_way = self._in_flight.items()
        self._in_flight = {each: place for each, place in under_way if not each.cancel()}

    def _take(self, future: Future[Page], reading: CustomerWindow) -> None:
        if future.cancelled():
            return
        failure = future.exception()
        if reading.fresh and (failure is None or isinstance(failure, LeaveError)):
            self._customers = replace(self._customers, asked=self._customers.asked + 1)
        try:
            self._store(reading, future.result())
        except LeaveError as error:
            self._leave(reading, error)
        except HoldersyncError as error:
            self._stop(error)
            if failure is None:
                self._in_flight.clear()  # each of them might wait as long for the ledger

    def _look_up(self) -> None:
        try:
            self._watch.go_on()
        except HoldersyncError as error:
            self._stop(error)

    def _store(self, reading: CustomerWindow, page: Page) -> None:
        self._proven = True
        self._events = replace(
            self._events,
            read=self._events.read + page.read,
            matched=self._events.matched + page.matched,
        )
        customer_id = reading.known.customer_id
        try:
            moved = advanced(reading, page)
        except UnreadableError:
            self._count(self._progress.page_read(customer_id, page.findings, None, self._now()))
            raise
        if moved.after is None:
            self._finish(moved, page)
        else:
            began = moved.server_time or page.server_time
            mark = Bookmark(moved.window, moved.after, began, moved.newest)
            self._count(self._progress.page_read(customer_id, page.findings, mark, self._now()))
            self._go_on(moved)

    def _finish(self, reading: CustomerWindow, page: Page) -> None:
        began = reading.server_time or page.server_time
        cursor = moved_cursor(reading.known.cursor, reading.newest, began)
        customer_id = reading.known.customer_id
        now, bookmark = self._now(), reading.known.bookmark
        stored = self._progress.window_read(
            customer_id,
            reading.window,
            page.findings,
            cursor,
            now,
            began=began,
            looked_from=bookmark.newest if bookmark else None,
        )
        self._count(stored)
        self._complete += 1
        self._streak = NO_STREAK

    def _go_on(self, reading: CustomerWindow) -> None:
        if self._stopped_by is None:
            self._fetch(reading)

    def _leave(self, reading: CustomerWindow, error: LeaveError) -> None:
        customer_id = reading.known.customer_id
        if reading.resumed and isinstance(error, RefusedError):
            self._progress.restart(customer_id)
            known = replace(reading.known, bookmark=None)
            self._go_on(replace(begin(known, self._window_of(known)), fresh=False))
        elif isinstance(error, CustomerGoneError) and self._progress.is_known(customer_id):
            self._proven = True
            self._streak = NO_STREAK
            self._gone.append(customer_id)
            self._not_again.add(customer_id)
            if doubt := nobody_found(*self._absence()):
                self._stop(doubt)
        elif isinstance(error, CustomerGoneError):
            self._unknown.append(customer_id)
            self._fail(customer_id, error, "Voucherify never knew it: see where this id comes from")
        else:
            self._fail(customer_id, error, str(error))
            self._progress.failed(customer_id, self._now())
            self._streak = self._streak.after(error)
            if self._streak.length >= SAME_IN_A_ROW:
                self._stop(too_many_alike(error))

    def _fail(self, customer_id: CustomerId, error: LeaveError, why: str) -> None:
        self._not_again.add(customer_id)
        if isinstance(error, FailedError):
            self._customers = replace(self._customers, failed=self._customers.failed + 1)
        if len(self._failures) < TOLD_BY_NAME:
            self._failures.append(f"customer {shown(customer_id)} was not read: {why}")

    def _record_gone(self) -> None:
        """Believe that customers were deleted, unless so many say so that it may be an error.

        Decided at the end, since nobody asks for a deleted customer again.
        """
        self._doubted = too_many_gone(*self._absence())
        if self._doubted is not None:
            # They are not asked for a while, or they alone would be from now on.
            self._progress.postpone(self._gone, self._now() + ASK_AGAIN_AFTER)
            return
        for customer_id in self._gone:
            held, told = self._progress.held_by(customer_id), self._progress.told_of(customer_id)
            follows = what_follows(customer_id, held, self._rules.on_gone, self._now(), told)
            self._count(self._progress.gone(follows, self._now()))
        self._customers = replace(self._customers, gone=len(self._gone))

    def _absence(self) -> tuple[int, int, int]:
        return len(self._gone), self._complete, self._rules.gone_at_most

    def _count(self, stored: Stored) -> None:
        self._events = replace(
            self._events,
            new=self._events.new + stored.new,
            invalid=self._events.invalid + stored.invalid,
        )
