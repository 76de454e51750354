"""The generated world: repeatable, of the promised size, with every trap."""

import json
import re
from collections import Counter
from datetime import UTC, datetime, timedelta
from math import ceil

import pytest

from sync.playground.broken import BROKEN
from sync.playground.generate import make_world
from sync.playground.traps import LOOK_ALIKES, VALID

NOW = datetime(2026, 11, 20, 12, 0, 30, tzinfo=UTC)
DELETED = "customer.holder.assignment.deleted"


@pytest.fixture(scope="module")
def world():
    return make_world(1, 500, NOW)


@pytest.fixture(scope="module", params=[11, 12, 13, 14])
def small_world(request):
    return make_world(request.param, 100, NOW)


def _item(world, trap):
    return next(one for one in world.activity(trap.customer_id) if one["id"] == trap.event_id)


def _named(world):
    return {one.name: _item(world, one) for one in world.traps}


def test_seed_size_and_instant_decide_everything():
    assert make_world(5, 30, NOW) == make_world(5, 30, NOW + timedelta(milliseconds=999))


@pytest.mark.parametrize("other", [(6, 30, NOW), (5, 31, NOW), (5, 30, NOW - timedelta(days=1))])
def test_anything_else_gives_another_world(other):
    assert make_world(5, 30, NOW) != make_world(*other)


@pytest.mark.parametrize(("customers", "now"), [(-1, NOW), (5, NOW.replace(tzinfo=None))])
def test_an_impossible_world_is_refused(customers, now):
    with pytest.raises(ValueError, match="aware instant"):
        make_world(1, customers, now)


@pytest.mark.parametrize("customers", [0, 1, 2, 3, 7])
def test_any_small_number_of_customers_makes_a_world(customers):
    world = make_world(1, customers, NOW)

    assert len(world.customers) == customers
    assert world.minimum_calls(world.window_start) >= 1 + customers


def test_the_size_of_the_default_world(world):
    lost = [one for one in world.truth.values() if one.status == "unassigned"]
    friends = {one.customer_id for one in world.truth.values() if one.role == "REFEREE"}

    assert len(world.customers) == 500
    assert 100 <= len(lost) <= 140
    assert len({one.customer_id for one in lost if one.in_window}) == 125
    assert sum(not one.in_window for one in lost) == 5
    assert 190 <= len(friends) <= 215
    assert len(world.truth) - len(world.crm_today) == 3
    assert Counter(one.campaign.campaign_type for one in world.vouchers) == {
        "REFERRAL_PROGRAM": 50,
        "DISCOUNT_COUPONS": 3,
    }


def test_a_fifth_of_the_customers_came_at_one_instant(world):
    ((_, together),) = Counter(one.created_at for one in world.customers).most_common(1)

    assert together == 100


def test_a_few_lists_need_several_pages(world):
    counts = [world.event_count(one.customer_id, world.window_start) for one in world.customers]

    assert sum(count > 100 for count in counts) == 6
    assert sum(count > 250 for count in counts) == 1
    assert min(world.event_count(one.customer_id) for one in world.customers) == 0


def test_equal_timestamps_lie_across_the_borders_of_pages(world):
    busy = [
        events
        for one in world.customers
        if len(events := [e for e in world.events[one.customer_id] if e.at >= world.window_start])
        > 100
    ]
    borders = [
        events[place - 1].at == events[place].at
        for events in busy
        for place in range(100, len(events), 100)
    ]

    assert sum(borders) >= len(busy)


def test_an_unassignment_lies_behind_the_first_page(world):
    found = [
        place
        for one in world.customers
        for place, event in enumerate(
            e for e in world.events[one.customer_id] if e.at >= world.window_start
        )
        if event.item["type"] == DELETED and place >= 100
    ]

    assert found


def test_the_fewest_calls_are_counted_page_by_page(world):
    lists = [
        [one for one in world.events[customer.customer_id] if one.at >= world.window_start]
        for customer in world.customers
    ]

    expected = 5 + sum(max(1, ceil(len(events) / 100)) for events in lists)
    assert world.minimum_calls(world.window_start) == expected


def test_nothing_happens_near_the_border_of_the_window(world):
    border = world.window_start
    near = [
        event
        for events in world.events.values()
        for event in events
        if border - timedelta(hours=5) < event.at < border + timedelta(hours=11)
    ]

    assert near == []


def test_ids_have_the_vendors_forms_and_no_two_are_equal(world):
    events = [event.event_id for events in world.events.values() for event in events]
    forms = {
        r"cust_\w{24}": [one.customer_id for one in world.customers],
        r"v_\w{32}": [one.voucher_id for one in world.vouchers],
        r"camp_\w{24}": sorted({one.campaign.campaign_id for one in world.vouchers}),
        r"rh_[0-9a-f]{18}": list(world.truth),
        r"evcus_[0-9a-f]{18}": events,
    }

    for form, ids in forms.items():
        assert all(re.fullmatch(form, one) for one in ids), form
    repeated = {one for one, count in Counter(events).items() if count > 1}
    assert len(set(world.truth)) == len(world.truth)
    assert repeated == {trap.event_id for trap in world.traps if trap.name == "listed twice"} | {
        one.event_id for one in world.foreign
    }


def test_every_list_is_in_order(world):
    for events in world.events.values():
        assert [e.at for e in events] == sorted(e.at for e in events)


def test_all_traps_are_there_from_a_hundred_customers_on(small_world):
    names = [name for name, _ in (*VALID, *BROKEN, *LOOK_ALIKES)]

    assert sorted(one.name for one in small_world.traps) == sorted(names)
    assert len(small_world.broken) == len(BROKEN) == 18
    assert {one.why for one in small_world.broken} == {name for name, _ in BROKEN}


def test_the_payload_comes_in_every_known_shape(small_world):
    items = _named(small_world)

    flat = {"holder", "voucher", "campaign", "customer"}
    assert items["shape A"]["data"].keys() == flat
    assert items["shape B"]["data"].keys() == flat | {"event_source"}
    assert items["shape C"]["data"].keys() == {"data", "event_source"}
    assert items["shape C"]["data"]["data"].keys() == flat
    assert [one.keys() for one in items["shape D"]["data"]] == [flat]
    assert items["shape E"].keys() >= {"event_source", "category", "entity_id"}
    assert items["shape E"]["entity_id"] == items["shape E"]["data"]["customer"]["id"]


def test_the_nulls_of_the_vendors_example_are_there(small_world):
    item = _named(small_world)["nulls"]

    customer, voucher = item["data"]["customer"], item["data"]["voucher"]
    assert (customer["name"], customer["email"], customer["source_id"]) == (None, None, None)
    assert "metadata" not in customer
    assert voucher["redemption"]["quantity"] is voucher["expiration_date"] is None
    assert item["data"]["campaign"]["voucher"]["gift"] is None
    assert item["group_id"] is None


def test_the_code_belongs_to_another_person_than_the_one_who_lost_it(small_world):
    for one in small_world.truth.values():
        voucher = small_world.voucher(one.voucher_id)
        assert (voucher.owner_id == one.customer_id) == (one.role == "REFERRER")


def test_look_alikes_are_of_another_type(small_world):
    items = _named(small_world)

    types = {name: items[name]["type"] for name, _ in LOOK_ALIKES}
    assert DELETED not in types.values()
    assert types["type in capitals"].lower() == DELETED
    assert items["person as holder"]["data"]["holder"]["object"] == "customer"
    assert DELETED in json.dumps(items["told in free text"])


def test_a_code_that_came_back_is_held_under_a_new_id(small_world):
    event = _named(small_world)["assigned again"]
    first = next(one for one in small_world.truth.values() if one.event_id == event["id"])

    again = [
        one
        for one in small_world.truth.values()
        if (one.customer_id, one.voucher_id) == (first.customer_id, first.voucher_id)
        and one.holder_id != first.holder_id
    ]
    assert [one.status for one in again] == ["assigned"]
    assert again[0].assigned_at > first.unassigned_at


def test_one_event_is_listed_twice_on_the_same_list(small_world):
    trap = next(one for one in small_world.traps if one.name == "listed twice")

    events = [one.event_id for one in small_world.events[trap.customer_id]]
    assert events.count(trap.event_id) == 2


def test_times_are_written_in_several_ways(small_world):
    items = _named(small_world)

    assert items["time with microseconds"]["created_at"].endswith("000+00:00")
    assert items["time in another zone"]["created_at"].endswith("+02:00")


def test_unknown_types_and_personal_data_are_among_the_noise(world):
    texts = json.dumps([world.activity(one.customer_id) for one in world.customers[:100]])

    assert '"quest.finished"' in texts
    assert '"customer.wallet.pass_installed"' in texts
    people = world.customers[:100]
    assert sum(one.email is not None and one.email in texts for one in people) > 75
    assert sum(one.nickname in texts for one in people) > 90


def test_source_ids_are_missing_for_some_and_awkward_for_others(world):
    sources = [one.source_id for one in world.customers]

    assert 10 <= sources.count(None) <= 45
    assert all(any(sign in one for one in sources if one) for sign in "/ @ä%")
    assert sum(one.email is None for one in world.customers) in range(30, 75)
