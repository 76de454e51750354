"""What is sent for an unassignment, its signature, and what each answer means."""

import hashlib
import hmac
import json
from datetime import UTC, datetime, timedelta, timezone
from email.utils import format_datetime

import pytest
from requests.structures import CaseInsensitiveDict

from sync.crm.adapter import CredentialsRefusedError, Outcome, Result, TellUserError
from sync.crm.http.envelope import (
    Verdict,
    envelope,
    judge,
    judge_check,
    message_id,
    signed_headers,
)
from sync.errors import RetryError
from sync.transport import Answer

NOW = datetime(2026, 3, 2, 9, 5, tzinfo=UTC)
SECRET = "s3cret-s3cret-s3cret"


def answer(status, body=b"", **headers):
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return Answer(status, CaseInsensitiveDict(named), body)


def outcome_of(status, body=b"", **headers):
    return judge(answer(status, body, **headers), NOW).outcome


def wait_for(text, **headers):
    return outcome_of(429, Retry_After=text, **headers).after


def test_the_envelope_is_a_cloud_event_with_all_that_is_known(unassignment):
    sent = json.loads(envelope(unassignment(superseded_by="rh_2")))

    assert sent == {
        "specversion": "1.0",
        "id": "rh_1:evcus_rh_1",
        "source": "/holdersync",
        "type": "holdersync.unassignment.v1",
        "subject": "rh_1",
        "time": "2026-03-02T09:00:00.123456Z",
        "datacontenttype": "application/json",
        "data": {
            "holder_id": "rh_1",
            "event_id": "evcus_rh_1",
            "role": "REFEREE",
            "customer_id": "cust_1",
            "source_id": "shop-7",
            "email": "ann@example.com",
            "voucher_id": "v_1",
            "code": "FRIEND-1",
            "campaign_id": "camp_1",
            "campaign_name": "Friends",
            "assigned_at": "2026-03-01T08:30:00.005000Z",
            "unassigned_at": "2026-03-02T09:00:00.123456Z",
            "superseded_by": "rh_2",
        },
    }


def test_the_data_has_every_field_of_an_unassignment(unassignment):
    one = unassignment()

    assert list(json.loads(envelope(one))["data"]) == list(one.__dataclass_fields__)


def test_what_is_unknown_is_null(unassignment):
    unknown = ("source_id", "email", "campaign_id", "campaign_name", "superseded_by")
    data = json.loads(envelope(unassignment(**dict.fromkeys(unknown))))["data"]

    assert [name for name, value in data.items() if value is None] == list(unknown)


def test_times_are_told_in_utc_whatever_their_zone(unassignment):
    there = timezone(timedelta(hours=2))
    one = unassignment(unassigned_at=datetime(2026, 3, 2, 11, 0, tzinfo=there))

    assert json.loads(envelope(one))["time"] == "2026-03-02T09:00:00Z"


def test_a_repeat_is_the_same_to_the_byte(unassignment):
    assert envelope(unassignment()) == envelope(unassignment())


def test_an_id_stays_though_a_newer_assignment_was_learned_of(unassignment):
    later = unassignment(superseded_by="rh_2")

    assert message_id(later) == message_id(unassignment())
    assert json.loads(envelope(later))["data"]["superseded_by"] == "rh_2"


def test_a_later_event_for_a_known_holder_has_another_id(unassignment):
    first, later = unassignment(), unassignment(event_id="evcus_later")

    assert message_id(first) != message_id(later)


def test_an_id_can_stand_in_a_header_and_in_no_other_ids_place(unassignment):
    odd = unassignment("rh:1\r\né\ud800", event_id="2:3")

    assert message_id(odd) == "rh%3A1%0D%0A%C3%A9%ED%A0%80:2%3A3"
    assert json.loads(envelope(odd))["subject"] == "rh:1\r\né\ud800"


def test_the_signature_is_over_time_and_body():
    headers = signed_headers(SECRET, b'{"a":1}', NOW)

    expected = hmac.new(SECRET.encode(), b'1772442300.{"a":1}', hashlib.sha256).hexdigest()
    assert headers == {
        "X-Holdersync-Timestamp": "1772442300",
        "X-Holdersync-Signature": f"v1={expected}",
    }


@pytest.mark.parametrize(
    "other",
    [
        (SECRET, b'{"a":2}', NOW),
        (SECRET, b'{"a":1}', NOW + timedelta(seconds=1)),
        (SECRET + "x", b'{"a":1}', NOW),
    ],
    ids=["body", "time", "secret"],
)
def test_another_body_time_or_secret_gives_another_signature(other):
    name = "X-Holdersync-Signature"

    assert signed_headers(*other)[name] != signed_headers(SECRET, b'{"a":1}', NOW)[name]


@pytest.mark.parametrize("status", [200, 201, 202, 203, 204, 299])
def test_a_success_is_removed(status):
    assert judge(answer(status), NOW) == Verdict(Outcome(Result.REMOVED))


@pytest.mark.parametrize(
    "word",
    ["removed", "already_removed", "superseded", "assignment_not_found", "contact_not_found"],
)
def test_a_200_may_say_what_became_of_it(word):
    assert outcome_of(200, json.dumps({"result": word}).encode()) == Outcome(Result(word))


def test_a_receiver_may_reject_or_put_off_one_and_its_reason_is_not_repeated():
    rejected = outcome_of(200, b'{"result": "rejected", "reason": "ann@example.com is odd"}')
    later = judge(answer(200, b'{"result": "retry", "reason": "ann"}', Retry_After="60"), NOW)

    assert rejected == Outcome.rejected("the receiver says so: rejected")
    assert later == Verdict(Outcome.retry("the receiver says so: retry", timedelta(minutes=1)))


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"ok",
        b"null",
        b"[]",
        b'"rejected"',
        b"{}",
        b'{"result": "fine"}',
        b'{"result": 1}',
        b'{"result": null}',
        b'{"result": ["rejected"]}',
        b'{"result": {"rejected": 1}}',
        b'{"status": "rejected"}',
        b"\xff\xfe",
        b"[" * 60_000,
    ],
)
def test_a_200_that_says_anything_else_is_removed(body):
    assert outcome_of(200, body) == Outcome(Result.REMOVED)


@pytest.mark.parametrize("status", [201, 202])
def test_only_a_200_has_a_body_that_counts(status):
    assert outcome_of(status, b'{"result": "rejected"}') == Outcome(Result.REMOVED)


@pytest.mark.parametrize("status", [400, 402, 406, 411, 413, 415, 422, 451, 499])
def test_what_the_receiver_refuses_is_rejected_by_its_status_alone(status):
    got = outcome_of(status, b'{"result": "removed", "email": "ann@example.com"}')

    assert got == Outcome.rejected(f"the receiver refuses it ({status})")


@pytest.mark.parametrize("status", [300, 301, 302, 303, 304, 307, 308, 404, 405, 410])
def test_a_wrong_address_is_told_and_nothing_is_lost(status):
    with pytest.raises(TellUserError, match=f"{status}") as caught:
        judge(answer(status, Location="https://elsewhere.test/s3cret"), NOW)

    assert "elsewhere" not in str(caught.value)


@pytest.mark.parametrize("status", [401, 403])
def test_a_refused_sender_is_told_with_the_setting(status):
    with pytest.raises(CredentialsRefusedError, match=rf"\({status}\): see that CRM_HTTP_SECRET"):
        judge(answer(status), NOW)


@pytest.mark.parametrize("status", [101, 408, 409, 425, 502, 503, 504, 999])
def test_a_fault_that_may_pass_is_tried_again(status):
    with pytest.raises(RetryError, match=f"the receiver answered {status}"):
        judge(answer(status), NOW)


@pytest.mark.parametrize("status", [500, 501, 505, 599])
def test_a_receiver_that_breaks_at_one_is_asked_again_in_the_next_run(status):
    reason = f"the receiver answered {status}"
    assert judge(answer(status), NOW) == Verdict(Outcome.retry(reason))


@pytest.mark.parametrize("status", [408, 409, 425, 429, 500, 503])
def test_a_receiver_that_names_a_wait_is_left_alone_for_it(status):
    got = judge(answer(status, Retry_After="120"), NOW)

    reason = f"the receiver answered {status}"
    assert got == Verdict(Outcome.retry(reason, timedelta(minutes=2)), stops=True)


def test_too_many_calls_stop_the_batch_without_a_wait_too():
    assert judge(answer(429), NOW) == Verdict(
        Outcome.retry("the receiver answered 429"), stops=True
    )


def test_a_wait_may_be_a_date_against_the_receivers_own_clock():
    until = format_datetime(NOW + timedelta(hours=1), usegmt=True)
    its_clock = format_datetime(NOW + timedelta(minutes=50), usegmt=True)

    assert wait_for(until) == timedelta(hours=1)
    assert wait_for(until, Date=its_clock) == timedelta(minutes=10)
    assert wait_for(until, Date="yesterday") == timedelta(hours=1)


@pytest.mark.parametrize("text", ["9999999999", "Fri, 31 Dec 9999 23:59:59 GMT"])
def test_a_wait_is_never_longer_than_a_day(text):
    assert wait_for(text) == timedelta(days=1)


@pytest.mark.parametrize(
    "text",
    ["", "0", "-5", "1.5", "soon", "٣", "9" * 5_000, "Mon, 02 Mar 2026 09:00:00 GMT"],
)
def test_what_names_no_wait_is_none(text):
    assert wait_for(text) is None


@pytest.mark.parametrize("status", [200, 204, 400, 404, 405, 410, 422, 429, 500, 501])
def test_a_check_accepts_what_a_receiver_may_answer_to_an_unknown_question(status):
    assert len(judge_check(answer(status))) == (1 if status < 300 else 2)


@pytest.mark.parametrize(
    ("status", "error"),
    [
        (301, TellUserError),
        (308, TellUserError),
        (401, CredentialsRefusedError),
        (403, CredentialsRefusedError),
        (502, TellUserError),
        (503, TellUserError),
        (504, TellUserError),
    ],
)
def test_a_check_refuses_what_no_delivery_could_pass(status, error):
    with pytest.raises(error, match=rf"\({status}\)"):
        judge_check(answer(status))
