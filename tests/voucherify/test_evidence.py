"""What a dead letter keeps: all that a retry needs, and nothing about a person beside it."""

import json

import pytest

from sync.model.event import Invalid, Unassigned
from sync.voucherify.evidence import evidence_of
from sync.voucherify.wire import read_item

PERSON = {
    "name": "Ann Smith",
    "phone": "+44 1",
    "birthday": "1990-01-01",
    "birthdate": "1990-01-01",
    "description": "a friend of Bob",
    "address": {"city": "Leeds"},
    "metadata": {"shoe": 42},
    "system_metadata": {"shoe": 43},
    "summary": {"orders": 9},
}
SAID = ("Ann", "+44", "1990", "Bob", "Leeds", "shoe", "orders", "ops@shop")


def described(event):
    """The example, with all that may be told of its people, and broken."""
    found = event(voucher__code=None)
    found["data"]["customer"] |= PERSON | {"email": "ann@example.com"}
    found["data"]["voucher"]["metadata"] = PERSON
    found["data"]["voucher"] |= {"holder_name": "Ann", "Phone": "+44", "referrer": PERSON}
    found["data"]["event_source"] = {"channel": "USER_PORTAL", "user": {"id": "ops@shop"}}
    found["event_source"] = {"user": {"id": "ops@shop"}}
    found["user"] = "ops@shop"
    found["extra"] = {"object": "customer", "id": "cust_9", "first": "Ann"}
    return found


def test_evidence_tells_no_person_apart_from_ids_and_email(event, asked):
    evidence = read_item(described(event), asked()).finding.evidence

    assert [word for word in SAID if word in evidence] == []
    assert json.loads(evidence)["extra"] == {"id": "cust_9", "object": "customer"}


def test_a_customer_that_does_not_say_what_it_is_keeps_its_ids_and_email_only():
    customer = {"id": "cust_1", "email": "ann@example.com", "vip": "gold", "shoe": "38"}

    kept = json.loads(evidence_of({"data": {"customer": customer}}))

    assert kept == {"data": {"customer": {"id": "cust_1", "email": "ann@example.com"}}}


def test_evidence_keeps_what_a_person_needs_to_understand_the_event(event, asked):
    evidence = json.loads(read_item(described(event), asked()).finding.evidence)

    assert evidence["id"] == "evcus_0f2143d2a4d51eefeb"
    assert evidence["created_at"] == "2024-08-01T10:00:00.500Z"
    assert evidence["data"]["holder"] == event()["data"]["holder"]
    assert evidence["data"]["customer"] == {
        "id": "cust_B4WY60nNA1HcAnJj6lnW57a7",
        "object": "customer",
        "source_id": "rh_test-03",
        "email": "ann@example.com",
    }
    assert evidence["data"]["campaign"]["name"] == "Referral API"
    assert evidence["data"]["voucher"]["campaign"] == "Referral API"


def test_evidence_keeps_the_code(event, asked):
    evidence = read_item(event(campaign=None), asked()).finding.evidence

    assert json.loads(evidence)["data"]["voucher"]["code"] == "REFAPI-1L8"


def test_a_setting_that_changed_makes_the_evidence_valid(event, asked):
    found = read_item(event(campaign=None, customer__email="ann@example.com"), asked()).finding

    again = read_item(json.loads(found.evidence), asked(lenient=True)).finding

    assert isinstance(again, Unassigned)
    assert (again.unassignment.email, again.unassignment.code) == ("ann@example.com", "REFAPI-1L8")


@pytest.mark.parametrize("path", ["object", "holder__object", "voucher__object"])
def test_an_object_that_calls_itself_a_customer_gets_the_same_verdict_again(event, asked, path):
    item = event(**{path: "customer"})

    assert read_item(json.loads(evidence_of(item)), asked()) == read_item(item, asked())


@pytest.mark.parametrize("kind", ["customer", "", None, ["campaign"]])
def test_the_name_of_what_does_not_say_that_it_is_a_campaign_is_not_kept(event, asked, kind):
    item = event(campaign__object=kind, campaign__name="Ann Smith")

    evidence = evidence_of(item)

    assert "Ann Smith" not in evidence
    assert isinstance(read_item(json.loads(evidence), asked()).finding, Unassigned)


def test_evidence_is_ascii_whatever_the_event_holds(event, asked):
    odd = event(voucher__code="\x00\ud800é", holder__id="rh_\udfff", ratio=float("nan"))

    found = read_item(odd, asked()).finding

    assert found.evidence.isascii()
    assert "\x00" not in found.evidence
    assert read_item(json.loads(found.evidence), asked()).finding == found


def test_deep_nesting_is_cut_and_not_followed(event, asked):
    deep = "bottom"
    for _ in range(5_000):
        deep = {"data": [deep]}

    found = read_item(event(data=deep), asked()).finding

    assert isinstance(found, Invalid)
    assert "bottom" not in found.evidence
    assert len(found.evidence) < 500
