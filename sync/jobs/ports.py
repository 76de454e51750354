"""What the jobs need of others, as protocols: pages, a place to store them, a meter, a watch."""

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Protocol

from sync.ledger.budget import Spent
from sync.ledger.findings import Stored
from sync.ledger.reading import Known
from sync.model.event import Finding, Gone, Page
from sync.model.unassignment import Assignment, CustomerId
from sync.model.window import Bookmark, Window
from sync.transport import CallCount


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

    def hinted_meanwhile(self) -> Iterator[Known]:
        """Give who was hinted at since the reading began and is still to be read."""

    def is_known(self, customer_id: CustomerId) -> bool:
        """Tell whether Voucherify ever named this customer, or answered for it."""

    def postpone(self, customer_ids: Sequence[CustomerId], now: datetime) -> None:
        """Ask these after everybody else the next time; nothing was learned of them."""

    def gone(self, gone: Gone, now: datetime) -> Stored:
        """Store that a customer was deleted."""


class PageReader(Protocol):
    """Fetches one page; called in worker threads."""

    def fetch(self, customer_id: CustomerId, window: Window, after: str | None) -> Page:
        """Read the page behind the event `after`, or the first one."""


class Meter(Protocol):
    """Knows what was spent."""

    def count(self) -> CallCount:
        """Give the calls of this process."""

    def spent(self) -> Spent:
        """Give our own count of the billing cycle."""


class Watch(Protocol):
    """Looks on; the command line shows a progress bar and turns signals into a stop."""

    def go_on(self) -> None:
        """Do nothing, or end the job.

        Raises:
            ParkError: a signal asked the job to stop.
        """

    def planned(self, calls: int) -> None:
        """Tell how many calls the reading will take, at the least."""

    def listed(self, customers: int) -> None:
        """Tell how many customers are selected so far."""

    def read(self, customers: int, selected: int) -> None:
        """Tell how many of the selected customers were dealt with."""
