"""What an unassignment means for the fields of a contact."""

from dataclasses import replace
from datetime import datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sync.crm.adapter import Result
from sync.crm.mapped.mapping import Slot, SlotMapping
from sync.crm.mapped.slots import SlotRules, decide, slot_of

BY_ID = Slot(code="code", holder_id="held", match="holder_id", clear=("discount",))
BY_EITHER = Slot(code="code", holder_id="held", clear=("discount",))
BY_CODE = Slot(code="code", clear=("discount",), set={"ended": "{unassigned_at} by {event_id}"})
BY_CAMPAIGN = Slot(code="code", campaign_field="campaign", match="code+campaign")
IN_A_LIST = Slot(code="code", multi=";", clear=("discount",))


@pytest.fixture
def ended(unassignment):
    """Give the unassignment of FRIEND-1 of the campaign camp_1, as `rh_1`."""
    return unassignment("rh_1", code="FRIEND-1", campaign_id="camp_1", campaign_name="Friends")


def becomes(slot, about, shown):
    """Give the result, and what the contact shows afterwards."""
    decision = decide(slot, about, shown)
    return decision.outcome.result, {**shown, **decision.changes}


@pytest.mark.parametrize(
    ("slot", "shown", "result"),
    [
        (BY_ID, {"code": "FRIEND-1", "held": "rh_1"}, Result.REMOVED),
        (BY_ID, {"code": "FRIEND-2", "held": "rh_1"}, Result.REMOVED),
        (BY_ID, {"code": "FRIEND-1", "held": "rh_2"}, Result.SUPERSEDED),
        (BY_ID, {"code": "FRIEND-1", "held": " "}, Result.SUPERSEDED),
        (BY_ID, {"code": "FRIEND-1"}, Result.SUPERSEDED),
        (BY_EITHER, {"code": "FRIEND-2", "held": "rh_1"}, Result.REMOVED),
        (BY_EITHER, {"code": "FRIEND-1", "held": "rh_2"}, Result.SUPERSEDED),
        (BY_EITHER, {"code": "FRIEND-1", "held": " "}, Result.REMOVED),
        (BY_ID, {"code": "FRIEND-2"}, Result.SUPERSEDED),
        (BY_ID, {}, Result.ALREADY_REMOVED),
        (BY_CODE, {"code": "FRIEND-1"}, Result.REMOVED),
        (BY_CODE, {"code": " FRIEND-1\n"}, Result.REMOVED),
        (BY_CODE, {"code": "friend-1"}, Result.SUPERSEDED),
        (BY_CODE, {"code": "FRIEND-10"}, Result.SUPERSEDED),
        (BY_CODE, {"code": ""}, Result.ALREADY_REMOVED),
        (BY_CODE, {"code": "FRIEND-1;FRIEND-2"}, Result.SUPERSEDED),
        (BY_CAMPAIGN, {"code": "FRIEND-1", "campaign": "camp_1"}, Result.REMOVED),
        (BY_CAMPAIGN, {"code": "FRIEND-1", "campaign": "Friends"}, Result.REMOVED),
        (BY_CAMPAIGN, {"code": "FRIEND-1", "campaign": "camp_2"}, Result.SUPERSEDED),
        (BY_CAMPAIGN, {"code": "FRIEND-1"}, Result.SUPERSEDED),
        (IN_A_LIST, {"code": "A; FRIEND-1 ;B"}, Result.REMOVED),
        (IN_A_LIST, {"code": "A;FRIEND-10"}, Result.ALREADY_REMOVED),
        (IN_A_LIST, {"code": ";"}, Result.ALREADY_REMOVED),
    ],
)
def test_only_a_slot_that_shows_this_assignment_is_changed(slot, shown, result, ended):
    told, after = becomes(slot, ended, shown)

    assert told is result
    assert (after != shown) == (result is Result.REMOVED)
    assert becomes(slot, ended, after)[1] == after


def test_what_goes_with_a_code_is_emptied_and_what_is_to_be_told_is_written(ended):
    _, after = becomes(BY_CODE, ended, {"code": "FRIEND-1", "discount": "9", "name": "Ann"})

    assert after == {
        "code": "",
        "discount": "",
        "name": "Ann",
        "ended": f"{ended.unassigned_at:%Y-%m-%dT%H:%M:%S}.123Z by {ended.event_id}",
    }


def test_a_day_is_told_as_it_is_in_utc_whatever_the_zone_of_the_time(ended):
    at = datetime(2026, 3, 29, 3, 30, tzinfo=ZoneInfo("Asia/Tokyo"))
    slot = Slot(code="code", set={"on": "{unassigned_on}", "at": "{unassigned_at}"})

    _, after = becomes(slot, replace(ended, unassigned_at=at), {"code": "FRIEND-1"})

    assert (after["on"], after["at"]) == ("2026-03-28", "2026-03-28T18:30:00.000Z")


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("A; FRIEND-1; B", "A; B"),
        ("FRIEND-1; A", "A"),
        ("FRIEND-1;A;FRIEND-1", "A"),
        (" A ;B;FRIEND-1", " A ;B"),
        ("FRIEND-1", ""),
        ("FRIEND-1; ", ""),
        (";FRIEND-1;", ""),
        (" ; FRIEND-1", ""),
    ],
)
def test_out_of_a_list_one_code_is_taken_and_the_rest_stays(before, after, ended):
    _, shown = becomes(IN_A_LIST, ended, {"code": before, "discount": "9"})

    assert shown == {"code": after, "discount": "9" if after else ""}


@pytest.mark.parametrize("slot", [BY_CODE, BY_CAMPAIGN, IN_A_LIST, BY_EITHER])
def test_a_code_that_was_assigned_anew_stays_where_nothing_else_is_shown(slot, ended):
    newer = replace(ended, superseded_by="rh_2")
    shown = {"code": "FRIEND-1", "campaign": "camp_1"}

    assert becomes(slot, newer, shown) == (Result.SUPERSEDED, shown)


def test_an_assignment_that_is_shown_by_its_id_ends_whatever_came_after_it(ended):
    newer = replace(ended, superseded_by="rh_2")

    assert becomes(BY_ID, newer, {"held": "rh_1", "code": "X"})[0] is Result.REMOVED


def mapping(*slots):
    return SlotMapping(find=("prop:id = customer_id",), slot=slots)


def test_the_first_slot_for_campaign_and_role_is_the_one(ended):
    slots = [
        Slot(campaign="camp_2", code="a"),
        Slot(campaign="Friends", role="OWNER", code="b"),
        Slot(campaign="Friends", code="c"),
        Slot(campaign="*", code="d"),
    ]

    assert slot_of(mapping(*slots), ended).code == "c"
    assert slot_of(mapping(*slots), replace(ended, role="OWNER")).code == "b"
    assert (
        slot_of(mapping(*slots), replace(ended, campaign_id=None, campaign_name=None)).code == "d"
    )


def test_a_role_without_a_slot_needs_a_person(ended):
    outcome = slot_of(mapping(BY_CODE), replace(ended, role="REFERRER"))

    assert outcome.result is Result.REJECTED
    assert outcome.reason.startswith("role_not_mapped: ")


def test_the_campaign_and_the_id_beside_a_code_go_with_it(ended):
    by_id = Slot(code="code", holder_id="held", campaign_field="campaign", match="code+campaign")
    shown = {"code": "FRIEND-1", "campaign": "camp_1"}

    assert becomes(BY_CAMPAIGN, ended, shown)[1] == {"code": "", "campaign": ""}
    assert becomes(by_id, ended, {**shown, "held": "rh_1"})[1] == dict.fromkeys(
        ("code", "campaign", "held"), ""
    )


@pytest.mark.parametrize("name", [" Friends", "Friends\n"])
def test_the_space_around_a_campaign_s_name_is_none_of_it(name, ended):
    about = replace(ended, campaign_id=None, campaign_name=name)
    slot = Slot(campaign="Friends", code="code", campaign_field="campaign", match="code+campaign")

    assert slot_of(mapping(slot), about) is slot
    assert becomes(slot, about, {"code": "FRIEND-1", "campaign": "Friends "})[0] is Result.REMOVED


@pytest.mark.parametrize("unknown", [None, "", " "])
def test_no_campaign_is_not_the_campaign_of_an_empty_field(unknown, ended):
    about = replace(ended, campaign_id=unknown, campaign_name=unknown)

    assert becomes(BY_CAMPAIGN, about, {"code": "FRIEND-1"})[0] is Result.SUPERSEDED


def test_a_code_that_holds_what_separates_the_codes_of_its_list_needs_a_person(ended):
    rules = SlotRules(mapping(IN_A_LIST))
    about = replace(ended, code="A;B")

    assert rules.answered(about).result is Result.REJECTED
    assert rules.answered(replace(ended, code="A;")).result is Result.REJECTED
    assert rules.answered(ended) is None
    assert SlotRules(mapping(BY_CODE)).answered(about) is None


def test_a_campaign_without_a_slot_is_none_of_this_crm_s(ended):
    outcome = slot_of(mapping(Slot(campaign="camp_2", code="a")), ended)

    assert outcome.result is Result.ASSIGNMENT_NOT_FOUND


CODES = ("A-1", "A-10", "a-1", " A-1 ", "Ä-1", "x;y", "A-1;B")
SLOTS = (BY_ID, BY_EITHER, BY_CODE, BY_CAMPAIGN, IN_A_LIST)


class Contact:
    """A contact that the merchant's own automation writes into when a code is assigned."""

    def __init__(self, slot, content):
        self.slot = slot
        self.fields = dict(content)
        self.shown = None

    def assign(self, holder_id, code):
        if self.slot.multi:
            before = self.fields.get("code", "")
            self.fields["code"] = f"{before}{self.slot.multi}{code}" if before else code
        else:
            self.fields["code"] = code
        self.fields |= {"held": holder_id, "campaign": "camp_1", "discount": "9"}
        self.shown = holder_id


@given(
    slot=st.sampled_from(SLOTS),
    content=st.dictionaries(
        st.sampled_from(["code", "held", "campaign", "discount", "name"]),
        st.sampled_from([*CODES, "", " ", "rh_0", "rh_9", "camp_1", "Ann"]) | st.text(max_size=8),
    ),
    story=st.lists(st.tuples(st.booleans(), st.integers(0, 3), st.sampled_from(CODES)), max_size=8),
)
def test_nothing_is_ever_cleared_but_what_the_unassignment_is_about(
    unassignment, slot, content, story
):
    contact, given_to = Contact(slot, content), {}
    for number, (is_assigned, which, code) in enumerate(story):
        if is_assigned:
            given_to[f"rh_{number}"] = code
            contact.assign(f"rh_{number}", code)
            continue
        of_same_code = [each for each in given_to if given_to[each].strip() == code.strip()]
        holder_id = of_same_code[which % len(of_same_code)] if of_same_code else "rh_old"
        newest = of_same_code[-1] if of_same_code else holder_id
        about = unassignment(
            holder_id,
            code=code,
            campaign_id="camp_1",
            superseded_by=None if newest == holder_id else newest,
        )
        before = dict(contact.fields)
        contact.fields |= decide(slot, about, before).changes
        changed = {name for name in contact.fields if contact.fields[name] != before.get(name, "")}

        assert changed <= set(slot.written())
        if not changed:
            continue
        if slot in (BY_ID, BY_EITHER) and before.get("held", "").strip():
            assert before["held"].strip() == holder_id
        else:
            assert slot is not BY_ID
            assert about.superseded_by is None
            assert code.strip() in {token.strip() for token in before["code"].split(slot.multi)}
        if slot.multi:
            kept = [token.strip() for token in contact.fields["code"].split(slot.multi)]
            others = [token.strip() for token in before["code"].split(slot.multi)]
            assert [each for each in kept if each] == [
                each for each in others if each and each != code.strip()
            ]
