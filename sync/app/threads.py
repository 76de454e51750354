"""What lies between the job's own thread and those that fetch."""

import threading
from collections.abc import Iterator
from concurrent.futures import Executor
from datetime import datetime
from typing import Generic, Protocol, TypeVar

from sync.jobs.ports import Lister
from sync.operate.stopping import stopped
from sync.transport import Observed, Pacer
from sync.voucherify.customers import CustomerPage


class Gate:
    """A pacer's only door for fetches: once it is shut, none of them counts or stores any more.

    A fetch that was left behind may get its answer at any time, and what it would count is kept in
    the ledger, which others may hold by then.
    """

    def __init__(self, pacer: Pacer) -> None:
        self._pacer = pacer
        self._lock = threading.Lock()
        self._is_shut = False

    def shut(self) -> None:
        """Let nobody in any more; who is inside goes on."""
        self._is_shut = True

    def close(self) -> None:
        """Let nobody in any more, and wait for who is inside."""
        self.shut()
        with self._lock:
            pass

    def reserve(self) -> float:
        """Pass on; raise `ParkError` once it is shut."""
        with self._lock:
            self._require_open()
            return self._pacer.reserve()

    def start(self, slot: float) -> float:
        """Pass on; raise `ParkError` once it is shut."""
        with self._lock:
            self._require_open()
            return self._pacer.start(slot)

    def end(self, *, started: bool) -> None:
        """Pass on, unless it is shut."""
        with self._lock:
            if not self._is_shut:
                self._pacer.end(started=started)

    def observe(self, seen: Observed) -> None:
        """Pass on; raise `ParkError` once it is shut."""
        with self._lock:
            self._require_open()
            self._pacer.observe(seen)

    def refuse_cycle(self) -> datetime | None:
        """Pass on; raise `ParkError` once it is shut."""
        with self._lock:
            self._require_open()
            return self._pacer.refuse_cycle()

    def _require_open(self) -> None:
        if self._is_shut:
            raise stopped()


Page = TypeVar("Page")
Page_co = TypeVar("Page_co", covariant=True)


class Pages(Protocol[Page_co]):
    """Gives pages of a list."""

    def pages(self, reached: datetime | None = None) -> Iterator[Page_co]:
        """Give all pages, or those from a creation time on."""


class PagesAside(Generic[Page]):
    """Lists in another thread, so that a stop does not wait for a slow answer.

    Args:
        lister: asked there, one call at a time.
        executor: gives the thread.
    """

    def __init__(self, lister: Pages[Page], executor: Executor) -> None:
        self._pages = lister.pages
        self._executor = executor

    def pages(self, reached: datetime | None = None) -> Iterator[Page]:
        """Give pages as the lister does; raises as it does, or `ParkError` after a stop."""
        pages = self._pages(reached)

        def following() -> Page | None:
            return next(pages, None)

        while (page := self._executor.submit(following).result()) is not None:
            yield page


class ListingAside(PagesAside[CustomerPage]):
    """The same for customers."""

    def __init__(self, lister: Lister, executor: Executor) -> None:
        super().__init__(lister, executor)
        self._lister = lister

    def first_answer(self) -> CustomerPage:
        """Ask as the lister does; raises as it does, or `ParkError` after a stop."""
        return self._executor.submit(self._lister.first_answer).result()
