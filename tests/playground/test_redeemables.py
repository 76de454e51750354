"""List Customer's Redeemables over HTTP."""

import re
from datetime import datetime

import pytest

from sync.playground.dice import instant_of


def _path(customer_id):
    return f"/v1/customers/{customer_id}/redeemables"


@pytest.fixture(scope="module")
def busy(world):
    """Who holds most."""
    return max((one.customer_id for one in world.customers), key=lambda who: len(held(world, who)))


@pytest.fixture(scope="module")
def owner(world):
    """Who owns a code of the discount campaign."""
    return next(one.owner_id for one in world.vouchers if not one.campaign.is_referral)


def held(world, customer_id):
    """What the truth says that somebody holds now."""
    return {
        one.holder_id
        for one in world.truth.values()
        if one.customer_id == customer_id and one.status == "assigned"
    }


def test_it_lists_what_a_customer_holds_now(client, world, busy):
    page = client.get(_path(busy), limit=100).json()

    referral = [one for one in page["data"] if one["campaign_type"] == "REFERRAL_PROGRAM"]
    assert {one["id"] for one in referral} == held(world, busy) != set()
    for row in referral:
        truth = world.truth[row["id"]]
        assert instant_of(row["created_at"]) == truth.assigned_at
        assert row["holder_role"] == truth.role
        assert row["redeemable"]["voucher"]["code"] == truth.code
        assert (row["redeemable_id"], row["redeemable_object"]) == (truth.voucher_id, "voucher")
        assert "object" not in row


def test_the_source_id_names_a_customer_as_well(client, world, busy):
    source_id = world.customer(busy).source_id

    assert client.get(_path(source_id)).json() == client.get(_path(busy)).json()


def test_codes_that_somebody_owns_come_along(client, owner):
    rows = client.get(_path(owner), limit=100).json()["data"]

    owned = [one for one in rows if one["holder_role"] == "OWNER"]
    assert owned
    assert {one["campaign_type"] for one in owned} == {None}


def test_referrers_are_shown_their_own_code(client, world):
    referrer = next(one for one in world.vouchers if one.campaign.is_referral).owner_id

    rows = client.get(_path(referrer), limit=100).json()["data"]

    assert "REFERRER" in {one["holder_role"] for one in rows}


def test_times_come_in_several_forms(client, world):
    forms = {
        re.sub(r"\d", "0", one["created_at"])
        for customer in world.customers
        for one in client.get(_path(customer.customer_id), limit=100).json()["data"]
    }

    assert {"0000-00-00T00:00:00.000Z", "0000-00-00T00:00:00.000000+00:00"} < forms


def test_pages_are_followed_by_id_and_the_last_one_may_be_empty(client, busy):
    whole = [one["id"] for one in client.get(_path(busy), limit=100, order="id").json()["data"]]

    pages = list(client.pages(_path(busy), limit=1, order="id"))

    assert [one["id"] for page in pages for one in page["data"]] == whole == sorted(whole)
    assert pages[-1]["data"] == []
    assert {page["total"] for page in pages} == {len(whole)}


def test_the_newest_ids_come_first_unless_another_order_is_asked_for(client, busy):
    rows = client.get(_path(busy), limit=100).json()["data"]

    ids = [one["id"] for one in rows]
    assert ids == sorted(ids, reverse=True)


def test_rows_can_be_filtered(client, busy, world):
    one = world.truth[min(held(world, busy))]

    by_voucher = client.get(
        _path(busy), **{"filters[redeemable_id][conditions][$is]": one.voucher_id}
    ).json()

    assert [row["id"] for row in by_voucher["data"]] == [one.holder_id]


@pytest.mark.parametrize(
    "params",
    [
        {"order": "created_at"},
        {"limit": 0},
        {"starting_after_id": "rh_nothing"},
        {"filters[color][conditions][$is]": "red"},
    ],
)
def test_what_is_not_documented_is_refused(client, busy, params):
    assert client.get(_path(busy), **params).status_code == 400


def test_who_is_not_there_is_not_found(client, world):
    gone = world.deleted_customers[0].customer_id

    answer = client.get(_path(gone))

    assert (answer.status_code, answer.json()["key"]) == (404, "not_found")
    assert (answer.json()["resource_id"], answer.json()["resource_type"]) == (gone, "customer")


def test_what_ends_is_held_no_more_and_calls_are_counted(start):
    client = start(customers=20)
    world = client.playground.world
    here = {one.customer_id for one in world.customers}
    holder = next(
        one for one in world.truth.values() if one.status == "assigned" and one.customer_id in here
    )
    before = client.get(_path(holder.customer_id), limit=100).json()["data"]

    client.playground.unassign(holder.holder_id)

    after = client.get(_path(holder.customer_id), limit=100).json()["data"]
    assert {one["id"] for one in before} - {one["id"] for one in after} == {holder.holder_id}
    assert client.playground.counters().by_endpoint == {"redeemables": 2}
    assert all(datetime.fromisoformat(one["created_at"]).tzinfo for one in after)
