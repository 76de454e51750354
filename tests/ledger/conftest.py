"""What the tests of the ledger share: a real SQLite file, a clock that is moved, and values."""

import os
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
import sqlalchemy as sa

from sync.errors import ParkError
from sync.ledger.backfills import BackfillProgress, begin
from sync.ledger.budget import Allowance, Budget
from sync.ledger.opening import open_existing
from sync.ledger.scheduled import RunProgress
from sync.model.allowance import Rate, Reserve, Share
from sync.model.event import Assigned, Invalid, Unassigned
from sync.model.unassignment import (
    Assignment,
    CampaignId,
    CustomerId,
    EventId,
    HolderId,
    Unassignment,
    VoucherId,
)
from sync.model.window import Window

NOW = datetime(2026, 3, 10, 12, 0, tzinfo=UTC)
NOBODY = 65_534


class Clock:
    """Local time and monotonic seconds; both move only when they are told to."""

    def __init__(self, now=NOW):
        self.time = now
        self.seconds = 1_000.0

    def __call__(self):
        return self.time

    def monotonic(self):
        return self.seconds

    def wait(self, seconds):
        self.seconds += seconds
        self.time += timedelta(seconds=seconds)

    def jump(self, **change):
        """Set the local time alone, as a person or a time server does."""
        self.time += timedelta(**change)


@pytest.fixture
def now():
    return NOW


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture(scope="session")
def clock_at():
    return Clock


def of_one_project(ledger):
    ledger.bind("https://api.example", "app", NOW)


@pytest.fixture
def url(ledgers, tmp_path):
    """Where the test's ledger is, or will be."""
    return ledgers.new(tmp_path)


@pytest.fixture(scope="session")
def ledger_in(ledgers):
    """Make a ledger of one project in a folder; for tests that need several."""
    return lambda folder: open_existing(ledgers.copied(of_one_project, folder))


@pytest.fixture
def ledger(tmp_path, ledger_in):
    with closing(ledger_in(tmp_path)) as ledger:
        yield ledger


@pytest.fixture(scope="session")
def rows():
    """Give all rows of a table as dicts, in the order of its key."""

    def rows(ledger, table):
        order = list(table.primary_key.columns)
        with ledger.read_only() as connection:
            found = connection.execute(sa.select(table).order_by(*order))
            return [row._asdict() for row in found]

    return rows


class Shelf:
    """A folder in which, once it is closed, this process can't make or change anything."""

    def __init__(self, folder):
        self.folder = folder
        self._is_root = os.geteuid() == 0

    def close(self):
        self.folder.chmod(0o555)
        if self._is_root:
            os.seteuid(NOBODY)

    def open(self):
        if self._is_root:
            os.seteuid(0)
        self.folder.chmod(0o755)


@pytest.fixture
def shelf():
    # Not in pytest's own folders: they are closed to anybody but who runs the tests.
    with TemporaryDirectory(prefix="holdersync-test-") as name:
        shelf = Shelf(Path(name))
        try:
            yield shelf
        finally:
            shelf.open()


def make_unassignment(holder_id="rh_1", **changes):
    fields = {
        "holder_id": HolderId(holder_id),
        "event_id": EventId(f"evcus_{holder_id}"),
        "role": "REFEREE",
        "customer_id": CustomerId("cust_1"),
        "source_id": "shop-7",
        "email": "ann@example.com",
        "voucher_id": VoucherId("v_1"),
        "code": "FRIEND-1",
        "campaign_id": CampaignId("camp_1"),
        "campaign_name": "Friends",
        "assigned_at": NOW - timedelta(days=9),
        "unassigned_at": NOW - timedelta(days=1),
    }
    return Unassignment(**(fields | changes))


@pytest.fixture(scope="session")
def unassigned():
    """Make the finding of an unassignment; each field can be named."""
    return lambda holder_id="rh_1", **changes: Unassigned(make_unassignment(holder_id, **changes))


@pytest.fixture(scope="session")
def assigned():
    """Make the finding of an assignment; each field can be named."""

    def make(holder_id="rh_2", **changes):
        fields = {
            "holder_id": HolderId(holder_id),
            "customer_id": CustomerId("cust_1"),
            "voucher_id": VoucherId("v_1"),
            "code": "FRIEND-1",
            "campaign_id": CampaignId("camp_1"),
            "role": "REFEREE",
            "assigned_at": NOW - timedelta(days=2),
        }
        return Assigned(Assignment(**(fields | changes)))

    return make


@pytest.fixture(scope="session")
def invalid():
    return lambda key="evcus_bad", reason="voucher is missing": Invalid(
        key, reason, '{"customer": {"email": "ann@example.com"}}'
    )


class Caller:
    """One process that makes calls, one after the other, and waits as the transport does."""

    def __init__(self, ledger, clock, allowance):
        self.clock = clock
        self.budget = Budget(ledger, allowance, now=clock, monotonic=clock.monotonic)

    def call(self, seen=None):
        """Make one call; give the time at which it began, in monotonic seconds."""
        slot = self.budget.reserve()
        started = False
        try:
            while seconds := self.budget.start(slot):
                self.clock.wait(seconds)
            started = True
            began = self.clock.monotonic()
            if seen is not None:
                self.budget.observe(seen)
        finally:
            self.budget.end(started=started)
        return began

    def spend(self, most=10_000):
        """Make calls until the budget ends it; give their number and what ended it."""
        for number in range(most):
            try:
                self.call()
            except ParkError as error:
                return number, error
        return most, None


@pytest.fixture(scope="session")
def caller_of():
    """Make a process on a ledger: rate per second, reserve, share per cycle, start day."""

    def make(ledger, clock, *, rate=1000.0, reserve=None, share=100_000, day=1, max_wait=60):
        allowance = Allowance(
            Rate(rate), reserve or Reserve(), Share(share, day), timedelta(seconds=max_wait)
        )
        return Caller(ledger, clock, allowance)

    return make


@pytest.fixture
def caller(ledger, clock, caller_of):
    return lambda **about: caller_of(ledger, clock, **about)


@pytest.fixture
def at(ledger, now):
    """Give the reading of the run that begins so many hours after the first one."""
    return lambda hours=0: RunProgress(ledger, f"run-{hours}", now + timedelta(hours=hours))


@pytest.fixture
def backfill(ledger, now):
    """Give the reading of a backfill over an old window."""
    window = Window(now - timedelta(days=60), now - timedelta(days=30))
    mine = begin(ledger, "back-1", window, "all", now)
    return BackfillProgress(ledger, mine.backfill_id, "run-b")
