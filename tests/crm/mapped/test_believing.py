"""Whom a record shows to hold something."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sync.crm.adapter import BelievedHolder, Outcome
from sync.crm.mapped.believing import Beliefs, assigned
from sync.crm.mapped.mapping import RecordMapping, RecordPart, Slot, SlotMapping
from sync.crm.mapped.writer import CrmBusyError, Record
from sync.errors import UnavailableError, VendorChangedError

FIND = ("prop:shop = source_id", "prop:vid = customer_id")
SLOTS = SlotMapping(
    find=FIND,
    slot=(
        Slot(campaign="Gifts", code="gift", holder_id="gift_rh"),
        Slot(code="codes", multi=";"),
    ),
)
BY_STATUS = RecordPart(holder_id="rh", customer_id="vid", status="state")


def held(mapping, **shown):
    return [
        (each.customer_id, each.holder_id, each.code)
        for each in Beliefs(mapping).of(Record("7", shown))
    ]


def records(part):
    return RecordMapping(object="given", record=part)


def test_each_slot_that_shows_something_is_believed_once():
    shown = {"vid": " cust_1 ", "gift": "G-1", "gift_rh": "rh_1", "codes": "A; B;A"}

    assert held(SLOTS, **shown) == [
        ("cust_1", "rh_1", "G-1"),
        ("cust_1", None, "A"),
        ("cust_1", None, "B"),
    ]


def test_a_slot_that_shows_an_assignment_s_id_and_no_code_is_believed():
    assert held(SLOTS, vid="cust_1", gift_rh="rh_1") == [("cust_1", "rh_1", None)]


def test_empty_slots_are_not_believed():
    assert held(SLOTS, vid="cust_1", gift=" ", codes=" ; ") == []


def test_a_contact_whose_own_id_is_the_customer_s_is_named_by_it():
    by_id = SlotMapping(find=("record_id = customer_id",), slot=(Slot(code="code"),))

    assert held(by_id, code="A") == [("7", None, "A")]


def test_a_contact_that_is_found_otherwise_names_no_customer():
    by_shop = SlotMapping(find=("prop:shop = source_id",), slot=(Slot(code="code"),))

    assert held(by_shop, code="A", shop="S-1") == [(None, None, "A")]


@pytest.mark.parametrize(
    ("part", "shown", "is_held"),
    [
        (BY_STATUS, {"state": "assigned"}, True),
        (BY_STATUS, {"state": ""}, True),
        (BY_STATUS, {"state": "unassigned"}, False),
        (RecordPart(holder_id="rh", clear=("code",)), {"code": "A"}, True),
        (RecordPart(holder_id="rh", clear=("code",)), {"code": " "}, False),
        (RecordPart(holder_id="rh", delete=True), {}, True),
    ],
)
def test_a_record_is_believed_until_it_shows_its_end(part, shown, is_held):
    assert bool(held(records(part), rh="rh_1", **shown)) is is_held
    assert held(records(part), rh=" ", **shown) == []


def test_a_field_for_listing_alone_makes_no_other_destination():
    without = BY_STATUS.model_copy(update={"customer_id": None})

    assert records(BY_STATUS).fingerprint() == records(without).fingerprint()
    assert Beliefs(records(BY_STATUS)).fields == ("rh", "state", "vid")


class Book:
    """Records by their numbers; those that show nothing come along."""

    def __init__(self, rows):
        self.rows = rows

    def page(self, after, at_most, fields, shows):
        assert set(shows) <= set(fields)
        behind = [Record(str(each), self.rows[each]) for each in sorted(self.rows)]
        return [each for each in behind if int(each.record_id) > int(after or 0)][:at_most]


def everybody(book, at_most):
    after, listed = None, []
    while page := assigned(book, records(BY_STATUS), after, at_most):
        listed += page
        after = page[-1].record_id
    return listed


@given(
    st.dictionaries(st.integers(1, 50), st.sampled_from(["assigned", "unassigned"])),
    st.integers(1, 7),
)
def test_all_are_listed_once_in_order_whatever_stands_between_them(states, at_most):
    rows = {each: {"rh": f"rh_{each}", "state": state} for each, state in states.items()}

    listed = everybody(Book(rows), at_most)

    wanted = [each for each in sorted(states) if states[each] == "assigned"]
    assert listed == [BelievedHolder(str(each), None, f"rh_{each}", None) for each in wanted]


def test_a_crm_that_is_busy_is_unavailable_and_one_that_goes_in_circles_has_changed():
    class Busy:
        def page(self, *_):
            raise CrmBusyError(Outcome.retry("over its limit"))

    class Circles:
        def page(self, *_):
            return [Record("1", {"rh": ""})]

    with pytest.raises(UnavailableError, match="can't be listed now: over its limit"):
        assigned(Busy(), records(BY_STATUS), None, 5)
    with pytest.raises(VendorChangedError, match="again and again"):
        assigned(Circles(), records(BY_STATUS), None, 5)
