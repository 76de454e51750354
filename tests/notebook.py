"""A CRM that is one file: contacts in JSON, found and written by the tool's own parts.

It is ours. Named as `tests.notebook:Notebook` it is a stranger's adapter to the command line; what
a person or another program does in the CRM is done to `contacts`.
"""

import json
from pathlib import Path

from sync.crm.adapter import API_VERSION, Capability, Outcome
from sync.crm.mapped.mapping import Slot, SlotMapping
from sync.crm.mapped.restoring import restore
from sync.crm.mapped.writer import CrmBusyError, MappedWriter, Record, rules_of

MAPPING = SlotMapping(
    find=("prop:vid = customer_id",),
    slot=(Slot(code="codes", multi=";", set={"ended_at": "{unassigned_at}"}),),
)
DOWN = CrmBusyError(Outcome.retry("the notebook is held by somebody"))
NAMED = "tests.notebook:Notebook"


class Pages:
    """The records; `wrongs` are raised by the next calls, one each, None lets one pass."""

    at_once = 100

    def __init__(self, path):
        self.path = path
        self.refused = {}
        self.wrongs = []
        self.calls = []

    @property
    def contacts(self):
        return json.loads(self.path.read_text()) if self.path.exists() else {}

    @contacts.setter
    def contacts(self, rows):
        self.path.write_text(json.dumps(rows))

    def change(self, record_id, **fields):
        rows = self.contacts
        rows.setdefault(record_id, {}).update(fields)
        self.contacts = rows

    def remove(self, record_id):
        self.contacts = {each: row for each, row in self.contacts.items() if each != record_id}

    def find(self, where, values, fields):
        self._call("find", len(values))
        found = {value: [] for value in values}
        for record_id, row in self.contacts.items():
            value = record_id if where is None else row.get(where)
            if value in found:
                shown = {name: row.get(name, "") for name in fields}
                found[value].append(Record(record_id, shown))
        return found

    def write(self, changes):
        self._call("write", len(changes))
        rows = self.contacts
        for change in changes:
            if change.record_id not in self.refused:
                rows[change.record_id].update(change.after)
        self.contacts = rows
        return [self.refused.get(each.record_id) for each in changes]

    def _call(self, kind, number):
        assert number <= self.at_once
        self.calls.append((kind, number))
        wrong = self.wrongs.pop(0) if self.wrongs else None
        if wrong is not None:
            raise wrong


class Notebook:
    """The adapter."""

    api_version = API_VERSION
    setting_names = frozenset({"CRM_NOTEBOOK"})
    capabilities = frozenset(
        {Capability.READS_BACK, Capability.REPORTS_NOT_FOUND, Capability.RESTORES}
    )

    def __init__(self, path, destination="notebook-1"):
        self.destination = destination
        self.place = str(path)
        self.pages = Pages(path)
        self.rules = rules_of(MAPPING)
        self._writer = MappedWriter(self.rules, self.pages)

    @classmethod
    def from_env(cls, env):
        name = env.get("CRM_NOTEBOOK", "notebook.json")
        return cls(Path(env["HOLDERSYNC_HOME"]) / name, f"notebook-{Path(name).stem}")

    def check(self):
        return ("whether the notebook may be written",)

    def preview(self, batch):
        return self._writer.preview(batch)

    def unassign(self, batch):
        return self._writer.unassign(batch)

    def restore(self, changes, *, dry_run):
        return restore(self.pages, self.rules, changes, dry_run=dry_run)

    def close(self):
        pass
