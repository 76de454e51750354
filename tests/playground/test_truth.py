"""The truth agrees with the raw lists, as a strict reader of its own finds it there.

The reader below knows nothing of how the playground makes its events: it only knows the rules
that the tool promises to keep.
"""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import pytest

from sync.playground.generate import make_world

NOW = datetime(2026, 11, 20, 12, 0, 30, tzinfo=UTC)
DELETED = "customer.holder.assignment.deleted"


@dataclass(frozen=True)
class Finding:
    """What one strict reading of one event found."""

    holder_id: str
    customer_id: str
    voucher_id: str
    code: str
    campaign_id: str
    campaign_name: str
    role: str
    source_id: str | None
    email: str | None
    assigned_at: datetime
    unassigned_at: datetime
    event_id: str


def _unwrapped(data):
    if isinstance(data, list) and len(data) == 1:
        data = data[0]
    while isinstance(data, dict) and "holder" not in data and isinstance(data.get("data"), dict):
        data = data["data"]
    return data if isinstance(data, dict) else {}


def _instant(text):
    at = datetime.fromisoformat(text)
    if at.tzinfo is None:
        raise ValueError(text)
    return at


def _read(item):
    """The finding in an event of the right type; ValueError, KeyError or TypeError if broken."""
    data = _unwrapped(item["data"])
    holder, voucher = data["holder"], data["voucher"]
    campaign, customer = data["campaign"], data["customer"]
    assigned_at, at = _instant(holder["created_at"]), _instant(item["created_at"])
    rules = (
        holder["object"] == "redeemable_holder",
        holder["redeemable_object"] == "voucher",
        isinstance(holder["id"], str),
        customer["id"] == holder["customer_id"],
        voucher["id"] == holder["redeemable_id"],
        campaign["id"] == voucher["campaign_id"] == holder["campaign_id"],
        voucher["code"] != "",
        at >= assigned_at - timedelta(seconds=1),
        at <= NOW + timedelta(minutes=5),
    )
    if not all(rules):
        raise ValueError(rules)
    return Finding(
        holder_id=holder["id"],
        customer_id=holder["customer_id"],
        voucher_id=voucher["id"],
        code=voucher["code"],
        campaign_id=campaign["id"],
        campaign_name=campaign["name"],
        role=holder["holder_role"],
        source_id=customer["source_id"],
        email=customer["email"],
        assigned_at=assigned_at,
        unassigned_at=at,
        event_id=item["id"],
    )


def _read_all(world):
    """Findings by holder, ids of broken events, and (event, asked customer) of strangers."""
    findings, broken, foreign = {}, [], []
    for customer in world.customers:
        for item in world.activity(customer.customer_id):
            if item["type"] != DELETED:
                continue
            try:
                found = _read(item)
            except (ValueError, KeyError, TypeError):
                broken.append((item["id"], customer.customer_id))
                continue
            if found.customer_id == customer.customer_id:
                findings[found.holder_id] = found
            else:
                foreign.append((found.event_id, found.customer_id, customer.customer_id))
    return findings, broken, foreign


@pytest.fixture(scope="module", params=[(1, 500), (2, 100), (3, 12), (4, 2), (5, 1)], ids=str)
def world(request):
    seed, customers = request.param
    return make_world(seed, customers, NOW)


def test_unassigned_is_exactly_what_a_strict_reader_finds(world):
    findings, _, _ = _read_all(world)

    told = {
        one.holder_id: Finding(
            **{name: getattr(one, name) for name in Finding.__dataclass_fields__}
        )
        for one in world.truth.values()
        if one.status == "unassigned"
    }

    assert told == findings


def test_broken_is_exactly_what_a_strict_reader_refuses(world):
    _, broken, _ = _read_all(world)

    assert sorted((one.event_id, one.customer_id) for one in world.broken) == sorted(broken)


def test_foreign_is_exactly_what_is_about_somebody_else(world):
    _, _, foreign = _read_all(world)

    assert [(one.event_id, one.customer_id, one.listed_for) for one in world.foreign] == foreign


def test_the_window_parts_recent_events_from_older_ones(world):
    for one in world.truth.values():
        recent = one.unassigned_at is not None and one.unassigned_at >= NOW - timedelta(days=30)
        assert one.in_window == recent


def test_the_crm_believes_every_assignment_but_a_few_that_came_and_went(world):
    believed = {one.holder_id for one in world.crm_today}
    unknown = [one for one in world.truth.values() if one.holder_id not in believed]

    assert believed <= world.truth.keys()
    assert len(unknown) <= 3
    assert all(one.status == "unassigned" and one.in_window for one in unknown)
    assert {one.status for one in world.crm_today} == {"assigned"}


def test_a_row_of_the_crm_is_the_assignment_itself(world):
    for row in world.crm_today:
        holder = world.truth[row.holder_id]
        assert all(
            getattr(row, name) == getattr(holder, name)
            for name in row.__dataclass_fields__
            if name != "status"
        )


def test_every_assignment_of_somebody_who_is_there_was_told(world):
    told = set()
    for customer in world.customers:
        for item in world.activity(customer.customer_id):
            if item["type"] == "customer.holder.assignment.created":
                holder = _unwrapped(item["data"])["holder"]
                told.add((holder["id"], holder["customer_id"], customer.customer_id))

    assert told == {
        (one.holder_id, one.customer_id, one.customer_id)
        for one in world.truth.values()
        if world.customer(one.customer_id)
    }


def test_a_deleted_customer_has_rows_in_the_crm_and_nothing_at_voucherify(world):
    gone = {one.customer_id for one in world.deleted_customers}

    assert gone == {one.customer_id for one in world.crm_today} - {
        one.customer_id for one in world.customers
    }
    assert gone
    assert not any(world.activity(one) for one in gone)
    assert {one.status for one in world.truth.values() if one.customer_id in gone} == {"assigned"}
