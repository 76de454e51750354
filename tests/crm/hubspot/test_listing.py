"""Whom HubSpot shows to hold something, on an account of our double over real HTTP."""

import pytest

from sync.crm.adapter import TellUserError
from sync.crm.hubspot.search import MOST_FOUND, PAGE
from sync.crm.mapped.mapping import RecordMapping, RecordPart, Slot, SlotMapping
from sync.errors import UnavailableError
from tests.crm.hubspot.account import BY_CODE, BY_HOLDER, FIND, OBJECT, RECORDS, furnish
from tests.crm.hubspot.endpoints import Property

SEARCH = "POST crm/objects/contacts/search"


@pytest.fixture(autouse=True)
def _furnished(hubspot):
    furnish(hubspot)


def everybody(adapter, at_most=500):
    after, listed = None, []
    while page := adapter.assigned(after, at_most):
        listed += page
        after = page[-1].record_id
    return listed


def told(listed):
    return [(each.customer_id, each.holder_id, each.code) for each in listed]


def test_contacts_that_show_a_code_are_listed_by_their_ids_two_hundred_per_search(hubspot, adapter):
    for each in range(PAGE + 50):
        hubspot.add(voucherify_id=f"cust_{each}", voucher_code=f"CODE-{each}")
        hubspot.add(voucherify_id=f"empty_{each}")

    listed = everybody(adapter(BY_CODE))

    wanted = [(f"cust_{each}", None, f"CODE-{each}") for each in range(PAGE + 50)]
    assert told(listed) == wanted
    assert hubspot.calls[SEARCH] == 3


def test_more_than_a_search_gives_are_listed_all(hubspot, adapter):
    for each in range(MOST_FOUND + 1):
        hubspot.add(voucherify_id=f"cust_{each}", voucher_code="CODE")

    assert len(everybody(adapter(BY_CODE))) == MOST_FOUND + 1


def test_a_code_or_an_assignment_s_id_is_enough(hubspot, adapter):
    hubspot.add(voucherify_id="a", voucher_code="A", voucher_holder_id="rh_1")
    hubspot.add(voucherify_id="b", voucher_holder_id="rh_2")
    hubspot.add(voucherify_id="c", note="none")

    assert told(everybody(adapter(BY_HOLDER))) == [("a", "rh_1", "A"), ("b", "rh_2", None)]


def test_more_fields_than_a_search_has_groups_for_are_all_seen(hubspot, adapter):
    names = [f"code_{each}" for each in range(6)]
    hubspot.define("contacts", "voucherify_id", *names)
    slots = tuple(Slot(campaign=name, code=name) for name in names)
    for name in names:
        hubspot.add(voucherify_id=f"of_{name}", **{name: name.upper()})
    hubspot.add(voucherify_id="empty")

    listed = everybody(adapter(SlotMapping(find=FIND, slot=slots)))

    assert told(listed) == [(f"of_{name}", None, name.upper()) for name in names]


def test_objects_of_assignments_are_listed_until_they_have_ended(hubspot, adapter):
    unique = Property(unique=True)
    hubspot.define(OBJECT, "owner", "status", "ended_on", holder_id=unique)
    part = RecordPart(holder_id="holder_id", customer_id="owner", status="status")
    hubspot.add(OBJECT, holder_id="rh_1", status="assigned", owner="cust_1")
    hubspot.add(OBJECT, holder_id="rh_2", status="unassigned", owner="cust_2")
    hubspot.add(OBJECT, holder_id="rh_3", owner="cust_3")

    listed = everybody(adapter(RecordMapping(object=OBJECT, record=part)))

    assert told(listed) == [("cust_1", "rh_1", None), ("cust_3", "rh_3", None)]
    assert told(everybody(adapter(RECORDS))) == [(None, "rh_1", None), (None, "rh_3", None)]


def test_a_property_that_is_not_there_is_told_before_anybody_seems_to_hold_nothing(adapter):
    nowhere = SlotMapping(find=FIND, slot=(Slot(code="nowhere"),))

    with pytest.raises(TellUserError, match="nowhere"):
        adapter(nowhere).assigned(None, 500)


def test_a_hubspot_that_is_down_is_unavailable(hubspot, adapter):
    with (
        hubspot.always(answer=(503, {}, {})),
        pytest.raises(UnavailableError, match="can't be listed now"),
    ):
        adapter().assigned(None, 500)
