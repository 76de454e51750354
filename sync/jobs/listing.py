"""How much of the lists of customers and codes is read in one run, before anybody is asked."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from datetime import datetime
from itertools import islice
from typing import ClassVar, Generic, Protocol, TypeVar

from sync.errors import LeaveError, UnreadableError
from sync.jobs.parts import Parts
from sync.jobs.tally import Tally
from sync.ledger.codes import name_codes
from sync.ledger.listing import Listed, Listing, listing_to_do, read_listing
from sync.ledger.scheduled import RunProgress
from sync.voucherify.customers import CustomerPage
from sync.voucherify.exports import ExportedCodes
from sync.voucherify.vouchers import CodePage

AT_ONCE = 500
PART_OF_CALLS = 10
"""The list takes one call in so many at most, of those that may still be made today."""


def pages_at_most(left_today: int) -> int:
    """Give how many pages a run reads when so many calls may still be made today.

    A page names a hundred customers, and to ask them takes a call each. So a tenth of the calls
    lists people ten times as fast as all the others can ask them: who could be asked today is
    never kept waiting for the list, and the list never keeps anybody from being asked.
    """
    return max(1, left_today // PART_OF_CALLS)


def begin_of_all(parts: Parts, server_time: datetime) -> datetime:
    """Give the horizon that the first answer of the first run sets."""
    # No run reads behind the horizon, so of two clocks that disagree the earlier one is taken.
    return min(server_time, parts.now()) - parts.read_rules.initial_lookback


class ListedPage(Protocol):
    """What a reader of a list needs of a page, of customers or of codes."""

    @property
    def server_time(self) -> datetime:
        """When it was given."""

    @property
    def reached(self) -> datetime | None:
        """The last row's creation time."""

    @property
    def is_last(self) -> bool:
        """Nothing comes behind."""


Page = TypeVar("Page", bound=ListedPage)


class ListReader(ABC, Generic[Page]):
    """Takes a run's candidates from a list: new ones first, then the pass through all.

    What was listed is stored page by page. So is the place: the next run goes on there, whatever
    ended this one.
    """

    of: ClassVar[Listed]

    def __init__(self, parts: Parts, tally: Tally) -> None:
        self._parts = parts
        self._tally = tally
        self._listing = listing_to_do(read_listing(parts.ledger, self.of), parts.now())
        self._left_today = parts.meter.spent().left_today
        self._read = 0
        self.answered = False

    @abstractmethod
    def _from(self, place: datetime | None) -> Iterator[Page]:
        """Ask for the pages behind a place."""

    @abstractmethod
    def _take(self, page: Page, listing: Listing) -> int:
        """Store who or what a page names, and the place; give how many those are."""

    def read(self) -> None:
        """Go on with the list, as far as this run may.

        Raises:
            ParkError: a call may not be made now, or the run was asked to stop.
        """
        at_most = pages_at_most(self._left_today)
        try:
            self._keep_up(at_most)
            # The pass gets a page in any case, if that leaves a call to ask somebody with.
            self._pass_through(max(at_most - self._read, int(self._left_today > self._read + 1)))
        except LeaveError as error:
            # Whoever is known already can still be asked.
            self._tally.stopped(error)

    def _keep_up(self, at_most: int) -> None:
        if not self._listing.whole and self._listing.newest is None:
            return
        for page in self._pages(self._listing.newest, at_most):
            self._listing = self._listing.kept_up(page.reached)
            self._store(page)

    def _pass_through(self, at_most: int) -> None:
        if self._listing.whole or not at_most:
            return
        for page in self._pages(self._listing.reached, at_most):
            now = self._parts.now()
            self._listing = self._listing.passed(page.reached, min(page.server_time, now))
            if page.is_last:
                self._listing = self._listing.became_whole(now)
            self._store(page)

    def _pages(self, place: datetime | None, at_most: int) -> Iterator[Page]:
        """Read so many pages, and as many more as it takes to get beyond one creation time."""
        has_moved = False
        limit = max(at_most, self._left_today // 2 - self._read)
        for number, page in enumerate(self._from(place), start=1):
            self._read += 1
            yield page
            has_moved |= page.is_last or (page.reached is not None and page.reached != place)
            if number >= at_most and has_moved:
                return
            if number >= limit:
                break
        if not has_moved:
            raise UnreadableError(_stuck(self.of, place), signature=self.of)

    def _store(self, page: Page) -> None:
        if not self.answered:
            self._parts.ledger.set_horizon(begin_of_all(self._parts, page.server_time))
        self.answered = True
        self._parts.watch.listed(self._take(page, self._listing))
        self._parts.watch.go_on()


class CustomerListReader(ListReader[CustomerPage]):
    """Takes customers from List Customers."""

    of = "customers"

    def __init__(self, parts: Parts, reading: RunProgress, tally: Tally) -> None:
        super().__init__(parts, tally)
        self._reading = reading

    def _from(self, place: datetime | None) -> Iterator[CustomerPage]:
        return self._parts.lister.pages(place)

    def _take(self, page: CustomerPage, listing: Listing) -> int:
        stored = self._reading.select_listed(page.customer_ids, page.invalid, listing)
        self._tally.dead_lettered(stored.invalid)
        return len(page.customer_ids)


class CodeListReader(ListReader[CodePage]):
    """Takes referral codes from List Vouchers."""

    of = "codes"

    def _from(self, place: datetime | None) -> Iterator[CodePage]:
        return self._parts.codes.lister.pages(place)

    def _take(self, page: CodePage, listing: Listing) -> int:
        name_codes(self._parts.ledger, page.codes, self._parts.now(), listing)
        if page.invalid_rows:
            told = f"{page.invalid_rows} referral codes in the list have no usable id"
            self._tally.not_known(f"{told}, so nobody can ask who holds them")
        return 0


def export_codes(parts: Parts, export: Callable[[], ExportedCodes]) -> bool:
    """Take all referral codes from an export in place of a pass through the list.

    Gives whether one was made: once it is whole, the list keeps it up, and it is made anew with it.
    One that was cut short is made again by the next run.

    Raises:
        LeaveError: it was not done in time, or can't be read.
        ParkError: a call may not be made now, or the run was asked to stop.
    """
    begun = listing_to_do(read_listing(parts.ledger, "codes"), parts.now())
    if begun.whole:
        return False
    exported = export()
    parts.ledger.set_horizon(begin_of_all(parts, exported.server_time))
    codes = iter(exported.codes)
    while part := tuple(islice(codes, AT_ONCE)):
        name_codes(parts.ledger, part, parts.now(), begun)
        parts.watch.go_on()
    whole = Listing(parts.now(), newest=exported.server_time, whole=True)
    name_codes(parts.ledger, (), parts.now(), whole)
    return True


def _stuck(of: Listed, place: datetime | None) -> str:
    where = f"at {place:%Y-%m-%dT%H:%M:%S.%f}Z" if place else f"behind its first {of}"
    return (
        f"the list of {of} did not get on {where}: more were created at one time than half of "
        "the calls left for today can list. The next run tries again; if it stays so, raise "
        "VOUCHERIFY_CALLS_PER_CYCLE"
    )
