"""Everything that one seed decides: a world, a machine, and the tool on it."""

import sqlite3
import tempfile
from collections import Counter
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import timedelta
from itertools import count
from pathlib import Path
from random import Random

import sqlalchemy

from sync.crm.sql.adapter import SqlAdapter, metadata
from sync.jobs.sources import CustomerSource
from sync.ledger.opening import create_or_open
from sync.ledger.probes import IDS_RISE
from sync.settings import load
from tests.simulation.clock import Clock
from tests.simulation.fates import DicedFate
from tests.simulation.life import Life
from tests.simulation.machine import Machine
from tests.simulation.network import Network
from tests.simulation.promises import Promises, require
from tests.simulation.rows import SCHEMA, Rows
from tests.simulation.sight import Sight
from tests.simulation.slots import SlotAdapter, SlotService
from tests.simulation.voucherify import Limits, Voucherify
from tests.simulation.world import World

SQL, SLOTS = "sql", "slots"
SHM = Path("/dev/shm")  # memory, where there is some


@dataclass(frozen=True, slots=True)
class Choices:
    """What a merchant, a plan and a CRM are like; `settings` are the tool's own.

    `sources` are whom it asks, `role_filter` is as in `Voucherify`, `hooks` whether webhooks come.
    Holder ids rise, which a probe saw ("proven") or not yet ("unknown"), or they don't, though a
    probe took them for rising.
    """

    customers: int
    most: int
    page_size: int
    calls: int
    seconds: int
    keeps_ids: bool
    destinations: tuple
    settings: dict
    sources: str = "all"
    role_filter: str = "works"
    ids: str = "proven"
    hooks: bool = False

    @classmethod
    def of(cls, dice):
        choice = dice.choice
        calls, seconds = choice([(2000, 60), (2000, 60), (100, 60), (100, 3600)])
        return cls(
            customers=dice.randint(3, 8),
            most=dice.randint(8, 14),
            page_size=choice([2, 3, 5, 100]),
            calls=calls,
            seconds=seconds,
            keeps_ids=choice([True, False, False]),
            destinations=choice([(SQL,), (SLOTS,), (SQL, SLOTS)]),
            settings={
                "VOUCHERIFY_RATE": choice(["50/min", "5/s", "2000/min"]),
                "VOUCHERIFY_CALLS_PER_CYCLE": choice(["20000", "20000", "900"]),
                "VOUCHERIFY_RESERVE": choice(["30%", "5", "0%"]),
                "HOLDERSYNC_LOOKBACK": choice(["10m", "1h", "3h"]),
                "HOLDERSYNC_INITIAL_LOOKBACK": choice(["2d", "5d", "10d"]),
                "HOLDERSYNC_MAX_WAIT": choice(["60s", "5s"]),
                "HOLDERSYNC_MAX_UNASSIGNMENTS": choice(["500", "500", "6"]),
                "HOLDERSYNC_ON_CUSTOMER_GONE": choice(["dead-letter", "unassign"]),
                "HOLDERSYNC_VALIDATION": choice(["strict", "strict", "lenient"]),
                "HOLDERSYNC_MAX_STALENESS": choice(["7d", "7d", "2d"]),
            },
            sources=choice(["all", "all,holders", "all,holders", "holders"]),
            role_filter=choice(["works", "works", "works", "ignored", "refused", "nobody"]),
            ids=choice(["proven", "proven", "unknown", "taken for rising"]),
            hooks=choice([True, True, False]),
        )


class Universe:
    """One seed's world, before its first night.

    Args:
        choices: what it is like.
        dice: decide everything that happens in it.
        around: the tool's surroundings; this universe takes them over.
        home: where its files are.
    """

    def __init__(self, choices, dice, around, home):
        self.choices = choices
        self.dice = dice
        self.around = around
        self.clock = Clock()
        self.world = World(self.clock, ids_rise=choices.ids != "taken for rising")
        self.counts = Counter()
        self.cursors = {}
        self.silent_until = self.clock.true
        self.acknowledged = []
        self._numbers = count(1)
        self._alone = {}
        self.loaded = load(None, environ=_environment(choices, home.disk))
        self.promises = Promises(self.clock, self.loaded.settings)
        self.machine = Machine(home.disk, self.clock, home.template, self._committed)
        self._store_evidence()
        self.fate = self.machine.fate = DicedFate(dice, self)
        self.sight = self.promises.sight = Sight(self.machine.ledger_file)
        self.rows = Rows(self.machine.crm_file)
        self.slots = SlotService(self.machine, self.promises, keeps_ids=choices.keeps_ids)
        self.server = Voucherify(
            self.clock,
            self.world,
            Limits(choices.calls, choices.seconds),
            page_size=choices.page_size,
            role_filter=choices.role_filter,
        )
        around.machine = self.machine
        around.network = Network(self.machine, self.server, self.promises)
        self.life = Life(
            self.world,
            self.rows,
            self.slots,
            dice,
            lookback=self.loaded.settings.lookback,
            most=choices.most,
        )

    @property
    def settings(self):
        return self.loaded.settings

    @property
    def source(self):
        """Whom the tool asks, as its command line would make it of the setting."""
        names = self.choices.sources.split(",")
        looks = "holders" in names
        return CustomerSource(
            self.choices.sources, lists="all" in names, codes=looks, lists_codes=looks
        )

    @property
    def fingerprint(self):
        """A number that two universes share only if the same happened in both."""
        return self.machine.fingerprint

    def next_number(self):
        return next(self._numbers)

    def adapter(self, destination):
        """Make what writes to a destination, as each process does for itself."""
        return (
            SqlAdapter.from_env(self.loaded.env) if destination == SQL else SlotAdapter(self.slots)
        )

    def died(self, point):
        self.counts[f"killed {point}"] += 1

    @contextmanager
    def alone(self, process, kind):
        """Hold whoever is past the lock of a kind of job to being the only one."""
        other = self._alone.get(kind)
        require(
            other is None or other.is_dead,
            "two jobs of one kind never run at once",
            f"{process} beside {other}",
        )
        self._alone[kind] = process
        try:
            yield
        finally:
            if self._alone.get(kind) is process:
                del self._alone[kind]

    def days_pass(self, days, steps):
        """Let the world go on for some days with so many steps, before the first night."""
        for _ in range(steps):
            self.clock.passes(days * 86_400 / steps)
            self.life.goes_on()

    def close(self):
        self.sight.close()
        self.rows.close()
        self.around.machine = self.around.network = None

    def _store_evidence(self):
        if self.choices.ids == "unknown":
            return
        with closing(sqlite3.connect(self.machine.ledger_file)) as ledger, ledger:
            ledger.execute(
                "INSERT INTO probes (subject, verdict, told, probed_at) VALUES (?, ?, ?, ?)",
                (IDS_RISE, "proven", "simulated", self.clock.true.isoformat()),
            )

    def _committed(self, kind):
        if kind == "ledger":
            self.promises.counted()


class Home:
    """A disk for one universe after the other, and the files that each begins with."""

    def __init__(self):
        self._folder = tempfile.TemporaryDirectory(
            prefix="holdersync-simulation-", dir=SHM if SHM.is_dir() else None
        )
        self.disk = Path(self._folder.name) / "disk"
        self.template = Path(self._folder.name) / "template"
        self.disk.mkdir()
        self.template.mkdir()
        create_or_open(sqlalchemy.make_url(f"sqlite:///{self.template / 'ledger.db'}")).close()
        self._make_crm()

    def close(self):
        self._folder.cleanup()

    def _make_crm(self):
        engine = sqlalchemy.create_engine(f"sqlite:///{self.template / 'crm.db'}")
        metadata.create_all(engine)
        with engine.begin() as connection:
            connection.connection.dbapi_connection.executescript(SCHEMA)
        engine.dispose()


def of_seed(seed, around, home):
    """Make the universe of a seed, with some days behind it."""
    dice = Random(seed)
    universe = Universe(Choices.of(dice), dice, around, home)
    universe.clock.jumps(timedelta(minutes=dice.choice([0, 0, -50, 7, 300])))
    universe.life.begins(universe.choices.customers)
    universe.days_pass(dice.randint(3, 12), dice.randint(10, 40))
    return universe


def _environment(choices, disk):
    return choices.settings | {
        "HOLDERSYNC_CUSTOMERS": choices.sources,
        "HOLDERSYNC_WEBHOOK_SECRET": "secret",
        "VOUCHERIFY_BASE_URL": "https://voucherify.test",
        "VOUCHERIFY_APP_ID": "app",
        "VOUCHERIFY_APP_TOKEN": "token",
        "HOLDERSYNC_HOME": str(disk),
        "HOLDERSYNC_CRM": SQL,
        "CRM_SQL_URL": "sqlite:///crm.db",
    }
