"""The contract on an account of our HubSpot, in each shape."""

from contextlib import contextmanager
from dataclasses import replace

import pytest

from sync.crm.adapter import CredentialsRefusedError
from sync.crm.contract import AdapterContract, Held, Misconfigured, Trouble
from sync.crm.hubspot.adapter import PATIENCE, HubSpotAdapter
from sync.crm.mapped.mapping import Slot, SlotMapping
from tests.crm.hubspot.account import (
    BY_HOLDER,
    FIND,
    OBJECT,
    RECORDS,
    TOLD,
    adapter_on,
    furnish,
)
from tests.crm.hubspot.double import HubSpot

TOKEN = "pat-eu1-s3cret-5c7d"
BY_SHOP = SlotMapping(find=("prop:shop_id = source_id",), slot=TOLD.slot)
LISTS = SlotMapping(find=FIND, slot=(Slot(code="voucher_code", multi=";"),))
HASTY = replace(PATIENCE, read=0.2, answer=0.2, attempts=2)
NO_COMPARING = "HubSpot has no write that compares"
UNIQUE = "HubSpot keeps the property unique"
ONE_CODE = "the field keeps one code"
CHANGED = {
    "voucher_code",
    "voucher_holder_id",
    "voucher_status",
    "voucher_ended_at",
    "status",
    "ended_on",
}


class HubSpotContract(AdapterContract):
    shape = "slots"
    mapping = TOLD
    kind = "contacts"
    batch_limit = 100
    secrets = (TOKEN,)

    @pytest.fixture(autouse=True)
    def _account(self):
        self.hubspot = HubSpot(token=TOKEN)
        furnish(self.hubspot)
        yield
        self.hubspot.stop()

    def make_adapter(self, **changes):
        changes = {"patience": HASTY, "mapping": self.mapping, "token": TOKEN} | changes
        return adapter_on(self.hubspot, **changes)

    def seed(self, *given):
        for each in given:
            for _ in range(each.copies):
                known = {"shop_id": each.source_id, "email": each.email, "note": each.note}
                self.hubspot.add(voucherify_id=each.customer_id, **known, **self.shown(each))

    def shown(self, given):
        """Give the fields in which this account shows an assignment."""
        holder_id = {"voucher_holder_id": given.holder_id} if self.keeps_holder_id else {}
        return {"voucher_code": given.code, "voucher_status": "assigned"} | holder_id

    def ids(self, given):
        rows = self.hubspot.objects[self.kind].items()
        return [each for each, row in rows if self.is_of(given, row)]

    def is_of(self, given, row):
        return row["voucherify_id"] == given.customer_id

    def peek(self, given):
        return [held(self.hubspot.shows(each, self.kind)) for each in self.ids(given)]

    def count(self):
        return len(self.hubspot.objects[self.kind])

    def reassign(self, given):
        for each in self.ids(given):
            told = {"voucher_ended_at": "", "ended_on": ""}
            kept = {name: told[name] for name in told if name in self.hubspot.properties[self.kind]}
            self.hubspot.edit(each, self.kind, **self.shown(given), **kept)

    def trouble(self, kind, given):
        hubspot = self.hubspot
        troubles = {
            Trouble.THROTTLED: hubspot.always(answer=(429, {"policyName": "SECONDLY"}, {})),
            Trouble.BROKEN: hubspot.always(answer=(503, {}, {})),
            Trouble.SILENT: hubspot.always(is_silent=True),
            Trouble.KEY_REFUSED: changed(hubspot, "token", "pat-another"),
            Trouble.WRITE_REFUSED: changed(hubspot, "forbidden", {*self.ids(given)}),
            Trouble.ITEM_FAILS: changed(hubspot, "stuck", {*self.ids(given)}),
            Trouble.ANSWER_LOST: hubspot.always(ending="/ID", is_written=True),
        }
        return troubles[kind] if kind in troubles else super().trouble(kind, given)

    def misconfigured(self):
        def make(**changes):
            return lambda: self.make_adapter(**changes)

        def of_another_account():
            return HubSpotAdapter(TOKEN, "99", self.mapping, base_url=self.hubspot.url)

        nowhere = self.mapping.model_copy(update={"object": "p_nowhere"})
        yield Misconfigured(
            "a wrong token",
            make(token="pat-wrong"),
            says=("HUBSPOT_ACCESS_TOKEN", "401"),
            error=CredentialsRefusedError,
        )
        yield Misconfigured(
            "another account", of_another_account, says=("HUBSPOT_ACCOUNT_ID", "another account")
        )
        yield Misconfigured("no such objects", make(mapping=nowhere), says=("p_nowhere", "mapping"))
        yield Misconfigured(
            "nobody there", make(base_url="http://127.0.0.1:9"), says=("can't be asked now",)
        )


@contextmanager
def changed(hubspot, name, value):
    before = getattr(hubspot, name)
    setattr(hubspot, name, value)
    yield
    setattr(hubspot, name, before)


def held(row):
    return Held(
        code=row.get("voucher_code", ""),
        holder_id=row.get("voucher_holder_id", "") or row.get("holder_id", ""),
        ended=row.get("status") == "unassigned",
        told={name: row.get(name, "") for name in CHANGED - {"voucher_code", "voucher_holder_id"}},
        other={name: text for name, text in row.items() if name not in CHANGED},
    )


class TestCodes(HubSpotContract):
    not_proven = {6: UNIQUE, 13: NO_COMPARING, 16: ONE_CODE}


class TestCodesFoundBySearch(HubSpotContract):
    mapping = BY_SHOP
    found_by = "source_id"
    not_proven = {13: NO_COMPARING, 16: ONE_CODE}


class TestLists(HubSpotContract):
    mapping = LISTS
    separator = ";"
    not_proven = {6: UNIQUE, 13: NO_COMPARING}


class TestCodesAndHolderIds(HubSpotContract):
    mapping = BY_HOLDER
    keeps_holder_id = True
    not_proven = {
        6: UNIQUE,
        13: NO_COMPARING,
        16: ONE_CODE,
        17: "nothing is cleared by its code alone",
    }


class TestRecords(HubSpotContract):
    shape = "records"
    mapping = RECORDS
    kind = OBJECT
    not_proven = {
        6: UNIQUE,
        13: NO_COMPARING,
        16: "a record has one code",
        17: "nothing is cleared by its code alone",
    }

    def seed(self, *given):
        for each in given:
            for _ in range(each.copies):
                self.hubspot.add(OBJECT, note=each.note, **self.shown(each))

    def shown(self, given):
        return {"holder_id": given.holder_id, "code": given.code, "status": "assigned"}

    def is_of(self, given, row):
        return row["holder_id"] == given.holder_id
