"""Whom Salesforce shows to hold something, on our double over real HTTP."""

import pytest

from sync.crm.adapter import TellUserError
from sync.crm.mapped.mapping import RecordMapping, RecordPart, Slot, SlotMapping
from sync.errors import UnavailableError
from tests.crm.salesforce.org import Field
from tests.crm.salesforce.setup import ASSIGNMENT, CODES, FIND, HOLDERS, adapter_on, salesforce


@pytest.fixture
def double():
    with salesforce() as double:
        yield double


def everybody(adapter, at_most=3):
    after, listed = None, []
    while page := adapter.assigned(after, at_most):
        listed += page
        after = page[-1].record_id
    return [(each.customer_id, each.holder_id, each.code) for each in listed]


def contact(double, number, **fields):
    return double.org.seed("Contact", LastName="Lee", Voucherify_Id__c=f"cust_{number}", **fields)


def test_contacts_that_show_a_code_are_listed_by_their_ids(double):
    for each in range(8):
        contact(double, each, Voucher_Code__c=f"CODE-{each}")
        contact(double, f"empty_{each}")

    assert everybody(adapter_on(double)) == [(f"cust_{n}", None, f"CODE-{n}") for n in range(8)]
    assert double.counts["query"] == 4


def test_a_page_that_salesforce_gives_in_parts_is_read_to_its_end(double):
    double.org.page = 2
    for each in range(7):
        contact(double, each, Voucher_Code__c="CODE", Holder_Id__c=f"rh_{each}")

    listed = everybody(adapter_on(double, HOLDERS), at_most=5)

    assert [each[1] for each in listed] == [f"rh_{each}" for each in range(7)]


def test_a_long_text_that_can_not_be_asked_for_lists_all_contacts_and_their_codes(double):
    table = double.org.table("Contact")
    long_text = Field("Codes__c", "textarea", 32_000, filterable=False)
    table.fields["codes__c"] = long_text
    codes = SlotMapping(find=FIND, slot=(Slot(code="Codes__c", multi=";"),))
    contact(double, 1, Codes__c="A;B")
    contact(double, 2)
    contact(double, 3, Codes__c="C")

    listed = everybody(adapter_on(double, codes), at_most=1)

    assert listed == [("cust_1", None, "A"), ("cust_1", None, "B"), ("cust_3", None, "C")]


def test_records_of_assignments_are_listed_until_they_have_ended(double):
    double.org.table(ASSIGNMENT).fields["owner__c"] = Field("Owner__c")
    part = RecordPart(
        holder_id="Holder_Id__c", customer_id="Owner__c", status="Status__c", ended="Unassigned"
    )
    for number, status in enumerate(["Assigned", "Unassigned", None, "Assigned"]):
        told = {"Holder_Id__c": f"rh_{number}", "Owner__c": f"cust_{number}"}
        double.org.seed(ASSIGNMENT, Status__c=status, **told)

    listed = everybody(adapter_on(double, RecordMapping(object=ASSIGNMENT, record=part)))

    assert listed == [(f"cust_{n}", f"rh_{n}", None) for n in (0, 2, 3)]


def test_a_field_that_is_not_there_is_told(double):
    nowhere = SlotMapping(find=FIND, slot=(Slot(code="Nowhere__c"),))

    with pytest.raises(TellUserError, match="INVALID_FIELD"):
        adapter_on(double, nowhere).assigned(None, 5)


def test_an_org_that_is_down_is_unavailable(double):
    double.fail(503, times=50)

    with pytest.raises(UnavailableError, match="can't be listed now"):
        adapter_on(double, CODES).assigned(None, 5)


def test_a_check_names_a_field_for_listing_that_is_not_there(double):
    part = RecordPart(holder_id="Holder_Id__c", customer_id="Owner__c", status="Status__c")

    with pytest.raises(TellUserError, match="no field Owner__c"):
        adapter_on(double, RecordMapping(object=ASSIGNMENT, record=part)).check()
