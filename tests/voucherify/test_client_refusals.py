"""What each refusal means for the run; and that no text of ours repeats what a body says."""

import json
from datetime import UTC, datetime

import pytest

from sync.errors import (
    CredentialsRefusedError,
    HoldersyncError,
    ParkError,
    RefusedError,
    UnavailableError,
)

ATTEMPTS = 5
TOKEN = "f0a1b2c3-1111-4222-8333-944455556666"
ERROR = {
    "code": 404,
    "key": "not_found",
    "message": "Resource not found",
    "details": "Cannot find customer with id cust_1",
    "request_id": "v-0fa4de30126b92bfb8",
    "resource_id": "cust_1",
    "resource_type": "customer",
}
LIMIT = {"code": 429, "message": "Too many requests hit the API too quickly."}


@pytest.mark.parametrize("status", [401, 403])
def test_a_refused_key_ends_the_run_after_one_call(project, status):
    project.answers({"key": "unauthorized", "request_id": "v-0fa4de30126b92bfb8"}, status=status)

    with pytest.raises(CredentialsRefusedError) as refused:
        project.get()

    assert str(refused.value) == (
        f"Voucherify refused the key: {status} unauthorized (request v-0fa4de30126b92bfb8). Check "
        "VOUCHERIFY_APP_ID and VOUCHERIFY_APP_TOKEN, the key's role, and that VOUCHERIFY_REGION is "
        "the project's"
    )
    assert project.waits == []


@pytest.mark.parametrize(
    ("status", "key", "signature"),
    [
        (400, "invalid_query_params", "400 invalid_query_params"),
        (404, "not_found", "404 not_found"),
        (405, "method_not_allowed", "405 method_not_allowed"),
        (409, "locked", "409 locked"),
        (418, 7, "418 unknown"),
    ],
)
def test_any_other_refusal_is_not_asked_again_and_has_a_signature(project, status, key, signature):
    project.answers({"key": key}, status=status)

    with pytest.raises(RefusedError) as refused:
        project.get()

    assert refused.value.signature == signature
    assert project.waits == []


def test_a_success_without_a_body_is_no_answer_to_our_question(project):
    project.answers("", status=204)

    with pytest.raises(RefusedError) as refused:
        project.get()

    assert refused.value.signature == "204 unknown"


def test_a_refusal_tells_what_it_is_about(project):
    project.answers(ERROR, status=404)

    with pytest.raises(RefusedError) as refused:
        project.get()

    assert refused.value.resource == ("customer", "cust_1")
    assert str(refused.value) == (
        "Voucherify answered 404 not_found (request v-0fa4de30126b92bfb8)"
    )


@pytest.mark.parametrize("body", ["<html>404</html>", "", [1], "null", '{"key": ', "[" * 100_000])
def test_a_refusal_that_is_not_voucherifys_has_an_unknown_key(project, body):
    project.answers(body, status=404)

    with pytest.raises(RefusedError) as refused:
        project.get()

    assert refused.value.signature == "404 unknown"
    assert refused.value.resource == (None, None)


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_is_not_followed(project, status):
    project.answers("", status=status, Location="https://elsewhere.test/v1/customers")

    with pytest.raises(RefusedError) as refused:
        project.get()

    assert refused.value.signature == f"{status} unknown"
    assert len(project.requests) == 1


@pytest.mark.parametrize("status", [408, 425, 500, 502, 503, 504, 599])
def test_a_server_error_is_asked_again_and_then_left(project, status):
    project.answers(ERROR, status=status, times=ATTEMPTS)

    with pytest.raises(UnavailableError, match=f"{status} not_found .*given up after 5 attempts"):
        project.get()

    assert len(project.waits) == ATTEMPTS - 1


def test_a_server_error_says_how_long_to_wait(project):
    project.answers("", status=503, Retry_After="7")
    project.answers({})

    project.get()

    assert 7 <= project.waits[0] <= 8


def test_a_server_error_that_asks_for_too_long_a_wait_leaves_the_customer(project):
    project.answers("", status=503, Retry_After="3600")

    with pytest.raises(UnavailableError, match="given up after 1 attempts"):
        project.get()

    assert project.waits == []


@pytest.mark.parametrize(
    ("status", "headers"),
    [(402, {}), (429, {"X_Rate_Limit_Type": "api_calls_cycle", "Retry_After": "1"})],
)
def test_the_end_of_the_billing_cycle_parks_the_run(project, status, headers):
    project.answers(ERROR, status=status, **headers)

    with pytest.raises(ParkError, match="the billing cycle's calls are used up") as parked:
        project.get()

    assert (parked.value.by, parked.value.resume_after) == (
        "cycle",
        datetime(2024, 9, 1, tzinfo=UTC),
    )
    assert project.pacer.cycle_refused
    assert project.waits == []


@pytest.mark.parametrize(
    ("headers", "least"),
    [
        ({"Retry_After": "30"}, 30),
        ({"X_Rate_Limit_Retry": "1722513620"}, 20),
        ({"Retry_After": "0", "X_Rate_Limit_Retry": "1722513620"}, 20),
        ({"X_Rate_Limit_Type": "api_calls"}, 15),
        ({"Retry_After": "later"}, 15),
        ({"X_Rate_Limit_Retry": "1722513620", "Date": None}, 15),
        ({"X_Rate_Limit_Retry": "1"}, 15),
        ({"Retry_After": "60"}, 60),
    ],
)
def test_a_rate_limit_is_waited_for_as_long_as_the_answer_asks(project, headers, least):
    project.answers(LIMIT, status=429, **headers)
    project.answers({})

    project.get()

    (waited,) = project.waits
    assert least <= waited <= least + 1
    assert project.pacer.seen[0].refused
    assert not project.pacer.cycle_refused


@pytest.mark.parametrize(
    ("headers", "resume_after"),
    [
        ({"Retry_After": "61"}, datetime(2024, 8, 1, 12, 1, 1, tzinfo=UTC)),
        ({"X_Rate_Limit_Retry": "1722517200"}, datetime(2024, 8, 1, 13, tzinfo=UTC)),
        ({"Retry_After": "3600", "Date": None}, None),
        ({"Retry_After": "9999999999"}, datetime(2341, 6, 22, 5, 46, 39, tzinfo=UTC)),
    ],
)
def test_a_rate_limit_that_asks_for_too_long_a_wait_parks_the_run(project, headers, resume_after):
    project.answers(LIMIT, status=429, **headers)

    with pytest.raises(ParkError) as parked:
        project.get()

    assert (parked.value.by, parked.value.resume_after) == ("rate", resume_after)
    assert project.waits == []


@pytest.mark.parametrize("status", [400, 401, 402, 403, 404, 429, 500, 503, 200])
@pytest.mark.parametrize(
    "said",
    [TOKEN, f"v-{TOKEN}", "ann@example.com", "Ann Smith", "Zoë", "a\nb", "x" * 61, "ann-lee"],
)
def test_no_error_repeats_a_token_or_a_person_from_a_body(project, status, said):
    names = ("key", "message", "details", "request_id", "resource_id", "resource_type", "customer")
    body = json.dumps(dict.fromkeys(names, said)) if status != 200 else f"<p>{said}</p>"
    project.answers(body, status=status, times=ATTEMPTS if status in {200, 429, 500, 503} else 1)

    with pytest.raises(HoldersyncError) as failed:
        project.get()

    errors = [failed.value, failed.value.__cause__]
    assert [str(error) for error in errors if said in str(error)] == []
    assert said not in getattr(failed.value, "signature", "")
