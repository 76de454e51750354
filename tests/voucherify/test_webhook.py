"""A webhook is Voucherify's or refused, and hints at somebody or at nobody."""

import hashlib
import hmac
import json
from contextlib import suppress
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sync.model.received import Received
from sync.voucherify.webhook import OUTSIDE_STRINGS, MalformedError, is_signed, read_webhook

NOW = datetime(2026, 3, 10, 12, 0, tzinfo=UTC)
SECRET = "secretKey"
VENDORS = "a17d2ac229d1ebbb5f10e839c7985c4818e5986eab297f7e5979196d4d7d3ed2"
"""The vendor's own vector, of the body {"a":1} under this secret."""

HOLDER = {
    "id": "rh_1",
    "created_at": "2026-03-01T08:00:00.000Z",
    "redeemable_id": "v_1",
    "redeemable_object": "voucher",
    "campaign_id": "camp_1",
    "campaign_type": "REFERRAL_PROGRAM",
    "voucher_type": "DISCOUNT_VOUCHER",
    "publication_id": None,
    "customer_id": "cust_1",
    "holder_role": "REFEREE",
    "object": "redeemable_holder",
}


def signed(body, secret=SECRET):
    return hmac.digest(secret.encode(), body, hashlib.sha256).hex()


def envelope(kind="customer.holder.assignment.deleted", at="2026-03-10T11:59:00.000Z", **data):
    return json.dumps(
        {
            "id": "whs_1",
            "project_id": "proj_1",
            "type": kind,
            "data": data,
            "event": {"id": "evcus_1", "type": kind, "created_at": at, "entity_id": "cust_1"},
        }
    ).encode()


@pytest.mark.parametrize("body", [b'{"a":1}', b'{ "a" :\n\t1 }\r\n'])
def test_the_vendors_vector_is_accepted_as_it_is_and_with_white_space(body):
    assert is_signed(body, VENDORS, [SECRET])


@given(st.text(), st.sampled_from([None, 2]))
def test_white_space_in_strings_is_signed_and_outside_of_them_is_not(text, indent):
    compact = json.dumps({"a b": [text, 1.0]}, separators=(",", ":"), ensure_ascii=False)
    spaced = json.dumps({"a b": [text, 1.0]}, indent=indent, ensure_ascii=False)
    compact, spaced = (each.encode("utf-8", "surrogatepass") for each in (compact, spaced))

    assert is_signed(spaced, signed(compact), [SECRET])
    assert not is_signed(spaced + b"x", signed(compact), [SECRET])


def test_a_string_without_an_end_is_gone_through_once():
    endless = b'"' + b'\\"' * 30_000

    (found,) = OUTSIDE_STRINGS.finditer(endless)

    assert found[0] == endless
    assert not is_signed(endless, signed(b"{}"), [SECRET])


@pytest.mark.parametrize(
    "signature", [None, "", "0" * 64, VENDORS[:-1], VENDORS[:-1] + "é", "\x00"]
)
def test_a_forged_signature_is_none(signature):
    assert not is_signed(b'{"a":1}', signature, [SECRET])


def test_either_of_two_secrets_may_have_signed():
    assert is_signed(b"{}", signed(b"{}", "new"), ["old", "new"])
    assert not is_signed(b"{}", signed(b"{}", "other"), ["old", "new"])


def test_an_unassignment_hints_at_its_customer_and_at_when():
    at = datetime(2026, 3, 10, 11, 59, tzinfo=UTC)

    assert read_webhook(envelope(holder=HOLDER), NOW) == Received(
        "evcus_1", "holder", at, customer_id="cust_1", holder_id="rh_1"
    )


@pytest.mark.parametrize("wrapped", [lambda it: [it], lambda it: {"data": [it]}])
def test_a_payload_in_a_list_of_one_is_read_as_it_is_in_an_activity(wrapped):
    told = json.loads(envelope(holder=HOLDER))
    told["data"] = wrapped(told["data"])

    assert read_webhook(json.dumps(told).encode(), NOW).customer_id == "cust_1"


def test_a_payload_without_an_envelope_is_read_and_its_replay_is_the_same():
    body = json.dumps({"holder": HOLDER, "customer": {"email": "a@example.com"}}).encode()

    first, again = read_webhook(body, NOW), read_webhook(body, NOW + timedelta(hours=1))

    assert (first.kind, first.customer_id, first.at) == ("holder", "cust_1", NOW)
    assert first.key == again.key
    assert "example" not in repr(first)


def test_without_an_events_id_the_same_holder_at_another_time_is_no_replay():
    def told(at):
        return read_webhook(json.dumps({"holder": HOLDER, "created_at": at}).encode(), NOW).key

    first, again = "2026-03-10T11:00:00.000Z", "2026-03-10T11:30:00.000Z"

    assert told(first) == told(first) != told(again)


def test_without_any_id_or_time_of_the_event_the_same_holder_assigned_again_is_no_replay():
    def told(assigned_at):
        holder = HOLDER | {"created_at": assigned_at}
        return read_webhook(json.dumps({"holder": holder}).encode(), NOW).key

    first, again = "2026-03-01T08:00:00.000Z", "2026-03-09T08:00:00.000Z"

    assert told(first) == told(first) != told(again)


@pytest.mark.parametrize(
    ("kind", "data", "named"),
    [
        ("customer.deleted", {"customer": {"id": "cust_9"}}, ("customer", "cust_9", None, None)),
        ("customer.deleted", {"id": "cust_9"}, ("customer", "cust_9", None, None)),
        ("voucher.deleted", {"voucher": {"id": "v_9"}}, ("code", None, "v_9", None)),
        ("campaign.deleted", {"campaign": {"id": "camp_9"}}, ("campaign", None, None, "camp_9")),
    ],
)
def test_what_was_deleted_is_a_hint_too(kind, data, named):
    hint = read_webhook(envelope(kind, **data), NOW)

    assert (hint.kind, hint.customer_id, hint.voucher_id, hint.campaign_id) == named


@pytest.mark.parametrize(
    "body",
    [
        envelope("customer.updated", customer={"id": "cust_1"}),
        envelope("customer.holder.assignment.created", holder=HOLDER),
        envelope("campaign.created"),
        json.dumps({"holder": {"id": "cust_1", "object": "customer"}}).encode(),
        envelope("customer.updated", at="2020-01-01T00:00:00.000Z", customer={"id": "cust_1"}),
        envelope("customer.updated", at="yesterday", customer={"id": "cust_1"}),
        json.dumps({"object": "customer", "created_at": "2020-01-01T00:00:00Z"}).encode(),
        b"{}",
    ],
)
def test_other_events_tell_nothing(body):
    assert read_webhook(body, NOW) is None


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"null",
        b"[1]",
        b"\xff",
        b"{" * 100_000,
        envelope(holder=HOLDER | {"customer_id": None}),
        envelope(holder=HOLDER | {"id": "x" * 1_001}),
        envelope(holder={"id": "cust_1", "object": "customer"}),
        envelope(),
        envelope("voucher.deleted", voucher={"id": ""}),
        envelope("campaign.deleted"),
        json.dumps(json.loads(envelope("campaign.deleted")) | {"data": None}).encode(),
        b'{"id": "whs_1", "type": "voucher.deleted"}',
        envelope(holder=HOLDER, at="yesterday"),
        envelope(holder=HOLDER, at=7),
        envelope(holder=HOLDER, at="2026-02-20T00:00:00.000Z"),
        envelope(holder=HOLDER, at="2026-03-10T12:06:00.000Z"),
    ],
)
def test_what_can_not_be_understood_or_is_of_another_time_is_refused(body):
    with pytest.raises(MalformedError):
        read_webhook(body, NOW)


def test_a_time_a_little_ahead_is_the_time_of_receiving():
    assert read_webhook(envelope(holder=HOLDER, at="2026-03-10T12:01:00Z"), NOW).at == NOW


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: (
        st.lists(inner)
        | st.dictionaries(
            st.sampled_from(["data", "event", "holder", "type", "id", "created_at", "x"]), inner
        )
    ),
)


@given(json_values | st.binary())
def test_no_body_does_any_harm(value):
    body = value if isinstance(value, bytes) else json.dumps(value).encode()

    is_signed(body, "f" * 64, [SECRET])
    with suppress(MalformedError):
        read_webhook(body, NOW)


def test_the_documented_event_hints_at_the_holder_and_at_nobody_else():
    told = envelope(
        holder=HOLDER, voucher={"holder_id": "cust_other", "code": "X"}, customer={"id": "cust_1"}
    )

    assert read_webhook(told, NOW).customer_id == "cust_1"
