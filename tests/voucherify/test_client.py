"""What is sent, and what an accepted answer gives."""

from datetime import UTC, datetime

import pytest

from sync.errors import FailedError, UnavailableError

CUSTOMERS = {"customers": [], "total": 0}
ATTEMPTS = 5


def test_every_request_carries_the_key_the_version_and_the_channel(project):
    project.answers(CUSTOMERS)

    project.get()

    sent = project.requests[0].headers
    assert sent["X-App-Id"] == "app-1"
    assert sent["X-App-Token"] == "f0a1b2c3-1111-4222-8333-944455556666"
    assert sent["X-Voucherify-API-Version"] == "v2018-08-01"
    assert sent["X-Voucherify-Channel"] == "holdersync"
    assert sent["Accept"] == "application/json"


@pytest.mark.parametrize(
    ("customer_id", "escaped"),
    [
        ("cust_B4WY60nNA1HcAnJj6lnW57a7", "cust_B4WY60nNA1HcAnJj6lnW57a7"),
        ("a/b", "a%2Fb"),
        ("a b", "a%20b"),
        ("50%", "50%25"),
        ("%2F", "%252F"),
        ("a?b#c&d", "a%3Fb%23c%26d"),
        ("ann+1@example.com", "ann%2B1%40example.com"),
        ("Zoë", "Zo%C3%AB"),
        ("客", "%E5%AE%A2"),
        ("a-b_c.d~e", "a-b_c.d~e"),
        ("...", "..."),
        ("../..", "..%2F.."),
        ("a\\b", "a%5Cb"),
        ("\x01\x7f\u2028", "%01%7F%E2%80%A8"),
    ],
)
def test_an_id_is_one_segment_of_the_path_whatever_it_holds(project, customer_id, escaped):
    path = f"/v1/customers/{escaped}/activity"
    project.answers({}, path=path)

    project.get("customers", customer_id, "activity", params=[("limit", "100")])

    assert project.requests[0].url == f"https://api.example.test{path}?limit=100"


@pytest.mark.parametrize("dots", [".", ".."])
def test_an_id_that_would_lead_to_another_address_is_not_sent(project, dots):
    with pytest.raises(FailedError, match="made of dots") as failed:
        project.get("customers", dots, "activity")

    assert failed.value.signature == "dots"
    assert project.requests == []


def test_an_answer_gives_its_json_and_the_servers_time(project):
    project.answers({"a": [1, None]}, Date="Thu, 01 Aug 2024 12:00:00 GMT")

    reply = project.get()

    assert reply.body == {"a": [1, None]}
    assert reply.server_time == datetime(2024, 8, 1, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    "body",
    [
        "<html><body>Bad gateway</body></html>",
        '{"customers": [{"id": "cust',
        "",
        b"\xff\xfe\x00",
        "[" * 100_000,
        "1" * 5_000,
    ],
)
def test_a_200_that_is_not_json_is_asked_again_and_then_left(project, body):
    project.answers(body, times=ATTEMPTS)

    with pytest.raises(UnavailableError, match="a body that is not JSON; given up after 5"):
        project.get()


def test_a_broken_answer_may_be_followed_by_a_good_one(project):
    project.answers("<html>")
    project.answers(CUSTOMERS)

    assert project.get().body == CUSTOMERS
    assert len(project.waits) == 1


@pytest.mark.parametrize("date", [None, "yesterday", "Fri, 31 Dec 9999 23:59:59 -0500"])
def test_an_answer_without_a_readable_date_is_asked_again_and_then_left(project, date):
    project.answers(CUSTOMERS, times=ATTEMPTS, Date=date)

    with pytest.raises(UnavailableError, match="no Date header"):
        project.get()


def test_what_was_told_about_the_limit_is_passed_on_from_every_answer(project):
    project.answers({}, status=500, X_Rate_Limit_Limit="100", X_Rate_Limit_Remaining="9")
    project.answers(CUSTOMERS, X_Rate_Limit_Limit="100", X_Rate_Limit_Remaining="8")

    project.get()

    assert [(seen.limit, seen.remaining) for seen in project.pacer.seen] == [(100, 9), (100, 8)]
