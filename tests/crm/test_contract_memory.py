"""The contract on a CRM in memory, in each shape."""

import pytest

from sync.crm.adapter import CredentialsRefusedError
from sync.crm.contract import AdapterContract, Held, Misconfigured, Trouble
from tests.crm.memory import BY_CODE, BY_HOLDER, KEY, LISTS, RECORDS, Crm, MemoryAdapter


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


def held(row):
    changed = {"code", "rh", "ended_at", "status"}
    return Held(
        code=row["code"],
        holder_id=row["rh"],
        ended=row.get("status") == "unassigned",
        told={"ended_at": row.get("ended_at", "")},
        other={name: text for name, text in row.items() if name not in changed},
    )


class TestCodes(MemoryContract):
    not_proven = {16: "the field keeps one code"}


class TestCodesAndHolderIds(MemoryContract):
    mapping = BY_HOLDER
    keeps_holder_id = True
    not_proven = {16: "the field keeps one code", 17: "nothing is cleared by its code alone"}


class TestLists(MemoryContract):
    mapping = LISTS
    separator = ";"


class TestRecords(MemoryContract):
    shape = "records"
    mapping = RECORDS
    keeps_holder_id = True
    not_proven = {16: "a record has one code", 17: "nothing is cleared by its code alone"}

    def rows(self, given):
        return self.crm.rows_with(rh=given.holder_id)
