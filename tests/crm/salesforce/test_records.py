"""What is found in Salesforce, and what is written, on a double of our own."""

import json
from dataclasses import replace
from itertools import count

import pytest

from sync.crm.adapter import Result, TellUserError, Undone
from sync.crm.mapped.mapping import Slot, SlotMapping
from tests.crm.salesforce.setup import (
    ASSIGNMENT,
    CODES,
    HOLDERS,
    LISTS,
    RECORDS,
    adapters,
    results,
    running,
)

crm = pytest.fixture(running)
make = pytest.fixture(adapters)

CODE = (Slot(code="Voucher_Code__c"),)
BY_ID = SlotMapping(find=("record_id = source_id",), slot=CODE)
BY_EMAIL = SlotMapping(find=("email = email",), slot=CODE)
BY_SHOP = SlotMapping(find=("prop:Shop_Id__c = source_id",), slot=CODE)
WRONG = Slot(campaign="camp_2", code="Voucher_Code__c", set={"Unassigned_On__c": "some day"})
ONE_IS_WRONG = CODES.model_copy(update={"slot": (WRONG, *CODE)})
"""What one of its slots sets can't be read as a date."""
REMOVED, REJECTED, RETRY = Result.REMOVED, Result.REJECTED, Result.RETRY
NOT_FOUND = Result.CONTACT_NOT_FOUND


@pytest.fixture
def org(crm):
    return crm.org


@pytest.fixture
def put(org):
    """Put a contact with a code there; gives its Id."""

    def seed(customer="cust_1", code="FRIEND-1", name="Contact", **fields):
        shown = {"LastName": "Lee", "Voucherify_Id__c": customer, "Voucher_Code__c": code}
        return org.seed(name, **shown, **fields)

    return seed


@pytest.fixture
def many(put, unassignment):
    """Put contacts there; gives their unassignments and Ids."""

    def seed(how_many, **fields):
        ids = [put(f"cust_{n}", f"C-{n}", **fields) for n in range(how_many)]
        batch = [
            unassignment(f"rh_{n}", customer_id=f"cust_{n}", code=f"C-{n}") for n in range(how_many)
        ]
        return batch, ids

    return seed


def bodies(crm, kind):
    return [json.loads(body) for asked, _, _, body in crm.asked if asked == kind]


# --- Finding -------------------------------------------------------------------------------------


@pytest.mark.parametrize("rule", ["record_id = source_id", "prop:id = source_id"])
def test_an_id_of_either_length_finds_the_same_contact(org, make, put, unassignment, rule):
    adapter = make(SlotMapping(find=(rule,), slot=CODE))
    for form in (lambda id_: id_, lambda id_: id_[:15], str.lower, str.upper):
        id_ = put(None)
        batch = [unassignment(source_id=form(id_))]
        assert results(adapter.unassign(batch)) == [REMOVED]
        assert org.peek("Contact", id_)["Voucher_Code__c"] is None


@pytest.mark.parametrize("form", [lambda id_: id_, lambda id_: id_[:15]], ids=["long", "short"])
def test_an_id_of_either_length_is_the_same_in_a_field_that_refers_to_a_record(
    org, make, put, unassignment, form
):
    account = org.seed("Account", LastName="Shop")
    id_ = put(None, OwnerId=account)
    adapter = make(SlotMapping(find=("prop:OwnerId = source_id",), slot=CODE))

    assert results(adapter.unassign([unassignment(source_id=form(account))])) == [REMOVED]
    assert org.peek("Contact", id_)["Voucher_Code__c"] is None


def test_two_short_ids_that_differ_by_case_are_two_contacts(org, make, unassignment):
    table = org.table("Contact")
    pair = ["0035f00000Aaaaa", "0035f00000aaaaa"]
    for short in pair:
        id_ = org.seed("Contact", Voucher_Code__c="FRIEND-1")
        row = table.rows.pop(id_)
        long = {"0035f00000Aaaaa": "0035f00000AaaaaAAB", "0035f00000aaaaa": "0035f00000aaaaaAAA"}
        table.rows[long[short]] = row | {"Id": long[short]}

    make(BY_ID).unassign([unassignment(source_id=pair[0])])

    codes = [row["Voucher_Code__c"] for row in table.rows.values()]
    assert codes == [None, "FRIEND-1"]


def test_a_text_that_is_no_id_finds_nobody_and_costs_no_call(crm, make, put, unassignment):
    put(None)

    batch = [unassignment("rh_1", source_id="shop-7"), unassignment("rh_2", source_id=None)]

    assert results(make(BY_ID).unassign(batch)) == [NOT_FOUND, NOT_FOUND]
    assert crm.counts["query"] == 0


def test_one_text_that_only_looks_like_an_id_keeps_nobody_else_from_being_found(
    crm, make, put, unassignment
):
    ids = [put(None, f"C-{n}") for n in range(6)]
    batch = [unassignment(f"rh_{n}", source_id=ids[n], code=f"C-{n}") for n in range(6)]
    batch.insert(3, unassignment("rh_9", source_id="badshop12345678"))

    assert results(make(BY_ID).unassign(batch)) == [REMOVED] * 3 + [NOT_FOUND] + [REMOVED] * 3
    assert crm.counts["query"] <= 1 + 2 * 3


def test_a_text_in_another_case_is_another_text(org, make, put, unassignment):
    upper, lower = (
        put(None, Shop_Id__c="SHOP-a"),
        put(None, Shop_Id__c="shop-A"),
    )

    assert results(make(BY_SHOP).unassign([unassignment(source_id="shop-A")])) == [REMOVED]
    assert results(make(BY_SHOP).unassign([unassignment(source_id="shop-a")])) == [NOT_FOUND]
    assert org.peek("Contact", upper)["Voucher_Code__c"] == "FRIEND-1"
    assert org.peek("Contact", lower)["Voucher_Code__c"] is None


def test_an_address_is_the_same_in_every_case(make, put, unassignment):
    put(Email="Ann@Example.com")

    assert results(make(BY_EMAIL).unassign([unassignment(email="ann@example.com")])) == [REMOVED]


def test_addresses_of_two_contacts_are_left_to_a_person(org, make, put, unassignment):
    ids = [put("a", Email="Ann@example.com"), put("b", Email="ann@example.com")]

    assert results(make(BY_EMAIL).unassign([unassignment()])) == [REJECTED]
    assert [org.peek("Contact", id_)["Voucher_Code__c"] for id_ in ids] == ["FRIEND-1"] * 2


def test_quotes_in_a_value_find_it_and_nothing_else(make, put, unassignment):
    put(Shop_Id__c='O\'Hara \\ "x"')
    put("cust_2", Shop_Id__c="other")

    found = make(BY_SHOP).unassign([unassignment(source_id='O\'Hara \\ "x"')])
    nobody = make(BY_SHOP).unassign([unassignment(source_id="') OR (Shop_Id__c != '")])

    assert results([*found, *nobody]) == [REMOVED, NOT_FOUND]


def test_the_second_rule_is_asked_only_about_whom_the_first_did_not_find(
    crm, make, put, unassignment
):
    put("cust_1", "A")
    put(None, "B", Shop_Id__c="shop-8")
    batch = [
        unassignment("rh_1", code="A"),
        unassignment("rh_2", customer_id="cust_2", source_id="shop-8", code="B"),
    ]

    assert results(make().unassign(batch)) == [REMOVED, REMOVED]
    asked = [path for kind, _, path, _ in crm.asked if kind == "query"]
    assert ["shop-8" in path for path in asked] == [False, True]
    assert "shop-7" not in asked[1]


def test_a_page_that_follows_is_read_from_the_same_host(crm, org, make, many):
    org.page = 3
    batch, _ids = many(10)

    assert results(make().unassign(batch)) == [REMOVED] * 10
    assert crm.counts["query"] == 4


@pytest.mark.parametrize(
    "following",
    [
        "https://elsewhere.example/services/data/v66.0/query/01gAAA-2000",
        "//elsewhere.example/services/data/v66.0/query/01gAAA-2000",
        "/services/data/v66.0/query/../sobjects/User",
        "@elsewhere.example/services/data/v66.0/query/01gAAA",
        None,
        7,
    ],
)
def test_an_address_that_names_another_host_is_not_followed(crm, make, following, unassignment):
    page = {"done": False, "records": [], "nextRecordsUrl": following}
    with crm.forging("query", page):
        outcomes = make().unassign([unassignment()])

    assert results(outcomes) == [RETRY]
    assert crm.counts["query"] == 1


def test_pages_that_lead_in_a_circle_end(crm, make, unassignment):
    page = {"done": False, "records": [], "nextRecordsUrl": "/services/data/v66.0/query/01gA-20"}
    with crm.forging("query", page):
        outcomes = make().unassign([unassignment()])

    assert results(outcomes) == [RETRY]
    assert crm.counts["query"] == 2


@pytest.mark.parametrize("records", [None, {}, [None], ["x"], [{"Id": 5}], [{}]], ids=repr)
def test_a_page_that_holds_no_records_is_tried_again_later(crm, make, unassignment, records):
    with crm.forging("query", {"done": True, "records": records}):
        assert results(make().unassign([unassignment()])) == [RETRY]


def test_a_mapping_that_salesforce_does_not_know_is_told(make, unassignment):
    unknown = SlotMapping(find=("prop:Nothing__c = source_id",), slot=CODE)

    with pytest.raises(TellUserError, match=r"400 INVALID_FIELD.*Contact and Nothing__c"):
        make(unknown).unassign([unassignment()])


# --- Writing -------------------------------------------------------------------------------------


def test_what_is_cleared_becomes_null_and_the_rest_stays(org, make, put, unassignment):
    slot = Slot(
        code="Voucher_Code__c",
        clear=("Discount__c", "Gift_Code__c"),
        set={
            "Has_Voucher__c": "false",
            "Unassigned_On__c": "{unassigned_on}",
            "Unassigned_At__c": "{unassigned_at}",
        },
    )
    before = {"Discount__c": 12.5, "Gift_Code__c": "G", "Has_Voucher__c": True, "Note__c": "n"}
    id_ = put(**before)

    outcome = make(CODES.model_copy(update={"slot": (slot,)})).unassign([unassignment()])[0]

    after = org.peek("Contact", id_)
    assert [after[name] for name in before] == [None, None, False, "n"]
    assert after["Unassigned_On__c"] == "2026-03-02"
    assert after["Unassigned_At__c"] == "2026-03-02T09:00:00.123+0000"
    assert outcome.change.before["Discount__c"] == "12.5"
    assert outcome.change.before["Has_Voucher__c"] == "true"


@pytest.mark.parametrize("name", ["Lead", "Account"])
@pytest.mark.parametrize("how_many", [1, 2])
def test_a_record_keeps_its_owner_whatever_the_assignment_rules_say(
    org, make, many, name, how_many
):
    """They are applied to each change of a lead or account that does not forbid it."""
    batch, ids = many(how_many, name=name, OwnerId="0055f000001OwnAAAA")
    org.assigned_to = "0055f000001RuleAAA"

    outcomes = make(CODES.model_copy(update={"object": name})).unassign(batch)

    assert results(outcomes) == [REMOVED] * how_many
    assert {org.peek(name, id_)["OwnerId"] for id_ in ids} == {"0055f000001OwnAAAA"}


def test_one_call_changes_two_hundred_and_says_of_each_what_became_of_it(crm, org, make, many):
    batch, ids = many(7)
    org.row_faults = {ids[1]: ["UNABLE_TO_LOCK_ROW"], ids[3]: ["FIELD_FILTER_VALIDATION_EXCEPTION"]}
    org.validation.append(lambda _name, row: row["Id"] == ids[2] and "Ann Lee needs a code")
    org.watch = lambda kind: kind == "collection" and org.tables and _delete_once(org, ids[4])

    outcomes = make().unassign(batch)

    assert results(outcomes) == [REMOVED, RETRY, REJECTED, REJECTED, NOT_FOUND, REMOVED, REMOVED]
    assert outcomes[1].reason == "Salesforce can't change this record now (UNABLE_TO_LOCK_ROW)"
    refused = "Salesforce refuses the change (FIELD_CUSTOM_VALIDATION_EXCEPTION): "
    assert outcomes[2].reason == f"{refused}see which rule forbids it"
    assert crm.counts["collection"] == 1
    assert crm.counts["row"] == 0


def _delete_once(org, id_):
    if id_ in org.table("Contact").rows:
        org.delete("Contact", id_)


@pytest.mark.parametrize(
    ("code", "result"),
    [
        ("UNABLE_TO_LOCK_ROW", RETRY),
        ("SERVER_UNAVAILABLE", RETRY),
        ("REQUIRED_FIELD_MISSING", REJECTED),
        ("ENTITY_IS_LOCKED", REJECTED),
        ("INSUFFICIENT_ACCESS_OR_READONLY", REJECTED),
        ("ENTITY_IS_DELETED", NOT_FOUND),
        ("INVALID_CROSS_REFERENCE_KEY", NOT_FOUND),
        ("ann@example.com said no", REJECTED),
    ],
)
def test_alone_or_with_others_a_refusal_means_the_same(org, make, many, code, result):
    batch, ids = many(2)
    org.row_faults = {ids[0]: [code, code]}
    together = make().unassign(batch)
    alone = make().unassign(batch[:1])

    assert results(together) == [result, REMOVED]
    assert results(alone) == [result]
    assert "ann@" not in f"{alone} {together}"


@pytest.mark.parametrize(("fields", "result"), [([], NOT_FOUND), (["Shop__c"], REJECTED)])
def test_a_reference_that_leads_nowhere_is_no_missing_contact(crm, make, many, fields, result):
    batch, _ids = many(2)
    error = {"statusCode": "INVALID_CROSS_REFERENCE_KEY", "message": "invalid id", "fields": fields}
    refused = {"success": False, "errors": [error]}

    with crm.forging("collection", [refused, {"success": True, "errors": []}]):
        assert results(make().unassign(batch)) == [result, REMOVED]


def test_one_value_that_can_not_be_read_harms_only_its_own_record(
    crm, org, make, put, unassignment
):
    ids = [put("cust_1", "A"), put("cust_2", "B"), put("cust_3", "C")]
    batch = [
        unassignment("rh_1", code="A"),
        unassignment("rh_2", customer_id="cust_2", code="B", campaign_id="camp_2"),
        unassignment("rh_3", customer_id="cust_3", code="C"),
    ]

    outcomes = make(ONE_IS_WRONG).unassign(batch)

    assert results(outcomes) == [REMOVED, REJECTED, REMOVED]
    assert outcomes[1].reason == (
        "Salesforce refuses the change (JSON_PARSER_ERROR): see which rule forbids it"
    )
    codes = [org.peek("Contact", id_)["Voucher_Code__c"] for id_ in ids]
    assert codes == [None, "B", None]
    assert (crm.counts["collection"], crm.counts["row"]) == (2, 3)


def test_which_of_two_hundred_is_to_blame_costs_few_calls(crm, make, many):
    batch, _ids = many(200)
    batch[70] = replace(batch[70], campaign_id="camp_2")

    outcomes = make(ONE_IS_WRONG).unassign(batch)

    assert results(outcomes) == [REMOVED] * 70 + [REJECTED] + [REMOVED] * 129
    assert crm.counts["collection"] + crm.counts["row"] <= 1 + 2 * 8


def test_what_is_written_while_the_one_to_blame_is_looked_for_is_told(crm, make, many):
    batch, _ids = many(8)
    batch[7] = replace(batch[7], campaign_id="camp_2")
    crm.org.watch = lambda kind: (
        kind == "collection" and crm.counts[kind] == 2 and crm.fail(503, at="collection", times=9)
    )

    outcomes = make(ONE_IS_WRONG).unassign(batch)

    assert results(outcomes) == [REMOVED] * 4 + [RETRY] * 4


def test_a_mapping_that_sets_what_can_not_be_read_costs_a_bounded_number_of_calls(crm, make, many):
    batch, _ids = many(200)
    batch = [replace(each, campaign_id="camp_2") for each in batch]

    outcomes = make(ONE_IS_WRONG).unassign(batch)

    assert set(results(outcomes)) == {REJECTED, RETRY}
    assert crm.counts["collection"] + crm.counts["row"] <= 1 + 2 * 30


def test_an_answer_that_does_not_speak_of_each_record_is_tried_again_later(crm, make, many):
    batch, _ids = many(3)
    with crm.forging("collection", [{"success": True}]):
        assert results(make().unassign(batch)) == [RETRY] * 3


@pytest.mark.parametrize("answer", [b"", b"<html>Back soon</html>", {}, [], b"null"], ids=repr)
@pytest.mark.parametrize("mapping", [CODES, RECORDS], ids=["contact", "record"])
def test_an_answer_that_does_not_speak_of_the_one_record_is_tried_again_later(
    crm, make, unassignment, answer, mapping
):
    """Whoever answers 200 to everything, a proxy or a page of maintenance, changed nothing."""
    crm.org.seed("Contact", Voucherify_Id__c="cust_1", Voucher_Code__c="FRIEND-1")
    crm.org.seed(ASSIGNMENT, Holder_Id__c="rh_1", Status__c="Assigned")
    with crm.forging("row", answer):
        assert results(make(mapping).unassign([unassignment()])) == [RETRY]

    assert results(make(mapping).unassign([unassignment()])) == [REMOVED]


def test_calls_are_one_read_and_one_write_for_two_hundred(crm, make, many):
    batch, _ids = many(401)

    assert results(make().unassign(batch)) == [REMOVED] * 401
    assert (crm.counts["query"], crm.counts["collection"], crm.counts["row"]) == (3, 2, 1)
    assert crm.org.largest["records"] == 200


def test_nothing_is_created_whatever_is_missing(org, make, many):
    batch, ids = many(3)
    for id_ in ids:
        org.delete("Contact", id_)

    assert results(make().unassign(batch)) == [NOT_FOUND] * 3
    assert org.table("Contact").rows == {}


def test_what_is_written_before_a_fault_is_told(crm, org, make, many):
    batch, ids = many(401)
    org.watch = lambda kind: kind == "collection" and crm.fail(503, at="row", times=9)

    outcomes = make().unassign(batch)

    assert results(outcomes) == [REMOVED] * 400 + [RETRY]
    assert org.peek("Contact", ids[400])["Voucher_Code__c"] == "C-400"


def test_what_was_read_some_seconds_ago_is_compared_again_before_it_is_written(
    crm, org, make, many
):
    clock = [0.0]
    batch, ids = many(4)
    adapter = make(clock=lambda: clock[0])

    def meanwhile(unassignments):
        clock[0] += 60
        org.edit("Contact", ids[1], Voucher_Code__c="NEWER")
        org.edit("Contact", ids[2], Note__c="another field")
        org.delete("Contact", ids[3])
        return unassignments

    adapter.ask_by(meanwhile)
    outcomes = adapter.unassign(batch)

    assert results(outcomes) == [REMOVED, Result.SUPERSEDED, REMOVED, NOT_FOUND]
    assert org.peek("Contact", ids[1])["Voucher_Code__c"] == "NEWER"
    # The first read, the one before the write, and the one for who lost the race.
    assert (crm.counts["query"], crm.counts["collection"]) == (3, 1)


def test_a_field_that_only_tells_something_is_not_compared(crm, org, make, many):
    batch, ids = many(2)
    ticks = count(0, 60)
    adapter = make(clock=lambda: next(ticks))
    adapter.ask_by(
        lambda unassignments: org.edit("Contact", ids[0], Unassigned_At__c=None) or unassignments
    )
    org.edit("Contact", ids[0], Unassigned_At__c="2026-01-01T00:00:00.000+0000")

    assert results(adapter.unassign(batch)) == [REMOVED] * 2
    assert (crm.counts["query"], crm.counts["collection"]) == (2, 1)


def test_what_was_just_read_is_not_read_again(crm, make, many):
    batch, _ids = many(4)

    make(clock=lambda: 0.0).unassign(batch)

    assert (crm.counts["query"], crm.counts["collection"]) == (1, 1)


def test_a_record_of_one_assignment_is_nobody_elses_and_not_read_again(
    crm, org, make, unassignment
):
    ticks = count(0, 60)
    for number in range(3):
        org.seed(ASSIGNMENT, Holder_Id__c=f"rh_{number}", Status__c="Assigned")

    make(RECORDS, clock=lambda: next(ticks)).unassign([unassignment(f"rh_{n}") for n in range(3)])

    assert (crm.counts["query"], crm.counts["collection"]) == (1, 1)


def test_other_codes_of_a_list_stay(org, make, put, unassignment):
    id_ = put(code="OTHER; FRIEND-1;LAST")

    make(LISTS).unassign([unassignment()])

    assert org.peek("Contact", id_)["Voucher_Code__c"] == "OTHER;LAST"


@pytest.mark.parametrize("name", ["Lead", "Account"])
def test_leads_and_accounts_have_slots_too(org, make, put, unassignment, name):
    id_ = put(name=name, Holder_Id__c="rh_1")

    make(HOLDERS.model_copy(update={"object": name})).unassign([unassignment()])

    assert org.peek(name, id_)["Holder_Id__c"] is None


# --- A record for each assignment ----------------------------------------------------------------


def test_a_single_record_is_written_by_its_external_id_and_never_created(
    crm, org, make, unassignment
):
    id_ = org.seed(ASSIGNMENT, Holder_Id__c="rh_1", Status__c="Assigned")
    adapter = make(RECORDS)

    assert results(adapter.unassign([unassignment("rh_1")])) == [REMOVED]
    assert org.peek(ASSIGNMENT, id_)["Status__c"] == "Unassigned"
    path = crm.asked[-1][2]
    assert path.endswith("/Voucher_Assignment__c/Holder_Id__c/rh_1?updateOnly=true")

    org.seed(ASSIGNMENT, Holder_Id__c="rh_2", Status__c="Assigned")
    org.watch = lambda kind: kind == "row" and org.table(ASSIGNMENT).rows.clear()
    gone = adapter.unassign([unassignment("rh_2")])
    assert results(gone) == [Result.ASSIGNMENT_NOT_FOUND]
    assert org.table(ASSIGNMENT).rows == {}


@pytest.mark.parametrize("holder_id", ["rh/1", "rh_1.inc", "rh_ü", "..", "rh 1?x=y"])
def test_an_external_id_that_an_address_may_garble_is_written_by_the_id_of_its_record(
    org, make, unassignment, holder_id
):
    id_ = org.seed(ASSIGNMENT, Holder_Id__c=holder_id, Status__c="Assigned")

    assert results(make(RECORDS).unassign([unassignment(holder_id)])) == [REMOVED]
    assert org.peek(ASSIGNMENT, id_)["Status__c"] == "Unassigned"


def test_a_second_record_that_comes_between_reading_and_writing_is_left_to_a_person(
    org, make, unassignment
):
    first = org.seed(ASSIGNMENT, Holder_Id__c="rh_1", Status__c="Assigned")
    org.watch = lambda kind: (
        kind == "row" and org.seed(ASSIGNMENT, Holder_Id__c="rh_1", Status__c="Assigned")
    )

    outcome = make(RECORDS).unassign([unassignment()])[0]

    assert outcome.result is REJECTED
    assert outcome.reason.startswith("several records have this assignment's id")
    assert org.peek(ASSIGNMENT, first)["Status__c"] == "Assigned"


def test_records_are_written_together_by_their_ids(crm, org, make, unassignment):
    for number in range(5):
        org.seed(ASSIGNMENT, Holder_Id__c=f"rh_{number}", Status__c="Assigned")

    batch = [unassignment(f"rh_{number}") for number in range(6)]

    wanted = [REMOVED] * 5 + [Result.ASSIGNMENT_NOT_FOUND]
    assert results(make(RECORDS).unassign(batch)) == wanted
    sent = bodies(crm, "collection")[0]
    assert sent["allOrNone"] is False
    assert {each["attributes"]["type"] for each in sent["records"]} == {ASSIGNMENT}
    assert (crm.counts["query"], crm.counts["collection"], crm.counts["row"]) == (1, 1, 0)


def test_a_record_of_the_same_letters_in_another_case_is_another_one(org, make, unassignment):
    id_ = org.seed(ASSIGNMENT, Holder_Id__c="RH_1", Status__c="Assigned")

    outcomes = make(RECORDS).unassign([unassignment("rh_1")])

    assert results(outcomes) == [Result.ASSIGNMENT_NOT_FOUND]
    assert org.peek(ASSIGNMENT, id_)["Status__c"] == "Assigned"


# --- Looking, and taking back --------------------------------------------------------------------


def test_a_preview_tells_the_same_and_writes_nothing(crm, make, many):
    batch, _ids = many(3)
    adapter = make()

    told = adapter.preview(batch)

    assert crm.counts["collection"] == crm.counts["row"] == 0
    assert adapter.unassign(batch) == told


def test_what_was_cleared_can_be_written_back(org, make, many):
    batch, ids = many(3, Holder_Id__c="rh_x")
    adapter = make()
    changes = [outcome.change for outcome in adapter.unassign(batch)]
    org.edit("Contact", ids[1], Voucher_Code__c="NEWER")

    again = [each.result for each in adapter.restore(changes, dry_run=False)]

    assert again == [Undone.RESTORED, Undone.CHANGED_SINCE, Undone.RESTORED]
    codes = [org.peek("Contact", id_)["Voucher_Code__c"] for id_ in ids]
    assert codes == ["C-0", "NEWER", "C-2"]


def test_a_record_is_taken_back_by_the_id_that_it_had(org, make, unassignment):
    """Its external id may be another record's by now."""
    id_ = org.seed(ASSIGNMENT, Holder_Id__c="rh_1", Status__c="Assigned")
    adapter = make(RECORDS)
    change = adapter.unassign([unassignment()])[0].change
    org.edit(ASSIGNMENT, id_, Holder_Id__c="rh_old")
    other = org.seed(ASSIGNMENT, Holder_Id__c="rh_1", Status__c="Unassigned")

    assert adapter.restore([change], dry_run=False)[0].result is Undone.RESTORED
    assert org.peek(ASSIGNMENT, id_)["Status__c"] == "Assigned"
    assert org.peek(ASSIGNMENT, other)["Status__c"] == "Unassigned"
