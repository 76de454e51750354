"""What happens to codes and to those who hold them while a playground runs."""

from datetime import timedelta

import pytest


def _path(voucher_id):
    return f"/v1/referrals/members/{voucher_id}/holders"


def _held(client, voucher_id):
    return [row["id"] for page in client.pages(_path(voucher_id)) for row in page["data"]]


def _redeemables(client, customer_id):
    page = client.get(f"/v1/customers/{customer_id}/redeemables", limit=100).json()
    return [row["id"] for row in page["data"]]


def _activity(client, customer_id):
    return client.playground.world.activity(customer_id)


@pytest.fixture
def client(start):
    return start(customers=60)


@pytest.fixture
def code(client):
    """The code that most people hold."""
    world = client.playground.world
    referral = [one for one in world.vouchers if one.campaign.is_referral]
    return max(referral, key=lambda one: len(world.holders_of(one.voucher_id)))


@pytest.fixture
def friend(client, code):
    """Somebody who holds it without owning it."""
    holders = client.playground.world.holders_of(code.voucher_id)
    return next(one for one in holders if one.role == "REFEREE")


def test_somebody_can_vanish_from_a_code_without_any_event(client, code, friend):
    before = client.playground.world
    others = [one for one in _held(client, code.voucher_id) if one != friend.holder_id]
    events = _activity(client, friend.customer_id)

    client.playground.vanish(friend.holder_id)

    world = client.playground.world
    assert _held(client, code.voucher_id) == others != []
    assert friend.holder_id not in _redeemables(client, friend.customer_id)
    assert _activity(client, friend.customer_id) == events
    assert (world.vanished, world.truth) == ({friend.holder_id}, before.truth)
    assert not world.is_held(friend)
    assert before.is_held(friend)


def test_nobody_vanishes_twice_or_after_the_end(client, friend):
    client.playground.unassign(friend.holder_id)

    for holder_id in (friend.holder_id, "rh_unknown"):
        with pytest.raises(KeyError):
            client.playground.vanish(holder_id)


def test_who_vanished_can_be_assigned_again_under_a_new_id(client, code, friend):
    client.playground.vanish(friend.holder_id)

    again = client.playground.assign(friend.customer_id, code.voucher_id)

    assert again.holder_id in _held(client, code.voucher_id)
    assert again.holder_id != friend.holder_id


def test_a_late_event_may_tell_of_somebody_who_vanished(client, friend):
    client.playground.vanish(friend.holder_id)

    told = client.playground.unassign(friend.holder_id)

    assert told.status == "unassigned"
    assert _activity(client, friend.customer_id)[-1]["id"] == told.event_id


def test_a_deleted_code_is_not_found_and_nobody_holds_it(client, code, friend, now):
    before = client.playground.world
    lost = {one.holder_id for one in before.holders_of(code.voucher_id)}

    client.playground.delete_voucher(code.voucher_id)

    world = client.playground.world
    for reference in (code.voucher_id, code.code):
        answer = client.get(_path(reference.replace("/", "%2F").replace(" ", "%20")))
        assert (answer.status_code, answer.json()["key"]) == (404, "not_found")
        assert answer.json()["resource_id"] == reference
    listed = client.get("/v1/vouchers", limit=100).json()["vouchers"]
    assert code.voucher_id not in [one["id"] for one in listed]
    assert friend.holder_id not in _redeemables(client, friend.customer_id)
    assert world.vanished >= lost != set()
    assert (world.truth, world.events) == (before.truth, before.events)
    assert world.deleted_vouchers == (code,)
    with pytest.raises(KeyError):
        client.playground.delete_voucher(code.voucher_id)
    with pytest.raises(KeyError):
        client.playground.assign(friend.customer_id, code.voucher_id)
    with pytest.raises(KeyError):
        client.playground.unassign(friend.holder_id, at=now)


def test_a_deleted_campaign_takes_all_its_codes_along_and_no_other(client, code):
    world = client.playground.world
    codes = {one for one in world.vouchers if one.campaign == code.campaign}

    client.playground.delete_campaign(code.campaign.campaign_id)

    after = client.playground.world
    assert len(codes) > 1
    assert set(after.deleted_vouchers) == codes
    assert set(after.vouchers) == set(world.vouchers) - codes
    assert after.vanished == {
        one.holder_id
        for one in world.truth.values()
        if one.campaign_id == code.campaign.campaign_id and one.status == "assigned"
    }
    assert {client.get(_path(one.voucher_id)).status_code for one in codes} == {404}
    with pytest.raises(KeyError):
        client.playground.delete_campaign(code.campaign.campaign_id)


def test_a_deleted_customer_holds_no_code(client, code, friend):
    client.playground.delete_customer(friend.customer_id)

    assert friend.holder_id not in _held(client, code.voucher_id)
    assert client.playground.world.vanished == frozenset()


def test_a_new_code_is_listed_last_and_held_by_its_owner(client, code, friend, now):
    made = client.playground.add_code(friend.customer_id, code.campaign.campaign_id)
    older = client.playground.add_code(
        friend.customer_id, code.campaign.campaign_id, at=now - timedelta(days=1)
    )

    listed = client.get("/v1/vouchers", limit=100, order="created_at").json()["vouchers"]
    (owner,) = client.playground.world.holders_of(made.voucher_id)
    assert [one["id"] for one in listed[-2:]] == [older.voucher_id, made.voucher_id]
    assert (owner.role, owner.customer_id, owner.assigned_at) == (
        "REFERRER",
        friend.customer_id,
        now,
    )
    assert made.owner_id == friend.customer_id


def test_a_code_needs_an_owner_and_a_campaign(client, code, friend):
    with pytest.raises(KeyError):
        client.playground.add_code("cust_unknown", code.campaign.campaign_id)
    with pytest.raises(KeyError):
        client.playground.add_code(friend.customer_id, "camp_unknown")
