"""Exports of vouchers over HTTP: made, looked at, downloaded."""

import csv
import io

import pytest
import requests

ONLY_REFERRAL = {"junction": "and", "is_referral_code": {"conditions": {"$is": ["true"]}}}


@pytest.fixture
def client(start):
    return start(customers=60)


def make(client, **parameters):
    body = {"exported_object": "voucher", "parameters": parameters}
    url = client.playground.base_url + "/v1/exports"
    return client.session.post(url, json=body, timeout=5)


def looked_at(client, export_id):
    return client.get(f"/v1/exports/{export_id}").json()


def file_of(client, **parameters):
    export_id = make(client, **parameters).json()["id"]
    looked_at(client, export_id)
    url = looked_at(client, export_id)["result"]["url"]
    answer = client.session.get(url, timeout=5)
    assert answer.headers["Content-Type"] == "text/csv; charset=utf-8"
    return list(csv.reader(io.StringIO(answer.text)))


def test_an_export_is_done_when_it_is_looked_at_again(client):
    made = make(client).json()

    first, second = (looked_at(client, made["id"]) for _ in range(2))

    assert [one["status"] for one in (made, first, second)] == ["SCHEDULED", "IN_PROGRESS", "DONE"]
    assert (made["result"], first["result"]) == (None, None)
    assert second["result"]["url"].startswith(client.playground.base_url)


def test_the_file_has_the_fields_that_were_asked_for_under_titles(client):
    heading, *rows = file_of(client, fields=["campaign_id", "id", "code"], filters=ONLY_REFERRAL)

    assert heading == ["Campaign ID", "ID", "Code"]
    assert sorted(map(tuple, rows)) == sorted(
        (one.campaign.campaign_id, one.voucher_id, one.code)
        for one in client.playground.world.vouchers
        if one.campaign.is_referral
    )


def test_without_a_filter_all_vouchers_are_exported(client):
    _, *rows = file_of(client, fields=["id", "is_referral_code"])

    assert dict(rows) == {
        one.voucher_id: str(one.campaign.is_referral).lower()
        for one in client.playground.world.vouchers
    }


def test_an_export_shows_the_world_as_it_was_when_it_was_made(client):
    made = make(client, fields=["id"]).json()
    gone = client.playground.world.vouchers[0].voucher_id
    client.playground.delete_voucher(gone)
    looked_at(client, made["id"])

    url = looked_at(client, made["id"])["result"]["url"]

    assert gone in client.session.get(url, timeout=5).text


def test_the_file_needs_its_token_and_the_key(client):
    export_id = make(client).json()["id"]
    looked_at(client, export_id)
    url = looked_at(client, export_id)["result"]["url"]

    assert client.get(f"/v1/exports/{export_id}", token="wrong").status_code == 401
    assert requests.get(url, timeout=5).status_code == 401


@pytest.mark.parametrize(
    ("body", "key"),
    [
        ("no JSON", "invalid_payload"),
        ("[]", "invalid_payload"),
        ('{"exported_object": "customer"}', "invalid_payload"),
        ('{"exported_object": "voucher", "parameters": 5}', "invalid_payload"),
        (
            '{"exported_object": "voucher", "parameters": {"fields": ["color"]}}',
            "invalid_export_fields",
        ),
        (
            '{"exported_object": "voucher", "parameters": {"filters": {"color": {}}}}',
            "invalid_payload",
        ),
    ],
)
def test_what_is_not_documented_is_refused(client, body, key):
    answer = client.session.post(
        client.playground.base_url + "/v1/exports", data=body.encode(), timeout=5
    )

    assert (answer.status_code, answer.json()["key"]) == (400, key)


def test_an_unknown_export_is_not_found(client):
    answer = client.get("/v1/exports/exp_unknown")

    assert (answer.status_code, answer.json()["resource_type"]) == (404, "export")


def test_exports_are_not_listed_or_deleted(client):
    export_id = make(client).json()["id"]
    url = f"{client.playground.base_url}/v1/exports"

    assert client.get("/v1/exports").status_code == 405
    assert client.session.delete(f"{url}/{export_id}", timeout=5).status_code == 405


def test_all_calls_of_an_export_are_counted(client):
    file_of(client)

    assert client.playground.counters().by_endpoint == {"exports": 4}
