"""List Vouchers and List Member's Holders over HTTP, and what all endpoints share."""

from email.utils import parsedate_to_datetime
from urllib.parse import quote

import pytest
import requests

IS_REFERRAL = "[filters][is_referral_code][conditions][$is]"


def _path(reference):
    return f"/v1/referrals/members/{quote(reference, safe='')}/holders"


@pytest.fixture(scope="module")
def shared_code(world):
    """The code that most people hold."""
    referral = [one for one in world.vouchers if one.campaign.is_referral]
    return max(referral, key=lambda one: len(world.holders_of(one.voucher_id)))


def test_the_referral_codes_can_be_listed(client, world):
    pages = [
        client.get("/v1/vouchers", limit=10, page=n, **{IS_REFERRAL: "true"}).json() for n in (1, 2)
    ]

    shown = {one["id"] for page in pages for one in page["vouchers"]}
    assert shown == {one.voucher_id for one in world.vouchers if one.campaign.is_referral}
    assert {(page["object"], page["data_ref"], page["total"]) for page in pages} == {
        ("list", "vouchers", 15)
    }


def test_pages_of_vouchers_say_whether_there_is_more(client):
    pages = [
        client.get("/v1/vouchers", limit=9, page=number, order="created_at").json()
        for number in (1, 2, 3)
    ]

    assert [(len(page["vouchers"]), page["has_more"]) for page in pages] == [
        (9, True),
        (9, False),
        (0, False),
    ]
    times = [one["created_at"] for page in pages for one in page["vouchers"]]
    assert times == sorted(times)


def test_spans_of_time_leave_out_the_vouchers_at_their_ends(client):
    times = [
        one["created_at"]
        for one in client.get("/v1/vouchers", limit=100, order="created_at").json()["vouchers"]
    ]
    span = {"created_at[after]": times[3], "created_at[before]": times[9]}

    page = client.get("/v1/vouchers", limit=100, order="created_at", **span).json()

    assert [one["created_at"] for one in page["vouchers"]] == times[4:9]
    assert (page["total"], page["has_more"]) == (5, False)


def test_without_the_filter_the_other_codes_come_too(client, world):
    page = client.get("/v1/vouchers", limit=100).json()

    assert page["total"] == len(page["vouchers"]) == len(world.vouchers) == 18
    assert {one["is_referral_code"] for one in page["vouchers"]} == {True, False}


@pytest.mark.parametrize(
    "params",
    [
        {"page": 100},
        {"limit": 101},
        {"[filters][color][conditions][$is]": "red"},
        {"created_at[after]": "yesterday"},
    ],
)
def test_unknown_parameters_of_vouchers_are_refused(client, params):
    assert client.get("/v1/vouchers", **params).status_code == 400


@pytest.mark.parametrize("reference", ["voucher_id", "code"])
def test_a_code_lists_who_holds_it_now(client, world, shared_code, reference):
    page = client.get(_path(getattr(shared_code, reference)), limit=100, order="id").json()

    assert [one["id"] for one in page["data"]] == sorted(
        one.holder_id
        for one in world.truth.values()
        if one.voucher_id == shared_code.voucher_id
        and one.status == "assigned"
        and world.customer(one.customer_id)
    )
    assert page["total"] == len(page["data"]) > 1
    assert {one["holder_role"] for one in page["data"]} >= {"REFERRER", "REFEREE"}


def test_holders_are_paged_by_their_ids(client, shared_code):
    pages = list(client.pages(_path(shared_code.voucher_id), limit=1, order="-id"))

    ids = [one["id"] for page in pages for one in page["data"]]
    assert ids == sorted(ids, reverse=True)
    assert {page["total"] for page in pages} == {len(ids)}


def test_only_an_empty_page_of_holders_says_that_there_is_no_more(client, shared_code):
    pages = list(client.pages(_path(shared_code.voucher_id), limit=100))

    assert [page["has_more"] for page in pages] == [True, False]
    assert pages[0]["total"] == len(pages[0]["data"])
    assert pages[1]["data"] == []


def test_holders_can_be_filtered(client, world, shared_code):
    friend = next(one for one in world.holders_of(shared_code.voucher_id) if one.role == "REFEREE")

    by_role = client.get(
        _path(shared_code.code), **{"filters[holder_role][conditions][$is][0]": "REFERRER"}
    ).json()
    by_person = client.get(
        _path(shared_code.code), **{"filters[customer_id][conditions][$is]": friend.customer_id}
    ).json()

    assert [one["customer_id"] for one in by_role["data"]] == [shared_code.owner_id]
    assert [one["id"] for one in by_person["data"]] == [friend.holder_id]


def test_the_filter_by_role_may_be_ignored_or_refused(start):
    ignoring, refusing = (start(customers=60, role_filter=how) for how in ("ignored", "refused"))
    code = next(
        one.voucher_id for one in ignoring.playground.world.vouchers if one.campaign.is_referral
    )
    by_role = {"filters[holder_role][conditions][$is][0]": "NOBODY"}

    assert ignoring.get(_path(code), **by_role).json() == ignoring.get(_path(code)).json()
    assert ignoring.get(_path(code)).json()["total"] > 0
    assert refusing.get(_path(code), **by_role).status_code == 400
    assert refusing.get(_path(code)).status_code == 200


def test_an_unknown_code_is_not_found(client):
    answer = client.get(_path("NO-SUCH-CODE"))

    assert (answer.status_code, answer.json()["resource_type"]) == (404, "voucher")


@pytest.mark.parametrize(
    "headers", [{}, {"X-App-Id": "x", "X-App-Token": "y"}, {"X-App-Id": "right id"}]
)
def test_wrong_keys_are_refused_and_cost_nothing(start, headers):
    own = start().playground
    headers = {
        name: own.app_id if value == "right id" else value for name, value in headers.items()
    }

    answer = requests.get(f"{own.base_url}/v1/customers", headers=headers, timeout=5)

    assert answer.status_code == 401
    assert answer.json().keys() == {"code", "message", "details", "key", "request_id"}
    assert answer.json()["key"] == "unauthorized"
    assert answer.headers["X-Rate-Limit-Remaining"] == answer.headers["X-Rate-Limit-Limit"]


def test_an_unknown_path_is_not_found(client):
    answer = client.get("/v1/events")

    assert (answer.status_code, answer.json()["key"]) == (404, "not_found")


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH"])
def test_only_reading_is_served_and_the_connection_goes_on(client, playground, method):
    url = f"{playground.base_url}/v1/customers"

    refused = client.session.request(method, url, data=b"x" * 2000, timeout=5)
    after = client.get("/v1/customers")

    assert (refused.status_code, refused.json()["code"]) == (405, 405)
    assert after.status_code == 200


def test_every_answer_tells_the_playgrounds_time(client, now):
    answer = client.get("/v1/customers")

    assert parsedate_to_datetime(answer.headers["Date"]) == now.replace(microsecond=0)
    assert answer.headers["Content-Type"].startswith("application/json")


def test_keys_follow_from_the_seed(start):
    first, again, other = (start(seed=seed).playground for seed in (1, 1, 2))

    assert (first.app_id, first.app_token) == (again.app_id, again.app_token)
    assert first.app_token != other.app_token
    assert [len(part) for part in first.app_token.split("-")] == [8, 4, 4, 4, 12]
