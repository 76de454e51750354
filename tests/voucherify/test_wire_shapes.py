"""Every shape in which the event may come; what is ignored, what is a hint, what is remembered."""

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest

from sync.model.event import Assigned, Hint, Invalid, Unassigned
from sync.model.unassignment import Assignment, Unassignment
from sync.model.window import Window
from sync.voucherify.wire import Item, read_item

EXAMPLE = Path(__file__).parent / "holder-assignment-deleted.json"
CREATED = "customer.holder.assignment.created"
SOURCE = {"channel": "API", "api_key": {"name": "Shop", "app_id": "shop"}}

EXPECTED = Unassignment(
    holder_id="rh_0f212ebadcc51eefea",
    event_id="evcus_0f2143d2a4d51eefeb",
    role="REFEREE",
    customer_id="cust_B4WY60nNA1HcAnJj6lnW57a7",
    source_id="rh_test-03",
    email=None,
    voucher_id="v_YdDGS5yBnLCp79vfPbHhkoRrqPwkgyiy",
    code="REFAPI-1L8",
    campaign_id="camp_vVk4unz3k4gA023fk9XoSiTh",
    campaign_name="Referral API",
    assigned_at=datetime(2024, 7, 29, 9, 21, 20, 221_000, tzinfo=UTC),
    unassigned_at=datetime(2024, 8, 1, 10, 0, 0, 500_000, tzinfo=UTC),
)


def flat(payload):
    return {"data": payload}


def flat_with_source(payload):
    return {"data": {**payload, "event_source": SOURCE}}


def nested(payload):
    return {"data": {"data": payload, "event_source": SOURCE}}


def list_of_one(payload):
    return {"data": [payload]}


def source_on_top(payload):
    return {
        "data": payload,
        "event_source": SOURCE,
        "category": "EFFECT",
        "entity_id": payload["customer"]["id"],
    }


def list_in_a_wrapper(payload):
    return {"data": {"data": [payload]}}


def wrapper_in_a_list(payload):
    return {"data": [{"data": payload}]}


SHAPES = [
    flat,
    flat_with_source,
    nested,
    list_of_one,
    source_on_top,
    list_in_a_wrapper,
    wrapper_in_a_list,
]


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("lenient", [False, True])
def test_the_vendors_example_is_valid_in_every_shape(event, asked, shape, lenient):
    payload = json.loads(EXAMPLE.read_text())

    item = read_item(event() | shape(payload), asked(lenient=lenient))

    assert item == Item(EXPECTED.unassigned_at, matched=True, finding=Unassigned(EXPECTED))


def test_the_person_is_the_holder_and_not_the_one_whom_the_voucher_names(event, asked):
    item = event()

    assert item["data"]["voucher"]["holder_id"] != item["data"]["holder"]["customer_id"]
    assert read_item(item, asked()).finding.unassignment.customer_id == EXPECTED.customer_id


def test_all_ids_come_from_the_holder(event, asked):
    bare = event(
        voucher__id=..., voucher__campaign_id=..., campaign__id=..., customer__id=..., group_id=...
    )

    assert read_item(bare, asked()).finding == Unassigned(EXPECTED)


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("holder__holder_role", "GODPARENT"),
        ("holder__campaign_type", None),
        ("holder__campaign_type", "PICNIC"),
        ("holder__voucher_type", 7),
        ("holder__publication_id", ["pub_1"]),
        ("holder__added", {"later": True}),
        ("voucher__type", "NEW_KIND"),
        ("voucher__created_at", "never"),
        ("voucher__object", None),
        ("campaign__object", 3),
        ("customer__phone", "+100"),
        ("added", [1, 2]),
    ],
)
def test_what_is_not_kept_may_be_anything(event, asked, path, value):
    found = read_item(event(**{path: value}), asked()).finding

    role = value if path == "holder__holder_role" else "REFEREE"
    assert found.unassignment == Unassignment(
        **{
            name: role if name == "role" else getattr(EXPECTED, name)
            for name in EXPECTED.__dataclass_fields__
        }
    )


@pytest.mark.parametrize("nothing", [None, "", "  "])
@pytest.mark.parametrize(
    ("path", "field"),
    [
        ("customer__source_id", "source_id"),
        ("customer__email", "email"),
        ("campaign__name", "campaign_name"),
        ("holder__campaign_id", "campaign_id"),
        ("customer__id", None),
        ("voucher__id", None),
    ],
)
def test_a_null_or_blank_text_means_that_there_is_none(event, asked, path, field, nothing):
    found = read_item(event(**{path: nothing}), asked()).finding

    assert isinstance(found, Unassigned)
    assert field is None or getattr(found.unassignment, field) is None


def test_an_id_needs_no_prefix(event, asked):
    found = read_item(
        event(id="1", holder__id="2", holder__redeemable_id="3", voucher__id="3"), asked()
    ).finding.unassignment

    assert (found.event_id, found.holder_id, found.voucher_id) == ("1", "2", "3")


@pytest.mark.parametrize("kind", ["customer.updated", "customer.holder.assignment.renewed", ""])
def test_an_event_of_another_type_is_ignored_but_its_time_counts(event, asked, kind):
    assert read_item(event(type=kind, data=None), asked()) == Item(
        EXPECTED.unassigned_at, matched=False, finding=None
    )


@pytest.mark.parametrize("kind", [..., None, 5, ["customer.holder.assignment.deleted"]])
def test_an_event_without_a_type_is_a_dead_letter_since_it_may_be_one_of_ours(event, asked, kind):
    item = read_item(event(type=kind), asked())

    assert item.finding.reason == "the event has no type, so it may be an unassignment"
    assert item.finding.key == EXPECTED.event_id
    assert item.matched is False


@pytest.mark.parametrize("item", [None, "evcus_1", 5, [], ["evcus_1"], True, float("nan")])
def test_an_item_that_is_no_object_is_a_dead_letter(asked, item):
    found = read_item(item, asked()).finding

    assert found.reason == "an item is not a JSON object"
    assert found.key.startswith("sha256:")


def test_an_event_of_another_customer_is_a_hint_for_that_one(event, asked):
    other = event(holder__customer_id="cust_other", customer__id="cust_other")

    assert read_item(other, asked()) == Item(
        EXPECTED.unassigned_at,
        matched=True,
        finding=Hint("cust_other", EXPECTED.holder_id, EXPECTED.unassigned_at),
    )


def test_an_event_is_read_only_inside_the_window(event, asked):
    window = Window(datetime(2024, 7, 1, tzinfo=UTC), EXPECTED.unassigned_at)
    at_start = event(created_at="2024-07-30T00:00:00Z")

    assert read_item(event(), asked(window=window)).finding is None
    assert read_item(event(), asked(window=window)).matched is False
    assert isinstance(read_item(at_start, asked(window=window)).finding, Unassigned)
    from_start = Window(datetime(2024, 7, 30, tzinfo=UTC))
    assert isinstance(read_item(at_start, asked(window=from_start)).finding, Unassigned)


def test_a_broken_event_outside_the_window_is_not_ours_to_report(event, asked):
    old = event(created_at="2020-01-01T00:00:00Z", holder=None)

    assert read_item(old, asked()).finding is None


def test_an_assignment_is_remembered(event, asked):
    item = read_item(event(type=CREATED), asked())

    assert item.matched is False
    assert item.finding == Assigned(
        Assignment(
            holder_id=EXPECTED.holder_id,
            customer_id=EXPECTED.customer_id,
            voucher_id=EXPECTED.voucher_id,
            code=EXPECTED.code,
            campaign_id=EXPECTED.campaign_id,
            role="REFEREE",
            assigned_at=EXPECTED.assigned_at,
        )
    )


def test_an_assignment_needs_only_its_holder(event, asked):
    bare = event(type=CREATED, voucher=..., campaign=..., customer=..., holder__campaign_id=None)

    found = read_item(bare, asked()).finding.assignment

    assert (found.holder_id, found.code, found.campaign_id) == (EXPECTED.holder_id, None, None)


def test_an_assignment_of_another_customer_is_remembered_as_theirs(event, asked):
    other = event(type=CREATED, holder__customer_id="cust_other")

    found = read_item(other, asked()).finding.assignment

    assert (found.holder_id, found.customer_id) == (EXPECTED.holder_id, "cust_other")


@pytest.mark.parametrize("what", ["promotion_tier", "promotion_stack", "VOUCHER", ""])
@pytest.mark.parametrize("shape", SHAPES)
def test_an_assignment_of_something_else_than_a_voucher_is_ignored(event, asked, what, shape):
    payload = event(holder__redeemable_object=what, holder__redeemable_id=...)["data"]

    assert read_item(event(type=CREATED) | shape(payload), asked()) == Item(
        EXPECTED.unassigned_at, matched=False, finding=None
    )


@pytest.mark.parametrize("what", [..., None, 5, ["promotion_tier"]])
def test_an_assignment_of_nobody_knows_what_is_a_dead_letter(event, asked, what):
    found = read_item(event(type=CREATED, holder__redeemable_object=what), asked()).finding

    assert isinstance(found, Invalid)
    assert "holder.redeemable_object is" in found.reason


def test_an_assignment_that_cannot_be_read_is_a_dead_letter(event, asked):
    found = read_item(event(type=CREATED, holder__redeemable_id=...), asked()).finding

    assert isinstance(found, Invalid)
    assert found.reason == "the assignment's data can't be used: holder.redeemable_id is missing"
