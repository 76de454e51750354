"""HubSpot in both shapes, on an account of our double over real HTTP."""

import json
import math

import pytest

from sync.crm.adapter import Capability, Outcome, Result, TellUserError, Undone
from sync.crm.hubspot.search import MOST_FOUND
from sync.crm.mapped.mapping import Slot, SlotMapping
from tests.crm.hubspot.account import (
    ALONE,
    BY_EMAIL,
    BY_HOLDER,
    BY_ID,
    BY_SHOP,
    FIND,
    OBJECT,
    PROPERTIES,
    READ,
    RECORDS,
    TOLD,
    WRITE,
    furnish,
    results,
)

SEARCH = "POST crm/objects/contacts/search"


@pytest.fixture(autouse=True)
def _furnished(hubspot):
    furnish(hubspot)


@pytest.fixture
def holder(hubspot):
    """Add a contact that holds the code of every unassignment here."""
    return lambda who, **fields: hubspot.add(
        voucherify_id=who, **({"voucher_code": "FRIEND-1"} | fields)
    )


# --- slots ---------------------------------------------------------------------------------------


def test_a_slot_that_shows_the_code_is_emptied_and_all_else_stays(hubspot, adapter, holder, of):
    ann = holder("a", note="likes tea")
    bob = holder("b", voucher_code="OTHER")
    cid = holder("c", voucher_code="")

    outcomes = adapter().unassign(of("a", "b", "c", "nobody"))

    assert results(outcomes) == [
        Result.REMOVED,
        Result.SUPERSEDED,
        Result.ALREADY_REMOVED,
        Result.CONTACT_NOT_FOUND,
    ]
    assert hubspot.shows(ann) == {"voucherify_id": "a", "note": "likes tea"}
    assert hubspot.shows(bob) == {"voucherify_id": "b", "voucher_code": "OTHER"}
    assert hubspot.shows(cid) == {"voucherify_id": "c"}
    assert len(hubspot.objects["contacts"]) == 3


def test_a_slot_with_a_holder_id_is_emptied_for_this_assignment_alone(hubspot, adapter, holder, of):
    ann = holder("a", voucher_holder_id="rh_0")
    bob = holder("b", voucher_holder_id="rh_newer")

    outcomes = adapter(BY_HOLDER).unassign(of("a", "b"))

    assert results(outcomes) == [Result.REMOVED, Result.SUPERSEDED]
    assert hubspot.shows(ann) == {"voucherify_id": "a"}
    assert hubspot.shows(bob)["voucher_holder_id"] == "rh_newer"


def test_what_is_told_and_cleared_beside_is_written_in_the_same_call(hubspot, adapter, holder, of):
    ann = holder("a", voucher_discount="10", voucher_status="assigned")

    adapter(TOLD).unassign(of("a"))

    assert hubspot.shows(ann) == {
        "voucherify_id": "a",
        "voucher_status": "unassigned",
        "voucher_ended_at": "2026-03-02T09:00:00.123Z",
    }
    assert hubspot.calls == {READ: 1, ALONE: 1}


def test_an_outcome_tells_what_it_changed(adapter, holder, of):
    ann = holder("a")

    (outcome,) = adapter().unassign(of("a"))

    assert outcome.change.record_id == ann
    assert (outcome.change.before, outcome.change.after) == (
        {"voucher_code": "FRIEND-1"},
        {"voucher_code": ""},
    )


def test_two_unassignments_of_one_contact_are_one_write(hubspot, adapter, holder, unassignment):
    lists = SlotMapping(find=FIND, slot=(Slot(code="voucher_code", multi=";"),))
    ann = holder("a", voucher_code="ONE; TWO; THREE")
    batch = [unassignment(f"rh_{code}", customer_id="a", code=code) for code in ("ONE", "THREE")]

    assert results(adapter(lists).unassign(batch)) == [Result.REMOVED] * 2
    assert hubspot.shows(ann)["voucher_code"] == "TWO"
    assert hubspot.calls == {READ: 1, ALONE: 1}


def test_what_only_a_code_names_is_asked_about_before_it_is_cleared(hubspot, adapter, holder, of):
    ann = holder("a")
    asking = adapter()
    asked = []

    def held_now(batch):
        asked.extend(batch)
        return [each.__class__(**{**_fields(each), "superseded_by": "rh_newer"}) for each in batch]

    asking.ask_by(held_now)

    assert results(asking.unassign(of("a"))) == [Result.SUPERSEDED]
    assert [each.customer_id for each in asked] == ["a"]
    assert hubspot.shows(ann)["voucher_code"] == "FRIEND-1"


def _fields(about):
    return {name: getattr(about, name) for name in about.__dataclass_fields__}


def test_a_preview_writes_nothing(hubspot, adapter, holder, of):
    ann = holder("a")

    (outcome,) = adapter().preview(of("a"))

    assert (outcome.result, outcome.change.after) == (Result.REMOVED, {"voucher_code": ""})
    assert hubspot.shows(ann)["voucher_code"] == "FRIEND-1"
    assert hubspot.calls == {READ: 1}


# --- records -------------------------------------------------------------------------------------


@pytest.fixture
def records(hubspot):
    def add(*holder_ids, **fields):
        return [
            hubspot.add(OBJECT, **({"holder_id": each, "status": "assigned"} | fields))
            for each in holder_ids
        ]

    return add


def test_the_record_of_an_assignment_gets_the_status_that_ends_it(hubspot, adapter, records, of):
    kept, ended, closed = records("rh_other", "rh_0", "rh_1")
    hubspot.edit(closed, OBJECT, status="unassigned")

    outcomes = adapter(RECORDS).unassign(of("a", "b", "c"))

    assert results(outcomes) == [
        Result.REMOVED,
        Result.ALREADY_REMOVED,
        Result.ASSIGNMENT_NOT_FOUND,
    ]
    assert hubspot.shows(ended, OBJECT) == {
        "holder_id": "rh_0",
        "status": "unassigned",
        "ended_on": "2026-03-02",
    }
    assert hubspot.shows(kept, OBJECT)["status"] == "assigned"
    assert len(hubspot.objects[OBJECT]) == 3


def test_a_record_is_ended_even_if_something_newer_is_known(
    hubspot, adapter, records, unassignment
):
    (ended,) = records("rh_1")

    outcomes = adapter(RECORDS).unassign([unassignment("rh_1", superseded_by="rh_2")])

    assert results(outcomes) == [Result.REMOVED]
    assert hubspot.shows(ended, OBJECT)["status"] == "unassigned"


def test_records_have_to_have_a_unique_id_since_a_search_would_miss_new_ones(
    hubspot, adapter, records, unassignment
):
    hubspot.properties[OBJECT]["holder_id"].unique = False
    (kept,) = records("rh_1")

    with pytest.raises(TellUserError, match="holder_id does not require unique values"):
        adapter(RECORDS).unassign([unassignment("rh_1")])
    with pytest.raises(TellUserError, match="holder_id does not require unique values"):
        adapter(RECORDS).check()
    assert hubspot.shows(kept, OBJECT)["status"] == "assigned"


# --- calls ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("count", [1, 100, 101, 250])
def test_so_many_contacts_cost_one_read_and_one_write_for_each_hundred(
    hubspot, adapter, holder, of, count
):
    calls = math.ceil(count / 100)
    who = [f"c{number}" for number in range(count)]
    for each in who:
        holder(each)

    assert results(adapter().unassign(of(*who))) == [Result.REMOVED] * count
    assert hubspot.calls[READ] == calls
    assert hubspot.calls[WRITE] + hubspot.calls[ALONE] == calls
    assert hubspot.calls.total() == 2 * calls
    assert not any(each.get("voucher_code") for each in hubspot.objects["contacts"].values())


def test_so_many_records_cost_the_same(hubspot, adapter, records, of):
    records(*(f"rh_{number}" for number in range(250)))

    assert results(adapter(RECORDS).unassign(of(*"x" * 250))) == [Result.REMOVED] * 250
    assert hubspot.calls == {
        f"POST crm/objects/{OBJECT}/batch/read": 3,
        f"POST crm/objects/{OBJECT}/batch/update": 3,
    }


def test_what_changes_nothing_is_not_written(hubspot, adapter, holder, of):
    holder("a", voucher_code="OTHER")

    adapter().unassign(of("a"))

    assert hubspot.calls == {READ: 1}


# --- how a contact is found ----------------------------------------------------------------------


def test_a_property_that_is_not_unique_is_searched_and_what_is_found_is_read(
    hubspot, adapter, holder, unassignment
):
    ann = holder("a", shop_id="Shop-7")
    holder("b", shop_id="shop-7")

    outcomes = adapter(BY_SHOP).unassign([unassignment("rh_1", source_id="Shop-7")])

    assert results(outcomes) == [Result.REMOVED]
    assert "voucher_code" not in hubspot.shows(ann)
    assert hubspot.calls == {READ: 2, PROPERTIES: 1, SEARCH: 1, ALONE: 1}


def test_a_property_that_is_not_unique_is_searched_even_if_nobody_says_that_it_must_be(
    hubspot, adapter, holder, unassignment
):
    hubspot.overlooks = True
    holder("a", shop_id="7")

    outcomes = adapter(BY_SHOP).unassign([unassignment("rh_1", source_id="7")])

    assert results(outcomes) == [Result.REMOVED]


def test_several_hits_are_left_to_a_person(hubspot, adapter, holder, unassignment):
    ids = [holder(each, shop_id="7") for each in ("a", "b")]

    outcomes = adapter(BY_SHOP).unassign([unassignment("rh_1", source_id="7")])

    assert results(outcomes) == [Result.REJECTED]
    assert {hubspot.shows(each)["voucher_code"] for each in ids} == {"FRIEND-1"}


def test_what_the_index_of_the_search_does_not_know_yet_is_not_cleared_by_its_word(
    hubspot, adapter, holder, unassignment
):
    moved = holder("a", shop_id="7")
    newer = holder("b", shop_id="8")
    hubspot.edit(moved, shop_id="9")
    hubspot.edit(newer, voucher_code="NEWER")
    batch = [unassignment(f"rh_{each}", source_id=each) for each in ("7", "8")]
    late = [unassignment("rh_9", source_id="9")]

    assert results(adapter(BY_SHOP).unassign(batch)) == [
        Result.CONTACT_NOT_FOUND,
        Result.SUPERSEDED,
    ]
    assert results(adapter(BY_SHOP).unassign(late)) == [Result.CONTACT_NOT_FOUND]
    hubspot.wait(hubspot.index_delay)
    assert results(adapter(BY_SHOP).unassign(late)) == [Result.REMOVED]


def test_searches_leave_room_for_those_of_others(hubspot, adapter, holder, unassignment):
    for number in range(700):
        holder(f"c{number}", shop_id=str(number))
    batch = [unassignment(f"rh_{number}", source_id=str(number)) for number in range(700)]

    assert results(adapter(BY_SHOP).unassign(batch)) == [Result.REMOVED] * 700
    assert hubspot.calls[SEARCH] == 7
    assert sum(hubspot.waits) == pytest.approx(6 * 0.25)


def test_a_search_that_leads_to_the_same_page_again_ends(hubspot, adapter, unassignment):
    page = {"total": 1, "results": [], "paging": {"next": {"after": "0"}}}
    hubspot.fail("search", 200, page, times=9)

    assert results(adapter(BY_SHOP).preview([unassignment()])) == [Result.CONTACT_NOT_FOUND]
    assert hubspot.calls[SEARCH] == 1


def test_more_hits_than_a_search_gives_are_several(hubspot, adapter, unassignment):
    for _ in range(MOST_FOUND + 1):
        hubspot._last_id += 1
        row = {"shop_id": "7"}
        hubspot.objects["contacts"][str(hubspot._last_id)] = row
        hubspot.indexed["contacts", str(hubspot._last_id)] = [(0.0, row)]
    hubspot.add(shop_id="8", voucher_code="FRIEND-1")
    batch = [unassignment(f"rh_{each}", source_id=each) for each in ("7", "8")]

    assert results(adapter(BY_SHOP).preview(batch)) == [Result.REJECTED, Result.REMOVED]


def test_an_email_is_found_in_any_spelling_and_by_a_further_address(
    hubspot, adapter, holder, unassignment
):
    holder("a", email="ann@example.com")
    holder("b", email="bob@example.com", hs_additional_emails="rob@example.com;b@example.com")
    batch = [
        unassignment(f"rh_{number}", email=email)
        for number, email in enumerate(["Ann@Example.com", "rob@example.com", "no@example.com"])
    ]

    assert results(adapter(BY_EMAIL).unassign(batch)) == [
        Result.REMOVED,
        Result.REMOVED,
        Result.CONTACT_NOT_FOUND,
    ]
    assert hubspot.calls == {READ: 1, WRITE: 1}


@pytest.mark.parametrize("named", ["shop-7", "007", "", "9" * 30, "1.5", "-7"])
def test_what_is_no_record_id_is_not_asked_for(hubspot, adapter, holder, unassignment, named):
    ann = holder("a")
    batch = [unassignment("rh_1", source_id=named), unassignment("rh_2", source_id=ann)]

    outcomes = adapter(BY_ID).unassign(batch)

    assert results(outcomes) == [Result.CONTACT_NOT_FOUND, Result.REMOVED]
    assert hubspot.calls == {READ: 1, ALONE: 1}


def test_an_id_of_the_shop_that_hubspot_would_read_as_another_number_finds_nobody(
    hubspot, adapter, holder, unassignment
):
    ann, bob = holder("a"), holder("b")
    batch = [unassignment("rh_1", source_id=f"0{ann}"), unassignment("rh_2", source_id=bob)]

    outcomes = adapter(BY_ID).unassign(batch)

    assert results(outcomes) == [Result.CONTACT_NOT_FOUND, Result.REMOVED]
    assert hubspot.shows(ann)["voucher_code"] == "FRIEND-1"


def test_a_value_that_a_unique_property_can_not_have_finds_nobody_and_stops_no_other(
    hubspot, adapter, holder, of
):
    hubspot.properties["contacts"]["voucherify_id"].kind = "number"
    for number in range(30):
        holder(str(number))

    outcomes = adapter().unassign(of(*(str(number) for number in range(30)), "no-number"))

    assert results(outcomes) == [Result.REMOVED] * 30 + [Result.CONTACT_NOT_FOUND]


@pytest.mark.parametrize("tells", [True, False])
def test_a_contact_that_was_merged_is_followed_to_the_one_that_is_left(
    hubspot, adapter, holder, unassignment, tells
):
    hubspot.tells_merges = tells
    first, second, other = holder("a"), holder("b", voucher_code=""), holder("c")
    left = hubspot.merge(first, second)
    batch = [
        unassignment(f"rh_{number}", source_id=each) for number, each in enumerate([first, other])
    ]

    assert results(adapter(BY_ID).unassign(batch)) == [Result.REMOVED] * 2
    assert "voucher_code" not in hubspot.shows(left)
    assert hubspot.calls["GET crm/objects/contacts/ID"] == (0 if tells else 1)


# --- between reading and writing -----------------------------------------------------------------


def test_what_changed_before_the_writing_is_seen_if_the_reading_is_some_seconds_old(
    hubspot, adapter, holder, of
):
    ann, bob = holder("a"), holder("b")
    slow = adapter()

    def held_now(batch):
        hubspot.wait(6)
        if hubspot.shows(ann)["voucher_code"] == "FRIEND-1":
            hubspot.edit(ann, voucher_code="NEWER")
        return batch

    slow.ask_by(held_now)

    assert results(slow.unassign(of("a", "b"))) == [Result.SUPERSEDED, Result.REMOVED]
    assert hubspot.shows(ann)["voucher_code"] == "NEWER"
    assert "voucher_code" not in hubspot.shows(bob)


def test_what_changed_while_a_refused_batch_is_told_apart_is_seen(hubspot, adapter, holder, of):
    first, *others, last = [holder(f"c{number}") for number in range(100)]
    hubspot.forbidden.add(first)

    def somebody_writes():
        hubspot.wait(6)
        hubspot.edit(last, voucher_code="NEWER")

    for act in (lambda: None, lambda: None, somebody_writes):
        hubspot.meanwhile("batch/update", act)

    told = results(adapter().unassign(of(*(f"c{number}" for number in range(100)))))

    assert told == [Result.REJECTED, *[Result.REMOVED] * 98, Result.SUPERSEDED]
    assert hubspot.shows(last)["voucher_code"] == "NEWER"
    assert not any("voucher_code" in hubspot.shows(each) for each in others)


def test_a_contact_that_went_meanwhile_is_not_found(hubspot, adapter, holder, of):
    ann = holder("a")
    holder("b")
    hubspot.meanwhile("batch/update", lambda: hubspot.remove(ann))

    outcomes = adapter().unassign(of("a", "b"))

    assert results(outcomes) == [Result.CONTACT_NOT_FOUND, Result.REMOVED]


def test_a_contact_that_is_merged_meanwhile_is_told_by_what_is_left_of_it(
    hubspot, adapter, holder, of
):
    ann, bob = holder("a"), holder("b")
    left = []
    hubspot.meanwhile("batch/update", lambda: left.append(hubspot.merge(ann, bob)))
    holder("c")

    outcomes = adapter().unassign(of("a", "c"))

    assert results(outcomes) == [Result.REMOVED, Result.REMOVED]
    assert "voucher_code" not in hubspot.shows(left[0])


# --- undo ----------------------------------------------------------------------------------------


def test_what_was_cleared_is_written_back_where_it_is_still_empty(hubspot, adapter, holder, of):
    ann, bob, cid = (holder(each, voucher_status="assigned") for each in "abc")
    cleared = adapter(TOLD)
    changes = [each.change for each in cleared.unassign(of("a", "b", "c"))]
    hubspot.edit(bob, voucher_code="NEWER")
    hubspot.remove(cid)

    planned = cleared.restore(changes, dry_run=True)
    told = cleared.restore(changes, dry_run=False)

    assert [each.result for each in planned] == [each.result for each in told]
    assert [each.result for each in told] == [
        Undone.RESTORED,
        Undone.CHANGED_SINCE,
        Undone.NOT_FOUND,
    ]
    assert hubspot.shows(ann) == {
        "voucherify_id": "a",
        "voucher_code": "FRIEND-1",
        "voucher_status": "assigned",
    }
    assert hubspot.shows(bob)["voucher_code"] == "NEWER"


def test_a_contact_that_was_merged_since_is_restored_as_what_is_left(hubspot, adapter, holder, of):
    ann, bob = holder("a"), holder("b", voucher_code="")
    cleared = adapter()
    changes = [each.change for each in cleared.unassign(of("a"))]
    left = hubspot.merge(ann, bob)

    assert [each.result for each in cleared.restore(changes, dry_run=False)] == [Undone.RESTORED]
    assert hubspot.shows(left)["voucher_code"] == "FRIEND-1"


# --- what it says of itself ----------------------------------------------------------------------


def test_a_destination_is_an_account_and_a_mapping_and_never_a_token(hubspot, adapter):
    one = adapter().destination

    assert one.startswith("hubspot-")
    assert adapter(token="another").destination == one
    assert len({one, adapter(BY_HOLDER).destination, adapter(RECORDS).destination}) == 3
    hubspot.account = "4712"
    assert adapter().destination != one
    assert adapter(RECORDS).place == f"HubSpot account 4712, {OBJECT}"


def test_only_what_can_be_cleared_by_its_code_is_asked_about(adapter):
    always = set(adapter(RECORDS).capabilities) - {Capability.CLEARS_BY_CODE}

    assert adapter().capabilities == always | {Capability.CLEARS_BY_CODE}
    assert adapter(BY_HOLDER).capabilities == always
    assert adapter(RECORDS).capabilities == always


def test_every_body_of_a_search_has_all_that_is_required(hubspot, adapter, unassignment):
    adapter(BY_SHOP).preview([unassignment("rh_1", source_id="A7")])

    (sent,) = [json.loads(body) for name, body in hubspot.bodies if name == SEARCH]
    assert sent == {
        "filterGroups": [
            {"filters": [{"propertyName": "shop_id", "operator": "IN", "values": ["a7"]}]}
        ],
        "properties": ["shop_id"],
        "sorts": [],
        "limit": 200,
        "after": "0",
    }


def test_a_property_that_is_not_there_is_told_and_nobody_is_called_missing(hubspot, adapter, of):
    del hubspot.properties["contacts"]["voucherify_id"]

    with pytest.raises(TellUserError, match="no property voucherify_id"):
        adapter().unassign(of("a"))


def test_an_outcome_is_one_of_the_contract(adapter, holder, of):
    holder("a")

    assert all(isinstance(each, Outcome) for each in adapter().unassign(of("a", "b")))
