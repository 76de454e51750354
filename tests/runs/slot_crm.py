"""A CRM of contacts that keep one code and nothing else of it, and its adapter; both are ours.

The contacts are in a file of SQLite beside the ledger; named as `tests.runs.slot_crm:SlotCrm`.
"""

import sqlite3
from contextlib import closing
from pathlib import Path

from sync.crm.adapter import API_VERSION, Capability, Outcome
from sync.crm.mapped.mapping import Slot, SlotMapping
from sync.crm.mapped.writer import CrmBusyError, MappedWriter, Record, rules_of

FILE = "contacts.db"
MAPPING = SlotMapping(find=("prop:customer_id = customer_id",), slot=(Slot(code="code"),))


class Contacts:
    """The CRM, as whoever uses it sees it."""

    at_once = 100

    def __init__(self, home):
        self._file = Path(home) / FILE
        self.is_down = False

    def show(self, codes):
        """Let each contact show a code; who was not there is created."""
        with closing(sqlite3.connect(self._file)) as connection, connection:
            connection.execute(
                "CREATE TABLE IF NOT EXISTS contacts (customer_id TEXT PRIMARY KEY, code TEXT)"
            )
            connection.executemany("INSERT OR REPLACE INTO contacts VALUES (?, ?)", codes.items())

    def codes(self):
        with closing(sqlite3.connect(self._file)) as connection:
            return dict(connection.execute("SELECT customer_id, code FROM contacts"))

    def find(self, _where, values, _fields):
        if self.is_down:
            raise CrmBusyError(Outcome.retry("the contacts are down"))
        codes = self.codes()
        return {who: [Record(who, {"code": codes[who]})] for who in values if who in codes}

    def write(self, changes):
        self.show({change.record_id: change.after["code"] for change in changes})
        return [None] * len(changes)


class SlotCrm:
    """Writes to the contacts."""

    api_version = API_VERSION
    setting_names = frozenset({"CRM_SLOTS_DOWN"})
    destination = "slotcrm-1"
    place = "the contacts"
    capabilities = frozenset({Capability.READS_BACK, Capability.CLEARS_BY_CODE})

    def __init__(self, contacts):
        self._writer = MappedWriter(rules_of(MAPPING), contacts)

    @classmethod
    def from_env(cls, env):
        contacts = Contacts(env["HOLDERSYNC_HOME"])
        contacts.is_down = env.get("CRM_SLOTS_DOWN") == "1"
        return cls(contacts)

    def check(self):
        return ()

    def ask_by(self, held_now):
        self._writer.ask_by(held_now)

    def preview(self, batch):
        return self._writer.preview(batch)

    def unassign(self, batch):
        return self._writer.unassign(batch)

    def close(self):
        """Nothing is held open."""
