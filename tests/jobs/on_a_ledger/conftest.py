"""A shop with a real ledger: all that a job works with, one run after the other."""

import shutil
from concurrent.futures import Executor, Future
from contextlib import closing
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from functools import partial
from pathlib import Path

import pytest
import sqlalchemy as sa
from sqlalchemy.engine import make_url

from sync.errors import ParkError
from sync.jobs.collect import Collector
from sync.jobs.deliver import DeliveryRules
from sync.jobs.parts import Parts, ReadRules
from sync.ledger.budget import Spent
from sync.ledger.destinations import admit
from sync.ledger.ledger import create_or_open
from sync.ledger.lock import held
from sync.ledger.reading import Reading
from sync.ledger.runs import RunStart
from sync.model.window import window_to_read
from sync.transport import CallCount

NOW = datetime(2026, 3, 10, 12, 0, tzinfo=UTC)
HOUR = timedelta(hours=1)
DESTINATION = "memory-1"


class Inline(Executor):
    """Runs everything at once, in the caller's thread."""

    def submit(self, fn, /, *args, **kwargs):
        future = Future()
        try:
            future.set_result(fn(*args, **kwargs))
        except Exception as error:  # noqa: BLE001  # as a worker does: the future tells it
            future.set_exception(error)
        return future


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
    def count(self):
        return CallCount(made=7, retried=2, throttled=1)

    def spent(self):
        return Spent(40, 60, 5, date(2026, 3, 1), cycle_refused=False)


class Shop:
    """All that a job works with, and a way to begin one run after the other."""

    def __init__(self, ledger, voucherify, crm):
        self.ledger = ledger
        self.clock = voucherify.clock
        self.voucherify = voucherify
        self.crm = crm
        self.watch = Watch()
        self.executor = Inline()
        self.read_rules = ReadRules(HOUR, timedelta(days=30), "dead-letter", 4)
        self.delivery_rules = DeliveryRules(at_most=500, not_found_for=timedelta(days=7))
        self.runs = 0

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
            meter=Meter(),
            read_rules=self.read_rules,
            delivery_rules=self.delivery_rules,
            deliver_lock=partial(held, self.ledger_file, "deliver"),
            watch=self.watch,
            now=self.clock,
        )

    @property
    def ledger_file(self):
        return Path(self.ledger.engine.url.database)

    def collect(self, **about):
        """Read everybody once, as a run does, without the rest of a run."""
        parts = self.parts()
        reading = Reading(self.ledger, parts.start.run_id, parts.start.started_at)
        reading.select(list(self.voucherify.activity), listed=False)
        horizon = self.ledger.set_horizon(NOW - timedelta(days=30))
        options = {"in_line": 4, "on_gone": "dead-letter", "proven": True} | about
        proven = options.pop("proven")
        collector = Collector(
            self.voucherify,
            reading,
            self.executor,
            window_of=lambda known: window_to_read(known.cursor, HOUR, horizon),
            now=self.clock,
            watch=self.watch,
            **options,
        )
        selected = reading.selected()
        return collector.collect(reading.to_ask(), selected=selected, proven=proven)

    def rows(self, table):
        """All rows of a table as dicts, in the order of its key."""
        with self.ledger.reading() as connection:
            found = connection.execute(sa.select(table).order_by(*table.primary_key.columns))
            return [row._asdict() for row in found]

    def rules(self, **changes):
        self.read_rules = replace(self.read_rules, **changes)


@pytest.fixture(scope="session")
def template(tmp_path_factory):
    """A ledger that is bound and knows the destination; copied, since migrating takes long."""
    path = tmp_path_factory.mktemp("template") / "ledger.db"
    with closing(create_or_open(make_url(f"sqlite:///{path}"))) as ledger:
        ledger.bind("https://api.example", "app", NOW)
        admit(ledger, DESTINATION, NOW)
    return path


@pytest.fixture(scope="session")
def shop_in(template, voucherify_of, crm_of):
    """Make a shop with a ledger in a folder; for tests that need several."""

    def make(folder):
        copy = shutil.copy(template, folder)
        ledger = create_or_open(make_url(f"sqlite:///{copy}"))
        return Shop(ledger, voucherify_of(), crm_of())

    return make


@pytest.fixture
def shop(tmp_path, shop_in):
    shop = shop_in(tmp_path)
    with closing(shop.ledger):
        yield shop
