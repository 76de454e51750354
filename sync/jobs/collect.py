"""Reads the activity of customers and stores what it held, page by page.

Worker threads only fetch. The job's own thread stores each page together with how far it was read,
and only then asks for the next page of that customer. So memory holds one page per worker and a
few in line, however many customers there are and however long a history is.
"""

from collections.abc import Callable, Iterator
from concurrent.futures import FIRST_COMPLETED, Executor, Future, wait
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Protocol

from sync.errors import (
    CustomerGoneError,
    FailedError,
    HoldersyncError,
    LeaveError,
    RefusedError,
    UnreadableError,
    VendorChangedError,
)
from sync.jobs.gone import OnCustomerGone, what_follows
from sync.jobs.pages import Reading, advanced, begin
from sync.jobs.watch import Watch
from sync.ledger.findings import Stored
from sync.ledger.reading import Known
from sync.model.event import Finding, Gone, Page
from sync.model.summary import CustomerCount, EventCount
from sync.model.unassignment import Assignment, CustomerId
from sync.model.window import Bookmark, Window, moved_cursor

SAME_IN_A_ROW = 5
"""So many customers ending alike, one after the other, end the reading."""


class Progress(Protocol):
    """Where a run, or a backfill, keeps what was found and how far it read."""

    def page_read(
        self,
        customer_id: CustomerId,
        findings: tuple[Finding, ...],
        bookmark: Bookmark | None,
        now: datetime,
    ) -> Stored:
        """Store a page and where to go on."""

    def window_read(
        self,
        customer_id: CustomerId,
        findings: tuple[Finding, ...],
        cursor: datetime | None,
        now: datetime,
    ) -> Stored:
        """Store the last page of a window."""

    def restart(self, customer_id: CustomerId) -> None:
        """Drop a bookmark that was refused."""

    def held_by(self, customer_id: CustomerId) -> tuple[Assignment, ...]:
        """Give what a customer is known to hold."""

    def gone(self, gone: Gone, now: datetime) -> Stored:
        """Store that a customer was deleted."""


class PageReader(Protocol):
    """Fetches one page; called in worker threads."""

    def fetch(self, customer_id: CustomerId, window: Window, after: str | None) -> Page:
        """Read the page behind the event `after`, or the first one."""


@dataclass(frozen=True, slots=True)
class Collected:
    """What a collection did; `stopped_by` is what ended it before everybody was asked."""

    customers: CustomerCount
    events: EventCount
    stopped_by: HoldersyncError | None = None


@dataclass(frozen=True, slots=True)
class Streak:
    """Customers that ended alike, one after the other."""

    signature: str = ""
    length: int = 0

    def with_one(self, signature: str) -> "Streak":
        """Count one more; another signature begins anew."""
        return Streak(signature, self.length + 1 if signature == self.signature else 1)


class Collector:
    """One collection.

    Args:
        reader: fetches pages, in the executor's threads.
        progress: stores pages; called in this thread only.
        executor: runs fetches; one that runs them at once works too.
        in_line: fetches under way or waiting for a worker, at most.
        on_gone: what a deleted customer's known assignments become.
        window_of: decides the window of a customer that has no bookmark.
        now: the local time, UTC.
        watch: told how far it is; raises to end the collection.
    """

    def __init__(
        self,
        reader: PageReader,
        progress: Progress,
        executor: Executor,
        *,
        in_line: int,
        on_gone: OnCustomerGone,
        window_of: Callable[[Known], Window],
        now: Callable[[], datetime],
        watch: Watch,
    ) -> None:
        self._reader = reader
        self._progress = progress
        self._executor = executor
        self._in_line = in_line
        self._on_gone = on_gone
        self._window_of = window_of
        self._now = now
        self._watch = watch
        self._in_flight: dict[Future[Page], Reading] = {}
        self._customers = CustomerCount()
        self._events = EventCount()
        self._complete = 0
        self._streak = Streak()
        self._stopped_by: HoldersyncError | None = None

    def collect(self, customers: Iterator[Known], *, selected: int, proven: bool) -> Collected:
        """Read everybody; the first call is made alone unless the key is `proven` already.

        What is under way when something ends the reading is still stored.
        """
        in_line = self._in_line if proven else 1
        while self._top_up(customers, in_line):
            done, _ = wait(self._in_flight, return_when=FIRST_COMPLETED)
            for future in [each for each in self._in_flight if each in done]:
                self._take(future, self._in_flight.pop(future))
            self._look_up()
            in_line = self._in_line
            self._watch.read(self._ended(), selected)
        left = max(0, selected - self._ended())
        count = replace(self._customers, selected=selected, left=left)
        return Collected(count, self._events, self._stopped_by)

    def _top_up(self, customers: Iterator[Known], in_line: int) -> bool:
        while self._stopped_by is None and len(self._in_flight) < in_line:
            known = next(customers, None)
            if known is None:
                break
            self._fetch(begin(known, self._window_of(known)))
        return bool(self._in_flight)

    def _ended(self) -> int:
        return self._complete + self._customers.gone + self._customers.failed

    def _fetch(self, reading: Reading) -> None:
        future = self._executor.submit(
            self._reader.fetch, reading.known.customer_id, reading.window, reading.after
        )
        self._in_flight[future] = reading

    def _take(self, future: Future[Page], reading: Reading) -> None:
        failure = future.exception()
        if reading.fresh and (failure is None or isinstance(failure, LeaveError)):
            self._customers = replace(self._customers, asked=self._customers.asked + 1)
        try:
            self._store(reading, future.result())
        except LeaveError as error:
            self._leave(reading, error)
        except HoldersyncError as error:
            self._stopped_by = self._stopped_by or error

    def _look_up(self) -> None:
        try:
            self._watch.go_on()
        except HoldersyncError as error:
            self._stopped_by = self._stopped_by or error

    def _store(self, reading: Reading, page: Page) -> None:
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

    def _finish(self, reading: Reading, page: Page) -> None:
        began = reading.server_time or page.server_time
        cursor = moved_cursor(reading.known.cursor, reading.newest, began)
        customer_id = reading.known.customer_id
        stored = self._progress.window_read(customer_id, page.findings, cursor, self._now())
        self._count(stored)
        self._complete += 1
        self._streak = Streak()

    def _go_on(self, reading: Reading) -> None:
        if self._stopped_by is None:
            self._fetch(reading)

    def _leave(self, reading: Reading, error: LeaveError) -> None:
        customer_id = reading.known.customer_id
        if reading.resumed and isinstance(error, RefusedError):
            self._progress.restart(customer_id)
            known = replace(reading.known, bookmark=None)
            self._go_on(replace(begin(known, self._window_of(known)), fresh=False))
        elif isinstance(error, CustomerGoneError):
            held = self._progress.held_by(customer_id)
            gone = what_follows(customer_id, held, self._on_gone, self._now())
            self._count(self._progress.gone(gone, self._now()))
            self._customers = replace(self._customers, gone=self._customers.gone + 1)
            self._streak = Streak()
        else:
            self._fail(error)

    def _fail(self, error: LeaveError) -> None:
        signature = error.signature if isinstance(error, FailedError) else "unavailable"
        if isinstance(error, FailedError):
            self._customers = replace(self._customers, failed=self._customers.failed + 1)
        self._streak = self._streak.with_one(signature)
        if self._streak.length < SAME_IN_A_ROW or self._stopped_by is not None:
            return
        self._stopped_by = _too_many(error)

    def _count(self, stored: Stored) -> None:
        self._events = replace(
            self._events,
            new=self._events.new + stored.new,
            invalid=self._events.invalid + stored.invalid,
        )


def _too_many(error: LeaveError) -> HoldersyncError:
    told = f"{SAME_IN_A_ROW} customers in a row ended alike, the last one with: {error}"
    if isinstance(error, FailedError):
        return VendorChangedError(f"{told}. Voucherify may have changed; nothing more is asked")
    return LeaveError(f"{told}. Nothing more is asked in this run")
