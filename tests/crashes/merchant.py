"""A merchant whose runs are killed: a shop, its databases, and what is expected of them."""

import os
from collections import defaultdict
from dataclasses import dataclass, replace
from random import Random

from sync.cli.demo import believed
from sync.playground import Playground
from sync.playground.assignments import as_believed
from tests.crashes.rules import READER_OF_RUNS
from tests.crashes.seen import look, make_crm
from tests.crashes.works import CUSTOMERS

LARGEST = 11


@dataclass(frozen=True)
class Broken:
    """An event that must become one dead letter: whose list it is on, and where."""

    customer_id: str
    at: object


class Merchant:
    """Everything that happens to one shop, from an empty ledger on.

    Attributes:
        broken: by event id, what can't be understood.
        believed: by holder id, the rows that the CRM had before the tool came.
        gone: the deleted customers of whom an assignment was known.
        refused: the holder ids that the CRM refuses, for as long as it does.
        retried: the holder ids that a person has sent to the CRM once more.
        undoing: the holder ids that an undo was to bring back, and may have.
        undone: the holder ids that an undo has brought back.
        half_read: see `sees_who_is_half_read`.
        kills: how many commands were killed.
        with_old: whether a backfill has read what is older than the first run looks.
    """

    def __init__(self, home, runner, ledger, crm, seed):
        self.home = home
        self.runner = runner
        self.ledger = ledger
        self.crm = crm
        self.random = Random(f"merchant {seed}")
        self.playground = Playground(customers=self.random.randint(CUSTOMERS, LARGEST), seed=seed)
        self.playground.start()
        world = self.playground.world
        self.broken = {
            each.event_id: Broken(each.customer_id, _at(world, each)) for each in world.broken
        }
        self.believed = {row.holder_id: believed(row) for row in world.crm_today}
        self.gone = set()
        self.refused = set()
        self.retried = set()
        self.undoing = set()
        self.undone = set()
        self.half_read = {}
        self.killed = set()
        self.kills = 0
        self.with_old = False
        self.story = [f"a shop of seed {seed} with {len(world.customers)} customers"]
        make_crm(crm, self.believed.values())
        self.env = {
            "PATH": os.environ["PATH"],
            "TMPDIR": str(_made(home / "tmp")),
            "HOLDERSYNC_HOME": str(home),
            "HOLDERSYNC_LEDGER_URL": ledger.url,
            "HOLDERSYNC_CRM": "tests.crashes.told:ToldSql",
            "CRM_SQL_URL": crm.url,
            # The usual lookback would heal a cursor that went too far.
            "HOLDERSYNC_LOOKBACK": self.random.choice(("0s", "0s", "1h")),
            "VOUCHERIFY_RATE": "2000/s",
            "VOUCHERIFY_CALLS_PER_CYCLE": "1000000",
            "VOUCHERIFY_BASE_URL": self.playground.base_url,
            "VOUCHERIFY_APP_ID": self.playground.app_id,
            "VOUCHERIFY_APP_TOKEN": self.playground.app_token,
        }

    def close(self):
        self.playground.stop()
        self.ledger.drop()
        self.crm.drop()

    @property
    def world(self):
        return self.playground.world

    def calls(self):
        return self.playground.counters().total

    def do(self, argv, **kill):
        """Do a command, and kill it if that is asked for."""
        ended = self.runner.do(self.home, self.env, argv, **kill)
        how = f"killed at {kill.get('point') or 'a moment'}" if kill else "to its end"
        self.story.append(
            f"holdersync {' '.join(argv)}: {how} {kill or ''}; ended with {ended.code}, "
            f"{self.calls()} calls so far"
        )
        if ended.is_killed:
            self.kills += 1
            self.killed.add(ended.pid)
        self.ledger.bury()
        self.crm.bury()
        return ended

    def look(self):
        return look(self.ledger, self.crm)

    def sees_who_is_half_read(self):
        """Note where each read that was cut off goes on: it can't see what is hinted at before."""
        marks = [row for row in self.look().bookmarks if row.reader == READER_OF_RUNS]
        self.half_read = {row.customer_id: row.newest for row in marks}

    def told(self):
        """By holder id, the processes that told the CRM of it, in order."""
        told = defaultdict(list)
        file = self.home / "told"
        for line in file.read_text(encoding="utf-8").splitlines() if file.exists() else ():
            pid, holder_id = line.split()
            told[holder_id].append(int(pid))
        return told

    def expected(self, holder_id):
        """The row that the CRM should show in the end; None if it should show none."""
        truth, before = self.world.truth[holder_id], self.believed.get(holder_id)
        is_ended = truth.status == "unassigned" and (truth.in_window or self.with_old)
        if not is_ended or holder_id in self.refused | self.undone:
            return before
        end = {
            "status": "unassigned",
            "unassigned_at": truth.unassigned_at,
            "unassigned_event_id": truth.event_id,
        }
        return replace(before or believed(as_believed(truth)), **end)


def _at(world, broken):
    events = world.events[broken.customer_id]
    return next(event.at for event in events if event.event_id == broken.event_id)


def _made(folder):
    folder.mkdir()
    return folder
