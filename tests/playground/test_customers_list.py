"""List Customers over HTTP."""

from collections import Counter
from datetime import UTC, timedelta
from math import ceil

import pytest


def _stamp(at):
    return at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def test_the_newest_ten_come_unless_asked_otherwise(client, world):
    page = client.get("/v1/customers").json()

    assert (page["object"], page["data_ref"]) == ("list", "customers")
    assert (page["total"], page["has_more"]) == (150, True)
    newest = sorted(world.customers, key=lambda one: one.created_at, reverse=True)[:10]
    assert [one["created_at"] for one in page["customers"]] == [
        _stamp(one.created_at) for one in newest
    ]


def test_pages_cover_everybody_once_and_the_last_says_so(client, world):
    pages = [
        client.get("/v1/customers", limit=100, page=number, order="created_at").json()
        for number in (1, 2, 3)
    ]

    seen = [one["id"] for page in pages for one in page["customers"]]
    assert sorted(seen) == sorted(one.customer_id for one in world.customers)
    assert [page["has_more"] for page in pages] == [True, False, False]
    assert [len(page["customers"]) for page in pages] == [100, 50, 0]


@pytest.mark.parametrize(
    "params",
    [
        {"limit": 0},
        {"limit": 101},
        {"limit": "ten"},
        {"page": 0},
        {"page": 100},
        {"order": "name"},
        {"starting_after": "yesterday"},
        {"starting_after": "2026-01-01T00:00:00"},
        {"starting_after": "2026-01-01T00:00:00Z", "order": "source_id"},
        {"created_at[after]": "soon"},
    ],
)
def test_what_is_not_documented_is_refused(client, params):
    answer = client.get("/v1/customers", **params)

    assert (answer.status_code, answer.json()["key"]) == (400, "invalid_query_params")


@pytest.mark.parametrize("field", ["created_at", "updated_at"])
def test_the_date_cursor_goes_on_strictly_newer(client, world, field):
    middle = sorted(getattr(one, field) for one in world.customers)[75]

    page = client.get("/v1/customers", limit=100, order=field, starting_after=_stamp(middle)).json()

    shown = [one[field] for one in page["customers"]]
    newer = [at for one in world.customers if (at := getattr(one, field)) > middle]
    assert shown == sorted(_stamp(at) for at in newer)
    assert page["total"] == 150


def test_the_date_cursor_without_an_order_goes_back_in_time(client, world):
    middle = sorted(one.created_at for one in world.customers)[75]

    page = client.get("/v1/customers", limit=100, starting_after=_stamp(middle)).json()

    older = [one.created_at for one in world.customers if one.created_at < middle]
    assert [one["created_at"] for one in page["customers"]] == sorted(
        map(_stamp, older), reverse=True
    )


def test_the_date_cursor_and_pages_combine(client, world):
    shared, count = Counter(one.created_at for one in world.customers).most_common(1)[0]
    cursor = _stamp(shared - timedelta(milliseconds=1))

    seen = [
        one
        for number in range(1, ceil(count / 10) + 1)
        for one in client.get(
            "/v1/customers", limit=10, page=number, order="created_at", starting_after=cursor
        ).json()["customers"]
    ]

    assert count == 30
    assert [one["created_at"] for one in seen] == [_stamp(shared)] * count
    assert len({one["id"] for one in seen}) == count


def test_spans_of_time_are_open_at_both_ends(client, world):
    instants = sorted({one.created_at for one in world.customers})
    after, before = instants[10], instants[20]

    page = client.get(
        "/v1/customers",
        limit=100,
        **{"created_at[after]": _stamp(after), "created_at[before]": _stamp(before)},
    ).json()

    expected = {one.customer_id for one in world.customers if after < one.created_at < before}
    assert {one["id"] for one in page["customers"]} == expected


@pytest.mark.parametrize("field", ["email", "name", "city"])
def test_plain_filters_find_equal_values(client, world, field):
    value = next(value for one in world.customers if (value := getattr(one, field)))

    page = client.get("/v1/customers", limit=100, **{field: value}).json()

    expected = {one.customer_id for one in world.customers if getattr(one, field) == value}
    assert {one["id"] for one in page["customers"]} == expected


def test_customers_without_a_source_id_come_last(client):
    pages = [client.get("/v1/customers", limit=100, page=n, order="source_id") for n in (1, 2)]

    sources = [one["source_id"] for page in pages for one in page.json()["customers"]]
    named = [source for source in sources if source is not None]
    assert named == sorted(named)
    assert sources == named + [None] * (150 - len(named))


def test_people_are_invented(world):
    addresses = [one.email for one in world.customers if one.email]

    assert {address.partition("@")[2] for address in addresses} == {"example.com", "example.org"}
    assert len(set(addresses)) == len(addresses) < 150
