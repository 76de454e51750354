"""A shop with a real ledger: all that a job works with, one run after the other."""

from contextlib import closing
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from functools import partial

import pytest
import sqlalchemy as sa

from sync.errors import ParkError
from sync.jobs.codes import LookRules
from sync.jobs.collect import Collector, CollectRules
from sync.jobs.deliver import Deliverer, DeliveryRules
from sync.jobs.enough import NO_STREAK
from sync.jobs.parts import CodeParts, Parts, ReadRules
from sync.jobs.planning import PlanRules
from sync.ledger.budget import Spent
from sync.ledger.deliveries import Deliveries
from sync.ledger.destinations import admit
from sync.ledger.listing import Listing
from sync.ledger.opening import locks_of, open_existing
from sync.ledger.runs import RunStart
from sync.ledger.scheduled import RunProgress
from sync.ledger.tables import deliveries
from sync.model.allowance import Share
from sync.model.event import Unassigned
from sync.model.window import window_to_read
from sync.transport import CallCount
from tests.inline import Inline

NOW = datetime(2026, 3, 10, 12, 0, tzinfo=UTC)
HOUR = timedelta(hours=1)
DESTINATION = "memory-1"


class Watch:
    """Looks on; ends the job after so many questions whether to go on."""

    def __init__(self):
        self.patience = None
        self.reads = []
        self.plans = []
        self.selected = 0

    def go_on(self):
        if self.patience is None:
            return
        if self.patience == 0:
            msg = "stopped by a signal"
            raise ParkError(msg, by="signal")
        self.patience -= 1

    def planned(self, calls):
        self.plans.append(calls)

    def listed(self, customers):
        self.selected += customers

    def read(self, customers, selected):
        self.reads.append((customers, selected))


class Meter:
    def __init__(self):
        self.left_today = 1_000

    def count(self):
        return CallCount(made=7, retried=2, throttled=1)

    def spent(self):
        return Spent(40, 59_960, self.left_today, date(2026, 3, 1), cycle_refused=False)


class Shop:
    """All that a job works with, and a way to begin one run after the other."""

    def __init__(self, ledger, voucherify, crm):
        self.ledger = ledger
        self.clock = voucherify.clock
        self.voucherify = voucherify
        self.crm = crm
        self.watch = Watch()
        self.meter = Meter()
        self.executor = Inline()
        self.read_rules = ReadRules(HOUR, timedelta(days=30))
        self.collect_rules = CollectRules(in_line=4, on_gone="dead-letter")
        self.delivery_rules = DeliveryRules(at_most=500, not_found_for=timedelta(days=7))
        self.look_rules = LookRules(in_line=4, longest=timedelta(days=7))
        self.plan_rules = PlanRules(longest=timedelta(days=7), share=Share(60_000, 1))
        self.runs = 0
        self._ever_listed = set()

    def parts(self, kind="run"):
        """Give the parts of the next run, which begins a second later."""
        self.runs += 1
        self.clock.wait(seconds=1)
        run_id = f"{kind}-{self.runs}"
        return Parts(
            start=RunStart(run_id, kind, "host-a", 4711, DESTINATION, self.clock()),
            ledger=self.ledger,
            lister=self.voucherify,
            reader=self.voucherify,
            executor=self.executor,
            destination=self.crm,
            meter=self.meter,
            read_rules=self.read_rules,
            collect_rules=self.collect_rules,
            delivery_rules=self.delivery_rules,
            plan_rules=self.plan_rules,
            deliver_lock=partial(self.locks.held, "deliver"),
            watch=self.watch,
            now=self.clock,
            codes=CodeParts(self.voucherify, self.voucherify, self.look_rules),
        )

    @property
    def locks(self):
        """The ledger's locks, as another process sees them."""
        return locks_of(self.ledger.engine.url)

    def collect(self, *, proven=True, streak=NO_STREAK, named=(), only_named=False, **rules):
        """Read everybody once, as a run does, without the rest of a run.

        Those who are `named` were never listed; all others were, once, unless `only_named`.
        """
        parts = self.parts()
        reading = RunProgress(self.ledger, parts.start.run_id, parts.start.started_at)
        if not only_named:
            self._select(reading, named)
        reading.select_named(list(named))
        horizon = self.ledger.set_horizon(NOW - timedelta(days=30))
        collector = Collector(
            self.voucherify,
            reading,
            self.executor,
            replace(self.collect_rules, **rules),
            window_of=lambda known: window_to_read(known.cursor, HOUR, horizon),
            now=self.clock,
            watch=self.watch,
        )
        selected = reading.selected()
        return collector.collect(reading.to_ask(), selected=selected, proven=proven, streak=streak)

    def _select(self, reading, named):
        listed = [who for who in self.voucherify.activity if who not in named]
        new = [who for who in listed if who not in self._ever_listed]
        self._ever_listed.update(new)
        reading.select_listed(new, (), Listing(NOW))
        reading.select_named(listed)

    def rows(self, table):
        """All rows of a table as dicts, in the order of its key."""
        with self.ledger.read_only() as connection:
            found = connection.execute(sa.select(table).order_by(*table.primary_key.columns))
            return [row._asdict() for row in found]

    def look_back(self, **changes):
        self.read_rules = replace(self.read_rules, **changes)

    def bound(self, **changes):
        self.collect_rules = replace(self.collect_rules, **changes)


def of_one_destination(ledger):
    ledger.bind("https://api.example", "app", NOW)
    admit(ledger, DESTINATION, NOW)


@pytest.fixture(scope="session")
def shop_in(ledgers, voucherify_of, crm_of):
    """Make a shop with a ledger in a folder; for tests that need several."""

    def make(folder):
        ledger = open_existing(ledgers.copied(of_one_destination, folder))
        return Shop(ledger, voucherify_of(), crm_of())

    return make


@pytest.fixture
def shop(tmp_path, shop_in):
    shop = shop_in(tmp_path)
    with closing(shop.ledger):
        yield shop


@pytest.fixture
def find(shop, unassignment, now):
    """Let unassignments be found, one for each holder id; events in this order."""

    def find(*holder_ids, **changes):
        reading = RunProgress(shop.ledger, "run-0", now)
        found = [
            Unassigned(
                unassignment(each, unassigned_at=now - timedelta(days=2, seconds=-n), **changes)
            )
            for n, each in enumerate(holder_ids)
        ]
        reading.page_read("cust_1", found, None, now)

    return find


@pytest.fixture
def deliver(shop):
    """Deliver once, as the next run."""

    def deliver():
        parts = shop.parts()
        queue = Deliveries(shop.ledger, parts.start.destination, parts.start.run_id)
        return Deliverer(
            queue, shop.crm, parts.delivery_rules, now=shop.clock, heartbeat=shop.watch.go_on
        ).deliver()

    return deliver


@pytest.fixture
def states(shop):
    return lambda: {row["holder_id"]: row["status"] for row in shop.rows(deliveries)}


@pytest.fixture
def many(shop, ended):
    """Twenty customers with three events each: two pages."""
    ids = [f"cust_{number:02}" for number in range(20)]
    for who in ids:
        items = [ended(f"rh_{who}_{n}", hours=9 - n, customer_id=who) for n in range(3)]
        shop.voucherify.happens(who, *items)
    return ids
