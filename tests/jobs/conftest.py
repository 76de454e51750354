"""What the tests of the jobs share: values, and a small Voucherify and CRM in memory."""

from collections import defaultdict
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import pytest

from sync.errors import CustomerGoneError, RefusedError
from sync.model.event import Assigned, Hint, Invalid, Page, Unassigned
from sync.model.outcome import Outcome, Result
from sync.model.unassignment import (
    Assignment,
    CampaignId,
    CustomerId,
    EventId,
    HolderId,
    Unassignment,
    VoucherId,
)
from sync.voucherify.customers import CustomerPage

NOW = datetime(2026, 3, 10, 12, 0, tzinfo=UTC)


class Clock:
    """Local time that moves only when it is told to."""

    def __init__(self, now=NOW):
        self.time = now

    def __call__(self):
        return self.time

    def wait(self, **change):
        self.time += timedelta(**change)


@dataclass(frozen=True, slots=True)
class Item:
    """One event of a customer's activity."""

    id: str
    at: datetime
    finding: object = None


class Voucherify:
    """Customers and their activity; pages are cut as the real list is.

    `faults` are raised by the next fetches of a customer, one each; None lets one pass. `broken`
    maps a customer and a place to a page that is answered instead. Each customer is created a
    millisecond after the one before.
    """

    def __init__(self, clock, page_size=2):
        self.clock = clock
        self.page_size = page_size
        self.list_page = 2
        self.activity = {}
        self.created = {}
        self.gone = set()
        self.faults = defaultdict(list)
        self.broken = {}
        self.asked = []
        self.under_way = 0
        self.most_under_way = 0
        self.list_faults = []
        self.listed = 0
        self.invalid_rows = ()
        self.total = None

    def happens(self, customer_id, *items):
        if customer_id not in self.created:
            later = timedelta(milliseconds=len(self.created))
            self.created[customer_id] = self.clock() + later
        self.activity.setdefault(customer_id, []).extend(items)

    def fetch(self, customer_id, window, after):
        self.under_way += 1
        self.most_under_way = max(self.most_under_way, self.under_way)
        try:
            return self._fetch(customer_id, window, after)
        finally:
            self.under_way -= 1

    def _fetch(self, customer_id, window, after):
        self.asked.append((customer_id, window, after))
        if self.faults[customer_id] and (error := self.faults[customer_id].pop(0)):
            raise error
        if (customer_id, after) in self.broken:
            return self.broken[customer_id, after]
        if customer_id in self.gone:
            msg = f"customer {customer_id} is no longer in Voucherify"
            raise CustomerGoneError(msg, signature="404 not_found")
        return self._page(customer_id, window, after)

    def _page(self, customer_id, window, after):
        items = sorted(self.activity.get(customer_id, []), key=lambda item: (item.at, item.id))
        start = 0
        if after is not None:
            places = [place for place, item in enumerate(items) if item.id == after]
            if not places:
                msg = f"Voucherify answered 400 to the place {after}"
                raise RefusedError(msg, signature="400 invalid")
            start = places[0] + 1
        shown = [item for item in items[start:] if window.holds(item.at)]
        page = shown[: self.page_size]
        is_last = len(shown) <= self.page_size
        findings = tuple(item.finding for item in page if item.finding is not None)
        return Page(
            server_time=self.clock(),
            newest=max((item.at for item in page), default=None),
            findings=findings,
            read=len(page),
            matched=sum(isinstance(each, Unassigned | Invalid | Hint) for each in findings),
            next_after=None if is_last else page[-1].id,
            ids=frozenset(item.id for item in page),
        )

    def first_answer(self):
        self.listed += 1
        return CustomerPage(self.clock(), tuple(self.activity)[:1], (), self.total, None, True)

    def pages(self, reached=None):
        start, is_last, size = 0, False, self.list_page
        while not is_last:
            self.listed += 1
            if self.list_faults and (error := self.list_faults.pop(0)):
                raise error
            rows = self._rows(reached)
            invalid = self.invalid_rows if start == 0 else ()
            page = tuple(CustomerId(who) for who in rows[start : start + size])
            last = self.created[page[-1]] if page else None
            start, is_last = start + size, start + size >= len(rows)
            yield CustomerPage(self.clock(), page, tuple(invalid), self.total, last, is_last)

    def _rows(self, reached):
        oldest_first = sorted(self.created, key=lambda who: (self.created[who], who))
        here = [who for who in oldest_first if who not in self.gone]
        return [who for who in here if reached is None or self.created[who] >= reached]


class Crm:
    """A destination in memory. `answers` gives the next outcomes, or errors, of a holder."""

    destination = "memory-1"
    capabilities = frozenset()

    def __init__(self):
        self.told = []
        self.answers = defaultdict(list)
        self.always = None
        self.too_few = False

    def check(self):
        if self.always is not None:
            raise self.always

    def unassign(self, batch):
        self.told.append([each.holder_id for each in batch])
        if self.always is not None:
            raise self.always
        outcomes = [self._answer(each.holder_id) for each in batch]
        return outcomes[:-1] if self.too_few else outcomes

    def _answer(self, holder_id):
        return self.answers[holder_id].pop(0) if self.answers[holder_id] else REMOVED

    def close(self):
        self.told = []

    @property
    def heard(self):
        """Everybody that it was told of, in order."""
        return [holder_id for batch in self.told for holder_id in batch]


REMOVED = Outcome(Result.REMOVED)


@pytest.fixture
def now():
    return NOW


@pytest.fixture(scope="session")
def voucherify_of():
    """Make a Voucherify with a clock of its own."""
    return lambda: Voucherify(Clock())


@pytest.fixture(scope="session")
def crm_of():
    """Make a CRM."""
    return Crm


def make_unassignment(holder_id="rh_1", **changes):
    fields = {
        "holder_id": HolderId(holder_id),
        "event_id": EventId(f"evcus_{holder_id}"),
        "role": "REFEREE",
        "customer_id": CustomerId("cust_1"),
        "source_id": None,
        "email": None,
        "voucher_id": VoucherId("v_1"),
        "code": "FRIEND-1",
        "campaign_id": CampaignId("camp_1"),
        "campaign_name": "Friends",
        "assigned_at": NOW - timedelta(days=29),
        "unassigned_at": NOW - timedelta(days=1),
    }
    return Unassignment(**(fields | changes))


@pytest.fixture(scope="session")
def unassignment():
    return make_unassignment


@pytest.fixture(scope="session")
def ended():
    """Make the event that an assignment ended, so many hours ago."""

    def make(holder_id, hours=24, **changes):
        at = NOW - timedelta(hours=hours)
        fact = make_unassignment(holder_id, unassigned_at=at, **changes)
        return Item(fact.event_id, at, Unassigned(fact))

    return make


@pytest.fixture(scope="session")
def assignment():
    def make(holder_id="rh_2", **changes):
        fields = {
            "holder_id": HolderId(holder_id),
            "customer_id": CustomerId("cust_1"),
            "voucher_id": VoucherId("v_1"),
            "code": "FRIEND-1",
            "campaign_id": None,
            "role": "REFEREE",
            "assigned_at": NOW - timedelta(days=2),
        }
        return Assignment(**(fields | changes))

    return make


@pytest.fixture(scope="session")
def begun(assignment):
    """Make the event that an assignment began, so many hours ago."""

    def make(holder_id, hours=24, **changes):
        at = NOW - timedelta(hours=hours)
        fact = assignment(holder_id, **({"assigned_at": at} | changes))
        return Item(f"evcus_begun_{holder_id}", at, Assigned(fact))

    return make


@pytest.fixture(scope="session")
def item():
    """Make any event, so many hours ago; without a finding it is of another type."""
    return lambda own_id, hours=24, finding=None: Item(
        own_id, NOW - timedelta(hours=hours), finding
    )


@pytest.fixture(scope="session")
def page():
    """Make a page that holds nothing; each field can be named."""

    def make(**changes):
        fields = {
            "server_time": NOW,
            "newest": None,
            "findings": (),
            "read": 0,
            "matched": 0,
            "next_after": None,
            "ids": frozenset(),
        }
        return Page(**(fields | changes))

    return make
