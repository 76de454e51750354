"""What `check` proves of Salesforce by reading alone, and what it says that it could not."""

import pytest

from sync.crm.adapter import CredentialsRefusedError, TellUserError
from sync.crm.mapped.mapping import RecordMapping, RecordPart, Slot, SlotMapping
from sync.crm.salesforce.login import ClientCredentials
from tests.crm.salesforce.org import Field
from tests.crm.salesforce.setup import ASSIGNMENT, CODES, RECORDS, adapters, running

crm = pytest.fixture(running)
make = pytest.fixture(adapters)

UNPROVEN = "validation rules, flows, triggers and sharing: each may refuse one record's change"
BY_INDEX = ("prop:Voucherify_Id__c = customer_id", "record_id = source_id", "email = email")


@pytest.fixture
def contact(crm):
    """The fields of contacts, of whom there is one."""
    crm.org.seed("Contact", LastName="Lee")
    return crm.org.table("Contact")


def slots(find=BY_INDEX, **slot):
    return SlotMapping(find=find, slot=(Slot(**({"code": "Voucher_Code__c"} | slot)),))


def records(**record):
    fields = {"holder_id": "Holder_Id__c", "status": "Status__c", "ended": "Unassigned"} | record
    return RecordMapping(object=ASSIGNMENT, record=RecordPart(**fields))


def refusal(adapter):
    with pytest.raises(TellUserError) as caught:
        adapter.check()
    return str(caught.value)


@pytest.mark.usefixtures("contact")
def test_what_is_right_passes_and_what_can_not_be_proven_is_told(crm, make):
    assert make(slots()).check() == [UNPROVEN]
    assert crm.counts == {"login": 1, "describe": 1, "limits": 1, "query": 1}


@pytest.mark.usefixtures("contact")
def test_a_field_that_has_no_index_is_told_as_slow(make):
    assert "Shop_Id__c has no index" in make(CODES).check()[0]


def test_an_empty_object_is_told(make):
    said = make(RECORDS).check()

    assert said[0].startswith(f"a {ASSIGNMENT}: there is none, or sharing hides them all")


@pytest.mark.usefixtures("contact")
def test_limits_that_the_user_may_not_see_are_told(crm, make):
    crm.fail(403, "INSUFFICIENT_ACCESS", at="limits")
    assert make(slots()).check()[0].startswith("how many of the org's calls are left")

    crm.fail(200, at="limits", raw={"DailyApiRequests": 3})
    assert make(slots()).check()[0].startswith("how many of the org's calls are left")


def test_a_wrong_secret_is_refused(make):
    with pytest.raises(CredentialsRefusedError):
        make(grant=ClientCredentials("app-id", "wrong")).check()


def test_an_org_that_is_down_is_told(crm, make):
    crm.fail(503, at="describe", times=2)

    assert "can't be asked now" in refusal(make())


def test_calls_that_are_used_up_are_told(crm, make):
    crm.org.allowed = 0

    assert "calls of 24 hours are used up; try again later" in refusal(make())


def test_an_object_that_is_not_shown_is_named(make):
    assert "shows no object Voucher__c" in refusal(
        make(CODES.model_copy(update={"object": "Voucher__c"}))
    )


@pytest.mark.parametrize("right", ["queryable", "updateable"])
def test_an_object_that_may_not_be_read_and_edited_is_named(contact, make, right):
    setattr(contact, right, False)

    assert "may not read and edit Contact" in refusal(make())


@pytest.mark.parametrize(
    "mapping",
    [
        slots(code="Nothing__c"),
        slots(clear=("Nothing__c",)),
        slots(set={"Nothing__c": "x"}),
        slots(find=("prop:Nothing__c = source_id",)),
        records(holder_id="Nothing__c"),
        records(status="Nothing__c"),
    ],
)
def test_a_field_that_is_not_shown_is_named(make, mapping):
    assert "shows no field Nothing__c" in refusal(make(mapping))


def test_the_name_of_a_field_has_no_case(contact, make):
    assert make(slots(code="voucher_code__C")).check() == [UNPROVEN]
    assert contact.name == "Contact"


def test_a_field_that_may_not_be_edited_is_named(contact, make):
    contact.field("Voucher_Code__c").updateable = False

    assert "may not edit Voucher_Code__c" in refusal(make())


def test_a_field_that_is_required_can_not_be_emptied(contact, make):
    contact.field("Voucher_Code__c").nillable = False

    assert "Voucher_Code__c is required" in refusal(make())


def test_a_checkbox_can_not_be_emptied_but_set(make):
    assert "set = { Has_Voucher__c = ... }" in refusal(make(slots(clear=("Has_Voucher__c",))))

    assert make(slots(set={"Has_Voucher__c": "false"})).check()


@pytest.mark.parametrize("lacking", ["unique", "external_id"])
def test_the_key_of_records_has_to_be_unique_and_external(crm, make, lacking):
    setattr(crm.org.table(ASSIGNMENT).field("Holder_Id__c"), lacking, False)

    assert "Holder_Id__c has to be an external ID and unique" in refusal(make(RECORDS))


def test_a_restricted_picklist_has_to_know_what_is_written(crm, make):
    assert "without the value 'unassigned'" in refusal(make(records(ended="unassigned")))
    assert "without the value 'Gone'" in refusal(
        make(records(status=None, clear=("Note__c",), set={"Status__c": "Gone"}))
    )

    crm.org.table(ASSIGNMENT).field("Status__c").restricted = False
    assert make(records(ended="unassigned")).check()


def test_a_text_that_is_too_long_for_its_field_is_told(contact, make):
    contact.fields["short__c"] = Field("Short__c", length=5)

    assert "Short__c takes 5 characters" in refusal(make(slots(set={"Short__c": "ended now"})))
    assert make(slots(set={"Short__c": "{event_id}"})).check()


@pytest.mark.parametrize(
    ("field", "right", "wrong"),
    [
        ("Unassigned_On__c", "{unassigned_on}", "{unassigned_at}"),
        ("Unassigned_On__c", "2026-01-31", "soon"),
        ("Unassigned_At__c", "{unassigned_at}", "{unassigned_on}"),
        ("Has_Voucher__c", "false", "no"),
        ("Discount__c", "0", "{code}"),
        ("Discount__c", "", "none"),
    ],
)
@pytest.mark.usefixtures("contact")
def test_what_is_set_has_to_fit_the_type_of_its_field(make, field, right, wrong):
    assert f"{field} is of the type" in refusal(make(slots(set={field: wrong})))

    assert make(slots(set={field: right})).check() == [UNPROVEN]


@pytest.mark.parametrize("name", ["Discount__c", "Long__c"])
def test_a_field_that_can_not_be_searched_is_named(contact, make, name):
    contact.fields["long__c"] = Field("Long__c", filterable=False)

    said = refusal(make(slots(find=(f"prop:{name} = source_id",))))

    assert f"{name} can't be searched" in said


def test_a_record_that_can_not_be_read_is_told(crm, make):
    crm.fail(400, "INVALID_FIELD", at="query")

    assert "400 INVALID_FIELD" in refusal(make())
