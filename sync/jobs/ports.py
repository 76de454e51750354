"""What the jobs need of others, as protocols: pages, lists, a meter, a watch."""

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Protocol

from sync.ledger.budget import Spent
from sync.model.event import Page
from sync.model.holding import HoldersPage
from sync.model.unassignment import Assignment, CustomerId, VoucherId
from sync.model.window import Window
from sync.transport import CallCount
from sync.voucherify.customers import CustomerPage
from sync.voucherify.vouchers import CodePage


class PageReader(Protocol):
    """Fetches one page; called in worker threads."""

    def fetch(self, customer_id: CustomerId, window: Window, after: str | None) -> Page:
        """Read the page behind the event `after`, or the first one."""


class HoldingPages(Protocol):
    """Fetches what a customer holds now; called in worker threads."""

    def pages(self, customer_id: CustomerId) -> Iterator[Sequence[Assignment]]:
        """Give it page by page; what was given stands, whatever is raised behind it."""


class HolderPages(Protocol):
    """Fetches who holds a code; called in worker threads."""

    def page(self, voucher_id: VoucherId, after: str | None) -> HoldersPage:
        """Read the page behind the holder `after`, or the first one, the newest first."""


class CodePages(Protocol):
    """Lists referral codes; called in the job's own thread."""

    def pages(self, reached: datetime | None = None) -> Iterator[CodePage]:
        """Give all pages, or those from the creation time that an earlier listing reached."""


class Lister(Protocol):
    """Lists customers; called in the job's own thread."""

    def first_answer(self) -> CustomerPage:
        """Ask for one customer: the cheapest call that proves the key and tells the time."""

    def pages(self, reached: datetime | None = None) -> Iterator[CustomerPage]:
        """Give all pages, or those from the creation time that an earlier listing reached."""


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
