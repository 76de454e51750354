"""List Customer Activity over HTTP."""

from urllib.parse import quote

import pytest

from sync.playground.event_types import FILTERABLE, NOT_FILTERABLE


@pytest.fixture(scope="module")
def crowded(world):
    """The customer with the most events."""
    return max(world.customers, key=lambda one: world.event_count(one.customer_id))


def _path(reference):
    return f"/v1/customers/{quote(reference, safe='')}/activity"


def test_following_the_cursor_shows_every_item_once_oldest_first(client, world, crowded):
    pages = list(client.pages(_path(crowded.customer_id), limit=100, order="created_at"))

    shown = [item for page in pages for item in page["data"]]
    assert len(pages) >= 3
    assert shown == list(world.activity(crowded.customer_id))


def test_a_page_names_its_successor_only_if_there_is_one(client, crowded):
    pages = list(client.pages(_path(crowded.customer_id), limit=100, order="created_at"))

    *others, last = pages
    assert [(one["object"], one["data_ref"]) for one in pages] == [("list", "data")] * len(pages)
    assert [one["more_starting_after"] for one in others] == [
        one["data"][-1]["id"] for one in others
    ]
    assert "more_starting_after" not in last


def test_without_an_order_the_newest_ten_come(client, world, crowded):
    page = client.get(_path(crowded.customer_id)).json()

    assert page["data"] == list(reversed(world.activity(crowded.customer_id)))[:10]


def test_both_dates_are_included(client, world, crowded):
    events = world.events[crowded.customer_id]
    first, last = events[20], events[60]

    page = client.get(
        _path(crowded.customer_id),
        limit=100,
        order="created_at",
        start_date=first.at.isoformat(),
        end_date=last.at.isoformat(),
    ).json()

    assert page["data"] == [dict(one.item) for one in events if first.at <= one.at <= last.at]


def test_an_item_without_a_time_stands_where_it_was_written(client, world):
    broken = next(one for one in world.broken if one.why == "event time missing")
    event = next(one for one in world.events[broken.customer_id] if one.event_id == broken.event_id)

    page = client.get(
        _path(broken.customer_id), start_date=event.at.isoformat(), end_date=event.at.isoformat()
    ).json()

    assert [(one["id"], one["created_at"]) for one in page["data"]] == [(broken.event_id, None)]


@pytest.mark.parametrize("kind", ["/", " ", "@", "ä", "%"])
def test_a_customer_is_found_by_an_encoded_source_id(client, world, kind):
    customer = next(one for one in world.customers if one.source_id and kind in one.source_id)

    by_source = client.get(_path(customer.source_id), limit=100)

    assert by_source.status_code == 200
    assert by_source.json() == client.get(_path(customer.customer_id), limit=100).json()


@pytest.mark.parametrize(
    "params",
    [
        {"limit": 0},
        {"limit": 101},
        {"order": "id"},
        {"start_date": "2026-13-01T00:00:00Z"},
        {"end_date": "2026-01-01"},
        {"category": "OTHER"},
        {"campaign_type": "RAFFLE"},
        {"type": "customer.holder.assignment.deleted"},
    ],
)
def test_what_is_not_documented_is_refused(client, crowded, params):
    answer = client.get(_path(crowded.customer_id), **params)

    assert (answer.status_code, answer.json()["key"]) == (400, "invalid_query_params")


def test_a_cursor_of_another_customer_is_refused(client, world, crowded):
    other = next(
        one
        for one in world.customers
        if one is not crowded and world.event_count(one.customer_id) > 0
    )
    cursor = world.events[other.customer_id][0].event_id

    answer = client.get(_path(crowded.customer_id), starting_after_id=cursor)

    assert (answer.status_code, answer.json()["key"]) == (400, "invalid_query_params")


def test_a_cursor_works_from_outside_the_span_that_is_asked_for(client, world, crowded):
    events = world.events[crowded.customer_id]

    page = client.get(
        _path(crowded.customer_id),
        order="created_at",
        start_date=events[50].at.isoformat(),
        starting_after_id=events[0].event_id,
    ).json()

    assert page["data"][0]["created_at"] == events[50].item["created_at"]


def test_a_documented_type_filters(client, world, crowded):
    page = client.get(
        _path(crowded.customer_id), limit=100, order="created_at", type="customer.order.paid"
    ).json()

    paid = [
        one for one in world.activity(crowded.customer_id) if one["type"] == "customer.order.paid"
    ]
    assert page["data"] == paid != []


def test_67_types_can_be_asked_for_and_seven_more_happen():
    assert len(FILTERABLE) == 67
    assert len(NOT_FILTERABLE) == 7
    assert not FILTERABLE & NOT_FILTERABLE


def test_an_undocumented_type_may_also_answer_an_empty_list(start):
    own = start(unknown_type="empty", customers=20)
    world = own.playground.world
    loser = next(one for one in world.truth.values() if one.status == "unassigned")

    page = own.get(_path(loser.customer_id), type="customer.holder.assignment.deleted").json()

    assert page == {"object": "list", "data_ref": "data", "data": [], "has_more": False}


def test_a_campaign_filters_whatever_the_shape(client, world):
    loser = next(one for one in world.truth.values() if one.in_window)

    page = client.get(_path(loser.customer_id), limit=100, campaign_id=loser.campaign_id).json()

    assert loser.event_id in [one["id"] for one in page["data"]]
    assert "customer.updated" not in {one["type"] for one in page["data"]}


@pytest.mark.parametrize("which", ["deleted", "never there"])
def test_an_unknown_customer_answers_the_documented_404(client, world, which):
    reference = {
        "deleted": world.deleted_customers[0].customer_id,
        "never there": "jck/wbh",
    }[which]

    answer = client.get(_path(reference))

    body = answer.json()
    request_id = body.pop("request_id")
    assert answer.status_code == 404
    assert request_id.startswith("v-")
    assert len(request_id) == 20
    assert body == {
        "code": 404,
        "key": "not_found",
        "message": "Resource not found",
        "details": f"Cannot find customer with id {reference}",
        "resource_id": reference,
        "resource_type": "customer",
    }
