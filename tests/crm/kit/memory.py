"""A CRM in memory, which can be put into trouble, and an adapter for it made of our own parts."""

import threading
from contextlib import contextmanager

import pytest

from sync.crm.adapter import (
    API_VERSION,
    Capability,
    CredentialsRefusedError,
    Outcome,
    TellUserError,
)
from sync.crm.contract import AdapterContract, Held, Misconfigured, Trouble
from sync.crm.mapped.believing import assigned
from sync.crm.mapped.mapping import RecordMapping, RecordPart, Slot, SlotMapping
from sync.crm.mapped.restoring import restore
from sync.crm.mapped.writer import LOST_RACE, CrmBusyError, MappedWriter, Record, rules_of

KEY = "memory-key-1f0c9a3e"
FIELDS = frozenset({"code", "rh", "status", "ended_at", "note"})
FIND = ("prop:vid = customer_id", "prop:shop = source_id")
BY_CODE = SlotMapping(find=FIND, slot=(Slot(code="code", set={"ended_at": "{unassigned_at}"}),))
BY_HOLDER = SlotMapping(find=FIND, slot=(Slot(code="code", holder_id="rh", match="holder_id"),))
LISTS = SlotMapping(find=FIND, slot=(Slot(code="code", multi=";"),))
NOWHERE = SlotMapping(find=FIND, slot=(Slot(code="nowhere"),))
RECORDS = RecordMapping(
    object="assignment",
    record=RecordPart(holder_id="rh", status="status", set={"ended_at": "{unassigned_at}"}),
)


class Crm:
    """Rows by their own ids, for whoever has the key."""

    at_once = 5

    def __init__(self):
        self.rows = {}
        self.trouble = None
        self.about = {}
        self._lock = threading.Lock()

    def put(self, **fields):
        self.rows[f"{len(self.rows) + 1}"] = fields

    def rows_with(self, **fields):
        return [row for row in self.rows.values() if fields.items() <= row.items()]

    @contextmanager
    def in_trouble(self, kind, **about):
        """Be in trouble, which may concern the rows with these fields alone."""
        self.trouble, self.about = kind, about
        try:
            yield
        finally:
            self.trouble = None

    def find(self, key, where, values, fields):
        with self._lock:
            self._answer_or_not(key)
            assert len(values) <= self.at_once
            found = {value: [] for value in values}
            for record_id, row in self.rows.items():
                value = record_id if where is None else row.get(where)
                if value in found:
                    shown = {name: row.get(name, "") for name in fields}
                    found[value].append(Record(record_id, shown))
            return found

    def page(self, key, after, at_most, fields, shows):
        with self._lock:
            self._answer_or_not(key)
            behind = [each for each in self.rows if int(each) > int(after or 0)]
            showing = [each for each in behind if any(self.rows[each].get(one) for one in shows)]
            return [
                Record(each, {name: self.rows[each].get(name, "") for name in fields})
                for each in showing[:at_most]
            ]

    def write(self, key, changes):
        with self._lock:
            self._answer_or_not(key)
            assert len(changes) <= self.at_once
            if self.trouble is Trouble.OVERTAKEN:
                self.trouble = None
                for row in self.rows_with(vid=self.about["vid"]):
                    row.update(self.about)
            told = [self._write(each) for each in changes]
            if self.trouble is Trouble.ANSWER_LOST:
                self.trouble = None
                raise CrmBusyError(Outcome.retry("no answer came"))
            return told

    def _answer_or_not(self, key):
        if key != KEY or self.trouble is Trouble.KEY_REFUSED:
            msg = "the CRM refuses the key of MEMORY_KEY: make a new one"
            raise CredentialsRefusedError(msg)
        if self.trouble in {Trouble.THROTTLED, Trouble.BROKEN, Trouble.SILENT}:
            raise CrmBusyError(Outcome.retry(f"the CRM is {self.trouble}"))

    def _write(self, change):
        row = self.rows[change.record_id]
        is_meant = self.about.items() <= row.items()
        if self.trouble is Trouble.WRITE_REFUSED and is_meant:
            return Outcome.rejected("a rule of the CRM forbids it")
        if self.trouble is Trouble.ITEM_FAILS and is_meant:
            return Outcome.retry("this contact is busy")
        if any(row.get(name, "") != value for name, value in change.before.items()):
            return LOST_RACE
        row |= change.after
        return None


class Account:
    """One CRM, as whoever has this key reaches it: the `Records` of a writer."""

    def __init__(self, crm, key):
        self.crm = crm
        self._key = key

    @property
    def at_once(self):
        return self.crm.at_once

    def find(self, where, values, fields):
        return self.crm.find(self._key, where, values, fields)

    def page(self, after, at_most, fields, shows):
        return self.crm.page(self._key, after, at_most, fields, shows)

    def write(self, changes):
        return self.crm.write(self._key, changes)


class MemoryAdapter:
    """The adapter; a wrong one changes one of its parts."""

    api_version = API_VERSION
    setting_names = frozenset({"MEMORY_KEY"})
    place = "the memory of this process"
    account = Account

    def __init__(self, crm, mapping, key=KEY):
        self.mapping = mapping
        self.records = self.account(crm, key)
        self.rules = self.make_rules()
        self.writer = MappedWriter(self.rules, self.records)
        self.destination = f"memory-{mapping.fingerprint()}"
        asks = {Capability.CLEARS_BY_CODE} if self.clears_by_code() else set()
        self.capabilities = frozenset(
            {
                Capability.READS_BACK,
                Capability.REPORTS_NOT_FOUND,
                Capability.COMPARES_ON_SERVER,
                Capability.RESTORES,
                Capability.LISTS_ASSIGNED,
                *asks,
            }
        )

    def make_rules(self):
        return rules_of(self.mapping)

    def clears_by_code(self):
        return isinstance(self.mapping, SlotMapping) and self.mapping.slot[0].holder_id is None

    def check(self):
        if set(self.mapping.fields()) - FIELDS:
            msg = "MEMORY_MAPPING: the CRM has no such field: correct its name"
            raise TellUserError(msg)
        try:
            self.records.find(None, ["1"], self.mapping.fields())
        except CrmBusyError as busy:
            msg = f"MEMORY_KEY: the CRM can't be asked now ({busy}): try again later"
            raise TellUserError(msg) from None
        return ()

    def ask_by(self, held_now):
        self.writer.ask_by(held_now)

    def preview(self, batch):
        return self.writer.preview(batch)

    def unassign(self, batch):
        return self.writer.unassign(batch)

    def assigned(self, after, at_most):
        return assigned(self.records, self.mapping, after, at_most)

    def restore(self, changes, *, dry_run):
        return restore(self.records, self.rules, changes, dry_run=dry_run)

    def close(self):
        pass


class MemoryContract(AdapterContract):
    shape = "slots"
    mapping = BY_CODE
    adapter = MemoryAdapter
    batch_limit = Crm.at_once
    secrets = (KEY,)

    @pytest.fixture(autouse=True)
    def _crm(self):
        self.crm = Crm()

    def make_adapter(self):
        return self.adapter(self.crm, self.mapping)

    def seed(self, *given):
        for each in given:
            for _ in range(each.copies):
                self.crm.put(**self.shown(each), shop=each.source_id or "", note=each.note)

    def shown(self, given):
        """Give the fields in which this contract's CRM shows an assignment."""
        fields = {"vid": given.customer_id, "code": given.code, "status": "assigned"}
        return fields | {"rh": given.holder_id if self.keeps_holder_id else ""}

    def rows(self, given):
        return self.crm.rows_with(vid=given.customer_id)

    def peek(self, given):
        return [held(row) for row in self.rows(given)]

    def count(self):
        return len(self.crm.rows)

    def reassign(self, given):
        for row in self.rows(given):
            row.update(self.shown(given))

    def trouble(self, kind, given):
        is_overtaken = kind is Trouble.OVERTAKEN
        about = self.shown(given) if is_overtaken else {"vid": given.customer_id}
        return self.crm.in_trouble(kind, **about)

    def misconfigured(self):
        yield Misconfigured(
            "a wrong key",
            lambda: self.adapter(self.crm, self.mapping, "memory-key-wrong"),
            says=("MEMORY_KEY", "refuses"),
            error=CredentialsRefusedError,
        )
        yield Misconfigured(
            "a field that the CRM doesn't have",
            lambda: self.adapter(self.crm, NOWHERE),
            says=("MEMORY_MAPPING", "no such field"),
        )


class RecordsContract(MemoryContract):
    shape = "records"
    mapping = RECORDS
    keeps_holder_id = True

    def rows(self, given):
        return self.crm.rows_with(rh=given.holder_id)


def held(row):
    changed = {"code", "rh", "ended_at", "status"}
    return Held(
        code=row["code"],
        holder_id=row["rh"],
        ended=row["status"] == "unassigned",
        told={"ended_at": row.get("ended_at", "")},
        other={name: text for name, text in row.items() if name not in changed},
    )
