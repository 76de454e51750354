"""Whatever the JSON is: one item in, one verdict out, the same one when its evidence is read."""

import copy
import json
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sync.model.event import Assigned, Hint, Invalid, Unassigned
from sync.model.window import Window
from sync.voucherify.evidence import evidence_of
from sync.voucherify.wire import Asked, Item, read_item

EXAMPLE = json.loads((Path(__file__).parent / "holder-assignment-deleted.json").read_text())
DELETED = "customer.holder.assignment.deleted"
CREATED = "customer.holder.assignment.created"
EVENT = {
    "id": "evcus_1",
    "type": DELETED,
    "data": EXAMPLE,
    "created_at": "2024-08-01T10:00:00.500Z",
    "group_id": "v-1",
}
ASKED = Asked(
    customer_id="cust_B4WY60nNA1HcAnJj6lnW57a7",
    window=Window(datetime(2024, 7, 1, tzinfo=UTC)),
    server_time=datetime(2024, 8, 1, 12, tzinfo=UTC),
)
WORDS = st.sampled_from(
    [
        *("id", "type", "data", "object", "customer", "holder", "voucher", "campaign", "name"),
        *("code", DELETED, CREATED, "redeemable_holder"),
        *("2024-08-01T10:00:00Z", "0001-01-01T00:00:00+01:00"),
    ]
)
# Lone surrogates are part of what JSON can say.
TEXTS = WORDS | st.text(st.characters(exclude_categories=()), max_size=6)
SCALARS = st.none() | st.booleans() | st.integers() | st.floats() | TEXTS
ANY_JSON = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3),
    max_leaves=8,
)


def places(value, path=()):
    """All paths into a JSON value, its own root among them."""
    yield path
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from places(inner, (*path, key))
    if isinstance(value, list):
        for index, inner in enumerate(value):
            yield from places(inner, (*path, index))


PLACES = sorted(places(EVENT), key=str)


def changed(value, path, change):
    """The value with `change` made to what is at `path`."""
    if not path:
        return change(value)
    first, *rest = path
    if isinstance(value, list) or first in value:
        value[first] = changed(value[first], rest, change)
    return value


@st.composite
def damaged_events(draw):
    """The valid event, damaged at one to three random places."""
    event = copy.deepcopy(EVENT) | {"type": draw(st.sampled_from([DELETED, CREATED]))}
    for _ in range(draw(st.integers(1, 3))):
        path = draw(st.sampled_from([place for place in places(event) if place]))
        replacement = draw(ANY_JSON)
        match draw(st.sampled_from(["replace", "wrap", "list", "add", "delete"])):
            case "replace":
                event = changed(event, path, lambda _, new=replacement: new)
            case "wrap":
                event = changed(event, path, lambda old: {"data": old})
            case "list":
                event = changed(event, path, lambda old: [old])
            case "delete":
                event = changed(event, path[:-1], lambda inside, key=path[-1]: without(inside, key))
            case "add":
                key = draw(TEXTS)
                event = changed(
                    event,
                    path,
                    lambda old, key=key, new=replacement: (
                        {**old, key: new} if isinstance(old, dict) else old
                    ),
                )
    # As it comes over the wire: two lone surrogates side by side are one character there.
    return json.loads(json.dumps(event))


def payload_of(event):
    """What the holder stands in, however it is wrapped; nothing if it is nowhere."""
    found = event.get("data") if isinstance(event, dict) else None
    while isinstance(found, (list, dict)) and "holder" not in found:
        if isinstance(found, list) and len(found) == 1:
            found = found[0]
        elif isinstance(found, dict) and "data" in found:
            found = found["data"]
        else:
            return {}
    return found if isinstance(found, dict) else {}


def is_of_something_else(event):
    """An assignment whose holder says that it holds no voucher."""
    holder = payload_of(event).get("holder") if event["type"] == CREATED else None
    what = holder.get("redeemable_object") if isinstance(holder, dict) else None
    return isinstance(what, str) and what != "voucher"


def is_verdict(item):
    finding_is_known = item.finding is None or isinstance(
        item.finding, Unassigned | Assigned | Hint | Invalid
    )
    return isinstance(item, Item) and finding_is_known


@given(ANY_JSON, st.booleans())
def test_any_json_gives_a_verdict(value, lenient):
    assert is_verdict(read_item(value, replace(ASKED, lenient=lenient)))


@given(damaged_events(), st.booleans())
@settings(max_examples=150)
def test_any_damage_gives_a_verdict_and_hides_no_event_of_our_types(event, lenient):
    item = read_item(event, replace(ASKED, lenient=lenient))

    assert is_verdict(item)
    is_ours = any(event.get("type") == kind for kind in (DELETED, CREATED))
    if is_ours and (item.created_at is None or ASKED.window.holds(item.created_at)):
        assert (item.finding is None) is is_of_something_else(event)
        assert item.matched is (event["type"] == DELETED)


def with_odd_campaigns():
    """The valid event, whose campaign does not say that it is one: its name is not kept."""
    odd = ANY_JSON.filter(lambda kind: kind != "campaign")
    place = ("data", "campaign", "object")
    return odd.map(lambda kind: changed(copy.deepcopy(EVENT), place, lambda _: kind))


def hides_a_name(event):
    """Tell whether what stands for the campaign does not say that it is one."""
    campaign = payload_of(event).get("campaign")
    return isinstance(campaign, dict) and campaign.get("object") != "campaign"


def unnamed(item):
    finding = item.finding
    if isinstance(finding, Unassigned):
        finding = Unassigned(replace(finding.unassignment, campaign_name=None))
    return replace(item, finding=finding)


@given(damaged_events() | with_odd_campaigns() | ANY_JSON)
@settings(max_examples=150)
def test_the_evidence_of_any_item_gives_the_items_own_verdict(event):
    item = json.loads(json.dumps(event))

    again, own = read_item(json.loads(evidence_of(item)), ASKED), read_item(item, ASKED)

    # What does not say that it is a campaign may be a person, and its name is not kept.
    assert again == (unnamed(own) if hides_a_name(item) else own)


@given(damaged_events() | ANY_JSON)
@settings(max_examples=150)
def test_the_evidence_of_evidence_is_the_same(event):
    evidence = evidence_of(event)

    assert evidence_of(json.loads(evidence)) == evidence


@given(
    st.sampled_from([place for place in PLACES if place == () or place[0] == "data"]),
    st.dictionaries(st.text("xyz", min_size=1), ANY_JSON, max_size=3),
)
def test_added_unknown_keys_change_nothing(path, added):
    event = changed(
        copy.deepcopy(EVENT),
        path,
        lambda old: {**old, **added} if isinstance(old, dict) else old,
    )

    assert read_item(event, ASKED) == read_item(EVENT, ASKED)
    assert isinstance(read_item(event, ASKED).finding, Unassigned)


@pytest.mark.parametrize("path", [place for place in PLACES if place], ids=".".join)
def test_a_key_that_is_gone_is_either_not_needed_or_a_dead_letter(path):
    event = changed(copy.deepcopy(EVENT), path[:-1], lambda inside: without(inside, path[-1]))

    finding = read_item(event, ASKED).finding

    assert isinstance(finding, Unassigned | Invalid)
    assert (path in NEEDED) is isinstance(finding, Invalid)


NEEDED = {
    *[("id",), ("type",), ("created_at",), ("data",)],
    *[("data", name) for name in ("holder", "voucher", "campaign", "customer")],
    *[("data", "holder", name) for name in ("object", "id", "created_at", "customer_id")],
    *[("data", "holder", name) for name in ("holder_role", "redeemable_id", "redeemable_object")],
    ("data", "voucher", "code"),
}


def without(inside, key):
    if isinstance(inside, list):
        return inside[:key] + inside[key + 1 :]
    return {name: value for name, value in inside.items() if name != key}
