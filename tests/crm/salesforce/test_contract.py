"""The contract on Salesforce, in each shape, against a double of our own."""

from contextlib import contextmanager

import pytest

from sync.crm.adapter import CredentialsRefusedError
from sync.crm.contract import AdapterContract, Held, Misconfigured, Trouble
from sync.crm.salesforce.login import ClientCredentials
from tests.crm.salesforce.setup import (
    ASSIGNMENT,
    CODES,
    FIND,
    HOLDERS,
    LISTS,
    RECORDS,
    SlotMapping,
    adapter_on,
    salesforce,
)

NO_COMPARE = "an update by Id compares nothing; where it would, it is by whole seconds"
WRITES = ("collection", "row")


class SalesforceContract(AdapterContract):
    shape = "slots"
    name = "Contact"
    mapping = CODES
    batch_limit = 200
    secrets = ("app-secret", ".secret-token")

    @pytest.fixture(autouse=True)
    def _org(self):
        with salesforce() as self.double:
            self.org = self.double.org
            yield

    def make_adapter(self):
        return adapter_on(self.double, self.mapping)

    def seed(self, *given):
        for each in given:
            for _ in range(each.copies):
                self.org.seed(self.name, **self.shown(each), **self.beside(each))

    def beside(self, given):
        fields = {"LastName": "Lee", "Email": given.email, "Shop_Id__c": given.source_id}
        return fields | {"Voucherify_Id__c": given.customer_id, "Note__c": given.note}

    def shown(self, given):
        fields = {"Voucher_Code__c": given.code or None}
        return fields | {"Holder_Id__c": given.holder_id if self.keeps_holder_id else None}

    def rows(self, given):
        rows = self.org.table(self.name).rows.values()
        return [row for row in rows if row["Voucherify_Id__c"] == given.customer_id]

    def peek(self, given):
        return [held(row) for row in self.rows(given)]

    def count(self):
        return len(self.org.table(self.name).rows)

    def reassign(self, given):
        for row in self.rows(given):
            row.update(self.shown(given))

    def trouble(self, kind, given):
        return {
            Trouble.THROTTLED: self._throttled,
            Trouble.BROKEN: self._broken,
            Trouble.SILENT: self._silent,
            Trouble.KEY_REFUSED: self._key_refused,
            Trouble.WRITE_REFUSED: self._write_refused,
            Trouble.ITEM_FAILS: self._item_fails,
            Trouble.ANSWER_LOST: self._answer_lost,
            Trouble.OVERTAKEN: self._overtaken,
        }[kind](given)

    @contextmanager
    def _throttled(self, _given):
        self.org.allowed = self.org.used
        yield
        self.org.allowed = 100_000

    @contextmanager
    def _broken(self, _given):
        self.double.fail(503, times=50)
        yield
        self.double.faults.clear()

    @contextmanager
    def _silent(self, _given):
        self.double.be_silent(0.6, times=50)
        yield
        self.double.faults.clear()

    @contextmanager
    def _key_refused(self, _given):
        self.double.end_sessions()
        self.double.logins.client = ("app-id", "another-secret")
        yield
        self.double.logins.client = ("app-id", "app-secret")

    @contextmanager
    def _write_refused(self, given):
        meant = [row["Id"] for row in self.rows(given)]
        self.org.validation.append(lambda _name, row: row["Id"] in meant and "a rule of the org")
        yield
        self.org.validation.clear()

    @contextmanager
    def _item_fails(self, given):
        for row in self.rows(given):
            self.org.row_faults[row["Id"]] = ["UNABLE_TO_LOCK_ROW"] * 50
        yield
        self.org.row_faults.clear()

    @contextmanager
    def _answer_lost(self, _given):
        for kind in WRITES:
            self.double.lose(at=kind)
        yield
        self.double.faults.clear()

    @contextmanager
    def _overtaken(self, given):
        def overtake(kind):
            if kind in WRITES:
                self.org.watch = lambda _kind: None
                self.reassign(given)

        self.org.watch = overtake
        yield
        self.org.watch = lambda _kind: None

    def misconfigured(self):
        yield Misconfigured(
            "a wrong secret",
            lambda: adapter_on(self.double, grant=ClientCredentials("app-id", "wrong")),
            says=("SALESFORCE_CLIENT_SECRET", "refused"),
            error=CredentialsRefusedError,
        )
        yield Misconfigured(
            "an unknown object",
            lambda: adapter_on(self.double, CODES.model_copy(update={"object": "Nobody__c"})),
            says=("Nobody__c", "object"),
        )
        unknown = SlotMapping(find=FIND, slot=({"code": "Voucher__c"},))
        yield Misconfigured(
            "an unknown field",
            lambda: adapter_on(self.double, unknown),
            says=("Voucher__c", "field"),
        )


def held(row):
    changed = {"Voucher_Code__c", "Holder_Id__c", "Unassigned_At__c", "Status__c"}
    return Held(
        code=row["Voucher_Code__c"] or "",
        holder_id=row["Holder_Id__c"] or "",
        ended=row.get("Status__c") == "Unassigned",
        told={"Unassigned_At__c": row["Unassigned_At__c"] or ""},
        other={name: str(value or "") for name, value in row.items() if name not in changed},
    )


class TestCodes(SalesforceContract):
    not_proven = {13: NO_COMPARE, 16: "the field keeps one code"}


class TestCodesAndHolderIds(SalesforceContract):
    mapping = HOLDERS
    keeps_holder_id = True
    not_proven = {
        13: NO_COMPARE,
        16: "the field keeps one code",
        17: "nothing is cleared by its code alone",
    }


class TestListsOfALead(SalesforceContract):
    name = "Lead"
    mapping = LISTS.model_copy(update={"object": "Lead"})
    separator = ";"
    not_proven = {13: NO_COMPARE}


class TestRecords(SalesforceContract):
    shape = "records"
    name = ASSIGNMENT
    mapping = RECORDS
    keeps_holder_id = True
    not_proven = {
        13: NO_COMPARE,
        16: "a record has one code",
        17: "nothing is cleared by its code alone",
    }

    def beside(self, given):
        return {"Note__c": given.note}

    def shown(self, given):
        fields = {"Voucher_Code__c": given.code or None, "Status__c": "Assigned"}
        return fields | {"Holder_Id__c": given.holder_id}

    def rows(self, given):
        rows = self.org.table(self.name).rows.values()
        return [row for row in rows if row["Holder_Id__c"] == given.holder_id]
