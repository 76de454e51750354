"""Each strict rule: what breaks it is one dead letter, whose reason a person understands."""

from datetime import UTC, datetime, timedelta

import pytest

from sync.model.event import Invalid, Unassigned
from sync.model.window import Window
from sync.voucherify.instant import write_instant
from sync.voucherify.wire import read_item

EVENT_ID = "evcus_0f2143d2a4d51eefeb"
DATA = "the event's data can't be used: "
NO_OBJECT = "the event's data is not an object with holder, voucher, campaign and customer"
NO_TIME = "is not a time with a zone, such as 2024-07-29T09:21:20.221Z"
UNSTORABLE = "has characters that no database takes"

BROKEN = [
    ({"id": ...}, "the event can't be used: id is missing"),
    ({"id": 7}, "the event can't be used: id is not a text"),
    ({"id": ""}, "the event can't be used: id is empty"),
    ({"created_at": None}, f"the event can't be used: created_at {NO_TIME}"),
    ({"created_at": ...}, "the event can't be used: created_at is missing"),
    (
        {"created_at": "2024-02-30T00:00:00Z"},
        "the event can't be used: created_at is not a real instant",
    ),
    ({"data": None}, NO_OBJECT),
    ({"data": ...}, NO_OBJECT),
    ({"data": []}, NO_OBJECT),
    ({"data": "text"}, NO_OBJECT),
    ({"data": [{}, {}]}, NO_OBJECT),
    ({"data": {"data": None}}, NO_OBJECT),
    (
        {"data": {}},
        DATA + "holder is missing; voucher is missing; campaign is missing; customer is missing",
    ),
    ({"holder": ...}, DATA + "holder is missing"),
    ({"holder": None}, DATA + "holder is not an object"),
    ({"holder": [1]}, DATA + "holder is not an object"),
    ({"holder__object": "customer"}, DATA + "holder.object is not 'redeemable_holder'"),
    ({"holder__object": ...}, DATA + "holder.object is missing"),
    ({"holder__object": {}}, DATA + "holder.object is not 'redeemable_holder'"),
    (
        {"holder__redeemable_object": "promotion_tier"},
        DATA + "holder.redeemable_object is not 'voucher'",
    ),
    ({"holder__id": ...}, DATA + "holder.id is missing"),
    ({"holder__id": None}, DATA + "holder.id is not a text"),
    ({"holder__id": " "}, DATA + "holder.id is empty"),
    ({"holder__customer_id": ...}, DATA + "holder.customer_id is missing"),
    ({"holder__redeemable_id": ""}, DATA + "holder.redeemable_id is empty"),
    ({"holder__holder_role": None}, DATA + "holder.holder_role is not a text"),
    ({"holder__campaign_id": 5}, DATA + "holder.campaign_id is not a text"),
    ({"holder__created_at": "29.07.2024"}, DATA + f"holder.created_at {NO_TIME}"),
    ({"voucher__code": ...}, DATA + "voucher.code is missing"),
    ({"voucher__code": ""}, DATA + "voucher.code is empty"),
    ({"voucher__code": "\t\n "}, DATA + "voucher.code is empty"),
    ({"voucher__code": 1234}, DATA + "voucher.code is not a text"),
    ({"customer__email": {"a": 1}}, DATA + "customer.email is not a text"),
    ({"campaign__name": False}, DATA + "campaign.name is not a text"),
    ({"holder__id": "rh_\x00"}, DATA + f"holder.id {UNSTORABLE}"),
    ({"holder__id": "rh_\ud800"}, DATA + f"holder.id {UNSTORABLE}"),
    ({"id": "evcus_\udfff"}, f"the event can't be used: id {UNSTORABLE}"),
    ({"voucher__code": "A\x00B"}, DATA + f"voucher.code {UNSTORABLE}"),
    ({"voucher__code": "A\udc80"}, DATA + f"voucher.code {UNSTORABLE}"),
    ({"customer__email": "a\x00@example.com"}, DATA + f"customer.email {UNSTORABLE}"),
    ({"customer__source_id": "\ud83d"}, DATA + f"customer.source_id {UNSTORABLE}"),
    ({"campaign__name": "Gr\udcfc\x00n"}, DATA + f"campaign.name {UNSTORABLE}"),
]


@pytest.mark.parametrize(("changes", "reason"), BROKEN)
def test_what_cannot_be_used_is_one_dead_letter_that_says_why(event, asked, changes, reason):
    item = read_item(event(**changes), asked())

    assert isinstance(item.finding, Invalid)
    assert item.finding.reason == reason
    assert item.matched is True


@pytest.mark.parametrize(("changes", "reason"), BROKEN)
def test_the_lenient_mode_forgives_none_of_these(event, asked, changes, reason):
    found = read_item(event(**changes), asked(lenient=True)).finding

    lenient_reason = reason.replace("; campaign is missing; customer is missing", "")
    assert found.reason == lenient_reason


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"campaign": ...}, "campaign is missing"),
        ({"campaign": None}, "campaign is not an object"),
        ({"customer": ...}, "customer is missing"),
        ({"customer": None}, "customer is not an object"),
    ],
)
def test_only_the_lenient_mode_does_without_campaign_and_customer(event, asked, changes, reason):
    strict = read_item(event(**changes), asked()).finding
    lenient = read_item(event(**changes), asked(lenient=True)).finding

    assert strict.reason == DATA + reason
    assert isinstance(lenient, Unassigned)


def test_the_lenient_mode_still_needs_a_code(event, asked):
    found = read_item(event(voucher=...), asked(lenient=True)).finding

    assert found.reason == DATA + "voucher is missing"


@pytest.mark.parametrize("lenient", [False, True])
@pytest.mark.parametrize(
    ("changes", "names"),
    [
        ({"customer__id": "cust_other"}, "customer.id and holder.customer_id"),
        ({"voucher__id": "v_other"}, "voucher.id and holder.redeemable_id"),
        ({"campaign__id": "camp_other"}, "campaign.id and holder.campaign_id"),
        ({"voucher__campaign_id": "camp_other"}, "voucher.campaign_id and holder.campaign_id"),
        (
            {"holder__campaign_id": None, "voucher__campaign_id": "camp_other"},
            "voucher.campaign_id and campaign.id",
        ),
    ],
)
def test_an_id_that_stands_in_two_places_must_agree(event, asked, lenient, changes, names):
    found = read_item(event(**changes), asked(lenient=lenient)).finding

    assert found.reason == f"{names} differ, so it is not clear what was unassigned"


def test_ids_that_disagree_are_no_hint_for_either_customer(event, asked):
    found = read_item(event(holder__customer_id="cust_other"), asked()).finding

    assert isinstance(found, Invalid)


@pytest.mark.parametrize(
    ("unassigned_at", "is_valid"),
    [
        ("2024-07-29T09:21:20.221Z", True),
        ("2024-07-29T09:21:19.221Z", True),
        ("2024-07-29T09:21:19.220Z", False),
        ("2024-07-01T00:00:00Z", False),
    ],
)
def test_an_unassignment_is_at_most_a_second_older_than_its_assignment(
    event, asked, unassigned_at, is_valid
):
    found = read_item(event(created_at=unassigned_at), asked()).finding

    assert isinstance(found, Unassigned) is is_valid
    if not is_valid:
        reason = "the unassignment is dated before the assignment (holder.created_at)"
        assert found.reason == reason


@pytest.mark.parametrize(("ahead", "is_valid"), [(0, True), (300, True), (300.001, False)])
def test_an_event_is_at_most_five_minutes_ahead_of_the_server(event, asked, ahead, is_valid):
    question = asked()
    text = write_instant(question.server_time + timedelta(seconds=ahead))

    found = read_item(event(created_at=text), question).finding

    assert isinstance(found, Unassigned) is is_valid
    if not is_valid:
        assert found.reason == "the event is dated more than 5 minutes in the future"


@pytest.mark.parametrize(
    "text",
    [
        "2024-08-01T10:00:00Z",
        "2024-08-01T10:00:00+00:00",
        "2024-08-01T10:00:00.00+00:00",
        "2024-08-01T10:00:00.000+00:00",
        "2024-08-01T10:00:00.000000Z",
        "2024-08-01t10:00:00.000z",
        "2024-08-01 12:30:00+02:30",
    ],
)
def test_a_time_may_be_written_in_every_form_of_rfc_3339(event, asked, text):
    found = read_item(event(created_at=text), asked()).finding

    assert found.unassignment.unassigned_at == datetime(2024, 8, 1, 10, tzinfo=UTC)


@pytest.mark.parametrize(
    "text",
    [
        "0001-01-01T00:00:00+05:00",
        "9999-12-31T23:59:59-05:00",
        "2024-08-01T10:00:00",
        "2023-02-29T10:00:00Z",
        "2024-08-01T25:00:00Z",
        "2024-08-01T10:00:00+25:00",
        1_722_506_400,
    ],
)
@pytest.mark.parametrize("path", ["created_at", "holder__created_at"])
def test_what_is_no_instant_is_a_dead_letter(event, asked, path, text):
    found = read_item(event(**{path: text}), asked()).finding

    assert isinstance(found, Invalid)
    assert "created_at is not a" in found.reason


@pytest.mark.parametrize("text", ["0001-01-01T00:00:00Z", "9999-12-31T23:59:59.999999Z"])
def test_the_ends_of_the_calendar_are_read_like_any_time(event, asked, text):
    always = asked(window=Window(datetime.min.replace(tzinfo=UTC)))

    assert isinstance(read_item(event(created_at=text), always).finding, Invalid)
    assert read_item(event(holder__created_at=text), always).finding is not None


@pytest.mark.parametrize("own_id", [..., 5, "", "\x00", None, [1]])
def test_an_event_without_a_usable_id_has_a_key_that_stays_the_same(event, asked, own_id):
    first = read_item(event(id=own_id), asked()).finding
    again = read_item(dict(reversed(event(id=own_id).items())), asked()).finding
    other = read_item(event(id=own_id, voucher__code="OTHER"), asked()).finding

    assert first.key.startswith("sha256:")
    assert first.key == again.key
    assert first.key != other.key


def test_the_key_of_a_dead_letter_is_the_events_own_id(event, asked):
    assert read_item(event(holder=None), asked()).finding.key == EVENT_ID
