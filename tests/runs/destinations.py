"""The CRMs that a whole run is taken to, each with what it believes and what it shows afterwards.

A destination gives its settings, takes in what a town's people hold, and says by person what it
shows as held; `calls` counts the reads and writes that it answered.
"""

import sqlite3
from contextlib import closing, contextmanager
from dataclasses import dataclass

from sync.crm.contract import Trouble
from sync.crm.sql.believed import Believed, put_in, read_back
from tests.crm.http.receiver import Receiver
from tests.crm.hubspot.account import OBJECT, furnish
from tests.crm.hubspot.double import HubSpot
from tests.crm.salesforce.setup import ASSIGNMENT, salesforce
from tests.runs.town import Fate

SECRET = "s3cret-s3cret-s3cret"


@dataclass(frozen=True)
class Calls:
    """What a CRM was asked; `others` are calls that a run makes once, whatever there is to do."""

    reads: int
    writes: int
    others: int = 0


class Slots:
    """A CRM that keeps one code per contact."""

    at_once = 100
    asks_what_is_held = False

    def expected(self, person):
        shown = person.shown_after
        return shown.code if shown else ""


class Records:
    """A CRM that keeps a record per assignment."""

    at_once = 100
    asks_what_is_held = False

    def expected(self, person):
        return {person.shown_after.holder_id} if person.shown_after else set()

    def records_of(self, person):
        """Give what this CRM has of a person: assignments, and whether each has ended."""
        if not person.is_known:
            return []
        newer = [(person.newer, False)] if person.newer else []
        return [(person.holder, person.fate is Fate.CLEARED), *newer]


class EmbeddedTable(Records):
    """The table `voucher_assignments` on SQLite."""

    name = "sql, the embedded table"
    missing = "assignment_not_found"
    calls = None

    def __init__(self, home):
        self._file = home / "crm.db"
        self.settings = {"HOLDERSYNC_CRM": "sql", "CRM_SQL_URL": f"sqlite:///{self._file}"}

    def believe(self, people):
        put_in(self._file, (_row(*each) for one in people for each in self.records_of(one)))

    def held_by(self, people):
        rows = read_back(self._file).values()
        held = {row.holder_id: row.customer_id for row in rows if row.status == "assigned"}
        return _by_person(people, held)

    def stop(self):
        pass


class OwnTable(Slots):
    """A merchant's own table of contacts, on SQLite."""

    name = "sql, a table of contacts with holder ids"
    missing = "contact_not_found"
    calls = None

    def __init__(self, home):
        self._file = home / "shop.db"
        (home / "contacts.toml").write_text(
            'object = "contacts"\nfind = ["prop:shop_customer = customer_id"]\n[[slot]]\n'
            'code = "voucher"\nholder_id = "holder"\nmatch = "holder_id"\n'
        )
        self.settings = {
            "HOLDERSYNC_CRM": "sql",
            "CRM_SQL_URL": f"sqlite:///{self._file}",
            "CRM_SQL_MAPPING": str(home / "contacts.toml"),
        }
        self._do("CREATE TABLE contacts (id INTEGER PRIMARY KEY, shop_customer, voucher, holder)")

    def _do(self, statement, rows=((),)):
        with closing(sqlite3.connect(self._file)) as database, database:
            return [each for row in rows for each in database.execute(statement, row)]

    def believe(self, people):
        known = [each for each in people if each.is_known]
        shown = [(each.customer.customer_id, each.shown_before) for each in known]
        self._do(
            "INSERT INTO contacts (shop_customer, voucher, holder) VALUES (?, ?, ?)",
            [(who, one and one.code, one and one.holder_id) for who, one in shown],
        )

    def held_by(self, people):
        codes = dict(self._do("SELECT shop_customer, voucher FROM contacts"))
        return {
            each.customer.customer_id: codes.get(each.customer.customer_id) or "" for each in people
        }

    def stop(self):
        pass


class HubSpotSlots(Slots):
    """Properties of contacts, with the holder id beside the code."""

    name = "hubspot, contacts with holder ids"
    missing = "contact_not_found"
    kind = "contacts"
    mapping = """
find = ["prop:voucherify_id = customer_id"]
[[slot]]
code = "voucher_code"
holder_id = "voucher_holder_id"
match = "holder_id"
set = { voucher_status = "unassigned", voucher_ended_at = "{unassigned_at}" }
"""
    keeps_ids = True

    def __init__(self, home):
        self.hubspot = HubSpot()
        furnish(self.hubspot)
        (home / "hubspot.toml").write_text(self.mapping)
        self.settings = {
            "HOLDERSYNC_CRM": "hubspot",
            "HUBSPOT_BASE_URL": self.hubspot.url,
            "HUBSPOT_ACCESS_TOKEN": self.hubspot.token,
            "HUBSPOT_ACCOUNT_ID": self.hubspot.account,
            "HUBSPOT_MAPPING": str(home / "hubspot.toml"),
        }

    def believe(self, people):
        for each in people:
            if each.is_known:
                shown = each.shown_before
                ids = {"voucher_holder_id": shown.holder_id} if shown and self.keeps_ids else {}
                code = {"voucher_code": shown.code} if shown else {}
                self.hubspot.add(
                    voucherify_id=each.customer.customer_id, note="not ours", **code, **ids
                )

    def held_by(self, people):
        rows = self.hubspot.objects["contacts"].values()
        assert all(row["note"] == "not ours" for row in rows)
        codes = {row["voucherify_id"]: row.get("voucher_code", "") for row in rows}
        return {
            each.customer.customer_id: codes.get(each.customer.customer_id, "") for each in people
        }

    @property
    def calls(self):
        counted = self.hubspot.calls
        reads = counted[f"POST crm/objects/{self.kind}/batch/read"]
        writes = counted[f"POST crm/objects/{self.kind}/batch/update"]
        return Calls(reads, writes, counted.total() - reads - writes)

    def down(self):
        return self.hubspot.always(answer=(503, {}, {}))

    def stop(self):
        self.hubspot.stop()


class HubSpotCodes(HubSpotSlots):
    """Properties of contacts that hold nothing but a code."""

    name = "hubspot, contacts with codes only"
    mapping = """
find = ["prop:voucherify_id = customer_id"]
[[slot]]
code = "voucher_code"
"""
    keeps_ids = False
    asks_what_is_held = True


class HubSpotRecords(HubSpotSlots, Records):
    """A custom object per assignment."""

    name = "hubspot, custom objects"
    missing = "assignment_not_found"
    kind = OBJECT
    expected = Records.expected
    mapping = f"""
object = "{OBJECT}"
[record]
holder_id = "holder_id"
status = "status"
set = {{ ended_on = "{{unassigned_on}}" }}
"""

    def believe(self, people):
        for one in people:
            for holder, has_ended in self.records_of(one):
                status = "unassigned" if has_ended else "assigned"
                self.hubspot.add(OBJECT, holder_id=holder.holder_id, status=status)

    def held_by(self, people):
        rows = self.hubspot.objects[OBJECT].values()
        held = [row["holder_id"] for row in rows if row["status"] == "assigned"]
        return _by_person(people, dict.fromkeys(held))


class SalesforceSlots(Slots):
    """Fields of contacts, with the holder id beside the code."""

    name = "salesforce, contacts with holder ids"
    missing = "contact_not_found"
    at_once = 200
    table = "Contact"
    mapping = """
find = ["prop:Voucherify_Id__c = customer_id"]
[[slot]]
code = "Voucher_Code__c"
holder_id = "Holder_Id__c"
match = "holder_id"
set = { Unassigned_At__c = "{unassigned_at}" }
"""

    def __init__(self, home):
        self._running = salesforce()
        self.salesforce = self._running.__enter__()
        self.org = self.salesforce.org
        (home / "salesforce.toml").write_text(self.mapping)
        client_id, secret = self.salesforce.logins.client
        self.settings = {
            "HOLDERSYNC_CRM": "salesforce",
            "SALESFORCE_URL": self.salesforce.url,
            "SALESFORCE_CLIENT_ID": client_id,
            "SALESFORCE_CLIENT_SECRET": secret,
            "SALESFORCE_MAPPING": str(home / "salesforce.toml"),
        }

    def believe(self, people):
        for each in people:
            if each.is_known:
                shown = each.shown_before
                fields = {"Voucherify_Id__c": each.customer.customer_id, "Note__c": "not ours"}
                if shown:
                    fields |= {"Voucher_Code__c": shown.code, "Holder_Id__c": shown.holder_id}
                self.org.seed(self.table, **fields)

    def held_by(self, people):
        rows = self.org.table(self.table).rows.values()
        assert all(row["Note__c"] == "not ours" for row in rows)
        codes = {row["Voucherify_Id__c"]: row["Voucher_Code__c"] or "" for row in rows}
        return {
            each.customer.customer_id: codes.get(each.customer.customer_id, "") for each in people
        }

    @property
    def calls(self):
        counted = self.salesforce.counts
        reads, writes = counted["query"], counted["collection"] + counted["row"]
        return Calls(reads, writes, counted.total() - reads - writes)

    @contextmanager
    def down(self):
        self.salesforce.fail(503, times=50)
        yield
        self.salesforce.faults.clear()

    def stop(self):
        self._running.__exit__(None, None, None)


class SalesforceRecords(SalesforceSlots, Records):
    """A custom object per assignment."""

    name = "salesforce, custom objects"
    missing = "assignment_not_found"
    table = ASSIGNMENT
    expected = Records.expected
    mapping = f"""
object = "{ASSIGNMENT}"
[record]
holder_id = "Holder_Id__c"
status = "Status__c"
ended = "Unassigned"
set = {{ Unassigned_At__c = "{{unassigned_at}}" }}
"""

    def believe(self, people):
        for one in people:
            for holder, has_ended in self.records_of(one):
                status = "Unassigned" if has_ended else "Assigned"
                self.org.seed(self.table, Holder_Id__c=holder.holder_id, Status__c=status)

    def held_by(self, people):
        rows = self.org.table(self.table).rows.values()
        held = [row["Holder_Id__c"] for row in rows if row["Status__c"] == "Assigned"]
        return _by_person(people, dict.fromkeys(held))


class HttpReceiver(Slots):
    """An endpoint, with a small CRM of contacts behind it."""

    name = "http, a receiver with contacts"
    missing = "contact_not_found"
    at_once = 1

    def __init__(self, _home):
        self.receiver = Receiver(SECRET)
        self.settings = {
            "HOLDERSYNC_CRM": "http",
            "CRM_HTTP_URL": self.receiver.url,
            "CRM_HTTP_SECRET": SECRET,
        }

    def believe(self, people):
        for each in people:
            if each.is_known:
                shown = each.shown_before
                code = shown.code if shown else ""
                self.receiver.rows.append({"customer_id": each.customer.customer_id, "code": code})

    def held_by(self, people):
        codes = {row["customer_id"]: row["code"] for row in self.receiver.rows}
        return {
            each.customer.customer_id: codes.get(each.customer.customer_id, "") for each in people
        }

    @property
    def calls(self):
        return Calls(0, self.receiver.calls)

    def down(self):
        return self.receiver.in_trouble(Trouble.BROKEN)

    def stop(self):
        self.receiver.stop()


def _row(holder, has_ended):
    status = "unassigned" if has_ended else "assigned"
    return Believed(
        holder.holder_id,
        holder.customer_id,
        holder.source_id,
        holder.voucher_id,
        holder.code,
        holder.campaign_id,
        holder.campaign_name,
        holder.assigned_at,
        status=status,
        unassigned_at=holder.unassigned_at if has_ended else None,
        unassigned_event_id=holder.event_id if has_ended else None,
    )


def _by_person(people, held):
    return {
        each.customer.customer_id: {
            one.holder_id
            for one in (each.holder, each.newer)
            if one is not None and one.holder_id in held
        }
        for each in people
    }


DESTINATIONS = (
    EmbeddedTable,
    OwnTable,
    HubSpotSlots,
    HubSpotCodes,
    HubSpotRecords,
    SalesforceSlots,
    SalesforceRecords,
    HttpReceiver,
)
