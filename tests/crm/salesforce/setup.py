"""An org of the double with what a merchant keeps there, and adapters on it that don't wait."""

from contextlib import contextmanager

from sync.crm.mapped.mapping import RecordMapping, RecordPart, Slot, SlotMapping
from sync.crm.salesforce.adapter import SalesforceAdapter
from sync.crm.salesforce.login import ClientCredentials
from sync.model.patience import Patience
from tests.crm.salesforce.double import Salesforce
from tests.crm.salesforce.org import Field

ASSIGNMENT = "Voucher_Assignment__c"
FIND = ("prop:Voucherify_Id__c = customer_id", "prop:Shop_Id__c = source_id")
TOLD = {"Unassigned_At__c": "{unassigned_at}"}
CODES = SlotMapping(find=FIND, slot=(Slot(code="Voucher_Code__c", set=TOLD),))
HOLDERS = SlotMapping(
    find=FIND,
    slot=(Slot(code="Voucher_Code__c", holder_id="Holder_Id__c", match="holder_id", set=TOLD),),
)
LISTS = SlotMapping(find=FIND, slot=(Slot(code="Voucher_Code__c", multi=";"),))
RECORDS = RecordMapping(
    object=ASSIGNMENT,
    record=RecordPart(holder_id="Holder_Id__c", status="Status__c", ended="Unassigned", set=TOLD),
)
PATIENCE = Patience(connect=2.0, read=0.4, answer=4.0, attempts=2, total=5.0)


def contact_fields():
    return [
        Field("LastName", nillable=False),
        Field("Email", "email", 80, id_lookup=True),
        Field("Voucherify_Id__c", external_id=True, unique=True),
        Field("Shop_Id__c"),
        Field("Voucher_Code__c"),
        Field("Holder_Id__c"),
        Field("Gift_Code__c"),
        Field("Discount__c", "double"),
        Field("Has_Voucher__c", "boolean"),
        Field("Unassigned_On__c", "date"),
        Field("Unassigned_At__c", "datetime"),
        Field("Note__c"),
        Field("OwnerId", "reference", 18),
    ]


@contextmanager
def salesforce():
    """Run a double with contacts, leads, accounts and records of assignments."""
    double = Salesforce()
    for name, prefix in (("Contact", "003"), ("Lead", "00Q"), ("Account", "001")):
        double.org.add_table(name, prefix, *contact_fields())
    double.org.add_table(
        ASSIGNMENT,
        "a01",
        Field("Holder_Id__c", external_id=True, unique=True),
        Field("Status__c", "picklist", values=("Assigned", "Unassigned"), restricted=True),
        Field("Voucher_Code__c"),
        Field("Discount__c", "double"),
        Field("Is_Open__c", "boolean"),
        Field("Unassigned_At__c", "datetime"),
        Field("Note__c"),
    )
    try:
        yield double
    finally:
        double.stop()


def adapter_on(double, mapping=CODES, **changes):
    """Make an adapter that doesn't wait between two tries."""
    fields = {"patience": PATIENCE, "wait": lambda _seconds: None} | changes
    grant = fields.pop("grant", ClientCredentials("app-id", "app-secret"))
    return SalesforceAdapter(double.url, grant, mapping, **fields)


def running():
    """To be made a fixture: a double."""
    with salesforce() as double:
        yield double


def adapters(crm):
    """To be made a fixture: makes adapters on the double, and closes them."""
    made = []

    def make(mapping=CODES, **changes):
        made.append(adapter_on(crm, mapping, **changes))
        return made[-1]

    yield make
    for each in made:
        each.close()


def results(outcomes):
    return [outcome.result for outcome in outcomes]
