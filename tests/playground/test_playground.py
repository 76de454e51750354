"""A running playground: counting, changing, stopping."""

import gc
import socket
import threading
import time
from datetime import timedelta

import pytest
import requests

from sync.playground import Playground

DELETED = "customer.holder.assignment.deleted"


def _activity(client, customer_id):
    path = f"/v1/customers/{customer_id}/activity"
    pages = client.pages(path, limit=100, order="created_at")
    return {item["id"]: item for page in pages for item in page["data"]}


def _assigned(world):
    return next(
        one
        for one in world.truth.values()
        if one.status == "assigned" and world.customer(one.customer_id)
    )


def test_every_call_is_counted_by_endpoint_and_status(start):
    client = start(faults="path:/vouchers 1 close")
    someone = client.playground.world.customers[0].customer_id

    assert client.playground.counters().total == 0
    client.get("/v1/customers")
    client.get(f"/v1/customers/{someone}/activity")
    client.get("/v1/customers/nobody/activity")
    client.get("/v1/referrals/members/nothing/holders")
    client.get("/nowhere", anything="x")
    with pytest.raises(requests.ConnectionError):
        client.get("/v1/vouchers")

    counters = client.playground.counters()
    assert counters.total == 6
    assert counters.by_endpoint == {
        "customers": 1,
        "activity": 2,
        "holders": 1,
        "other": 1,
        "vouchers": 1,
    }
    assert counters.by_status == {200: 2, 404: 3, 0: 1}


def test_counters_are_right_under_many_threads(start):
    client = start()
    keys = dict(client.session.headers)

    def call():
        with requests.Session() as session:
            for _ in range(8):
                session.get(client.playground.base_url + "/v1/customers", headers=keys, timeout=5)

    threads = [threading.Thread(target=call) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert client.playground.counters().by_status == {200: 48}


def test_an_unassignment_appears_on_the_list_and_in_the_truth(start, now):
    client = start(customers=20)
    before = client.playground.world
    holder = _assigned(before)

    told = client.playground.unassign(holder.holder_id)

    item = _activity(client, holder.customer_id)[told.event_id]
    assert item["type"] == DELETED
    assert told == client.playground.world.truth[holder.holder_id]
    assert (told.status, told.unassigned_at, told.in_window) == ("unassigned", now, True)
    assert before.truth[holder.holder_id].status == "assigned"


def test_a_late_unassignment_stands_among_older_events(start, now):
    client = start(customers=20)
    holder = _assigned(client.playground.world)
    late = now - timedelta(days=3)
    client.playground.unassign(holder.holder_id, at=late)

    events = client.playground.world.events[holder.customer_id]

    assert [one.at for one in events] == sorted(one.at for one in events)
    assert late in [one.at for one in events]


def test_nothing_ends_before_it_began(start):
    client = start(customers=20)
    holder = _assigned(client.playground.world)

    with pytest.raises(ValueError, match="before it was assigned"):
        client.playground.unassign(holder.holder_id, at=holder.assigned_at - timedelta(seconds=2))


def test_an_assignment_is_told_and_held_but_not_known_to_the_crm(start, now):
    client = start(customers=20)
    world = client.playground.world
    customer = world.customers[3]
    voucher = next(
        one
        for one in world.vouchers
        if one.campaign.is_referral and one.owner_id != customer.customer_id
    )

    holder = client.playground.assign(customer.customer_id, voucher.voucher_id)

    types = [one["type"] for one in _activity(client, customer.customer_id).values()]
    held = client.get(f"/v1/referrals/members/{voucher.voucher_id}/holders", limit=100).json()
    assert "customer.holder.assignment.created" in types
    assert holder.holder_id in [one["id"] for one in held["data"]]
    assert (holder.assigned_at, holder.status) == (now, "assigned")
    assert client.playground.world.crm_today == world.crm_today


def test_a_raw_item_is_listed_as_it_is(start, now):
    client = start()
    customer_id = client.playground.world.customers[0].customer_id
    truth = client.playground.world.truth
    item = {"id": "evcus_raw", "type": DELETED, "data": 7, "created_at": "never"}

    client.playground.add_event(customer_id, item)

    assert _activity(client, customer_id)["evcus_raw"] == item
    assert client.playground.world.events[customer_id][-1].at == now
    assert client.playground.world.truth == truth
    with pytest.raises(ValueError, match="needs an id"):
        client.playground.add_event(customer_id, {"type": DELETED})


def test_a_deleted_customer_is_gone_everywhere_but_in_the_truth(start):
    client = start(customers=20)
    holder = _assigned(client.playground.world)

    client.playground.delete_customer(holder.customer_id)

    listed = client.get("/v1/customers", limit=100).json()["customers"]
    activity = client.get(f"/v1/customers/{holder.customer_id}/activity")
    assert holder.customer_id not in [one["id"] for one in listed]
    assert activity.status_code == 404
    assert client.playground.world.truth[holder.holder_id] == holder
    with pytest.raises(KeyError):
        client.playground.delete_customer(holder.customer_id)


def test_new_customers_can_share_one_instant(start, now):
    client = start()
    instant = now - timedelta(days=9)

    added = client.playground.add_customers_at(instant, 120)
    one_more = client.playground.add_customer()

    world = client.playground.world
    assert {one.created_at for one in added} == {instant}
    assert one_more.created_at == now
    assert len({one.customer_id for one in world.customers}) == 124
    emails = [one.email for one in world.customers if one.email]
    assert len(emails) == len(set(emails))
    told = _activity(client, one_more.customer_id).values()
    assert [one["type"] for one in told] == ["customer.created"]


def test_stopping_is_quick_although_clients_hold_on_and_answers_are_late(start):
    client = start()
    client.get("/v1/customers")
    client.playground.set_faults("* delay 30")
    keys = dict(client.session.headers)
    url = client.playground.base_url + "/v1/customers"
    errors = []

    def hang():
        try:
            requests.get(url, headers=keys, timeout=20)
        except requests.RequestException as error:
            errors.append(error)

    thread = threading.Thread(target=hang)
    thread.start()
    while client.playground.counters().total < 2:
        time.sleep(0.005)
    begun = time.monotonic()
    client.playground.stop()

    assert time.monotonic() - begun < 1
    thread.join(timeout=5)
    assert not thread.is_alive()


def test_a_stopped_playground_leaves_no_socket_and_can_start_again(now):
    playground = Playground(customers=1, now=lambda: now)
    with playground:
        port = int(playground.base_url.rpartition(":")[2])
        with socket.create_connection(("127.0.0.1", port)):
            pass
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", port))
    with pytest.raises(RuntimeError, match="isn't started"):
        _ = playground.base_url
    with playground:
        assert requests.get(playground.base_url, timeout=5).status_code == 401
    playground.stop()
    gc.collect()  # an unclosed socket would warn now, and warnings are errors


def test_waiting_ends_with_the_stop(now):
    playground = Playground(customers=1, now=lambda: now)
    playground.start()
    waiter = threading.Thread(target=playground.wait)
    waiter.start()

    playground.stop()
    waiter.join(timeout=2)

    assert not waiter.is_alive()


def test_a_taken_port_is_said(now):
    with (
        Playground(customers=1, now=lambda: now) as first,
        pytest.raises(OSError, match="in use"),
    ):
        Playground(customers=1, now=lambda: now, port=int(first.base_url[17:])).start()


def test_the_clock_may_move_while_the_world_stays(now):
    instants = [now]
    with Playground(customers=3, now=lambda: instants[0]) as playground:
        instants[0] = now + timedelta(hours=5)
        headers = {"X-App-Id": playground.app_id, "X-App-Token": playground.app_token}
        answer = requests.get(f"{playground.base_url}/v1/customers", headers=headers, timeout=5)

        assert answer.headers["Date"] == "Fri, 20 Nov 2026 17:00:30 GMT"
        assert playground.world.now == now.replace(microsecond=0)


def test_reading_everybody_once_costs_exactly_the_fewest_calls(start):
    client = start(customers=110)
    world = client.playground.world
    since = world.window_start.isoformat()

    listed = [
        one["id"]
        for page in (1, 2)
        for one in client.get("/v1/customers", limit=100, page=page).json()["customers"]
    ]
    read = 0
    for customer_id in listed:
        path = f"/v1/customers/{customer_id}/activity"
        for page in client.pages(path, limit=100, order="created_at", start_date=since):
            read += len(page["data"])

    assert client.playground.counters().total == world.minimum_calls(world.window_start)
    assert read == sum(
        world.event_count(one.customer_id, world.window_start) for one in world.customers
    )
