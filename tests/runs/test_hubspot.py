"""From Voucherify's activity to HubSpot: the whole job, in both shapes, on our double."""

import math

import pytest

from tests.crm.hubspot.account import OBJECT
from tests.crm.hubspot.double import HubSpot
from tests.crm.hubspot.endpoints import Property

SLOTS = """
find = ["prop:voucherify_id = customer_id"]
"""
A_SLOT = """
[[slot]]
role = "{role}"
code = "voucher_codes"
multi = ";"
"""
RECORDS = f"""
object = "{OBJECT}"
[record]
holder_id = "holder_id"
status = "status"
set = {{ event_id = "{{event_id}}" }}
"""
ROLES = ("REFEREE", "REFERRER", "OWNER")


@pytest.fixture
def hubspot():
    account = HubSpot()
    account.define("contacts", "voucher_codes", "note", voucherify_id=Property(unique=True))
    account.define(OBJECT, "status", "event_id", holder_id=Property(unique=True))
    yield account
    account.stop()


@pytest.fixture
def delivered(hubspot, new_shop):
    """Let a shop's run deliver to HubSpot; give the shop and the run's result."""

    def deliver(mapping, fill, **options):
        shop = new_shop(**options)
        use(shop, hubspot, mapping)
        fill(shop.world)
        return shop, shop.run()

    return deliver


def use(shop, hubspot, mapping):
    (shop.home / "mapping.toml").write_text(mapping)
    shop.settings |= {
        "HOLDERSYNC_CRM": "hubspot",
        "HUBSPOT_ACCESS_TOKEN": hubspot.token,
        "HUBSPOT_ACCOUNT_ID": hubspot.account,
        "HUBSPOT_MAPPING": "mapping.toml",
        "HUBSPOT_BASE_URL": hubspot.url,
        "HOLDERSYNC_MAX_UNASSIGNMENTS": "100000",
    }


def is_ended(row):
    return row.status == "unassigned" and row.in_window


def require_few_calls(hubspot, kind, summary):
    """At most one read and one write for each hundred of what was delivered."""
    batches = math.ceil(summary["events"]["new"] / 100)
    reads = hubspot.calls[f"POST crm/objects/{kind}/batch/read"]
    writes = hubspot.calls[f"POST crm/objects/{kind}/batch/update"]
    assert reads <= batches
    assert writes + hubspot.calls[f"PATCH crm/objects/{kind}/ID"] <= batches
    # What was not found has it seen, once, that it would have been.
    others = hubspot.calls.total() - reads - writes
    assert others <= 2


@pytest.mark.parametrize("seed", [1, 2])
def test_each_contact_shows_just_the_codes_that_voucherify_says(hubspot, delivered, seed):
    def fill(world):
        for customer_id in {row.customer_id for row in world.truth.values()}:
            own = [row.code for row in world.crm_today if row.customer_id == customer_id]
            codes = ";".join(dict.fromkeys(own))
            hubspot.add(voucherify_id=customer_id, voucher_codes=codes, note=f"of {customer_id}")

    mapping = SLOTS + "".join(A_SLOT.format(role=role) for role in ROLES)
    shop, result = delivered(mapping, fill, customers=80, seed=seed)

    # An unassignment of a role that the mapping does not name is left to a person.
    live = {
        (row.customer_id, row.code)
        for row in shop.world.truth.values()
        if not is_ended(row) or row.role not in ROLES
    }
    believed = {(row.customer_id, row.code) for row in shop.world.crm_today}
    shown = {
        (row["voucherify_id"], code)
        for row in hubspot.objects["contacts"].values()
        for code in (row["voucher_codes"] or "").split(";")
        if code
    }
    assert shown == believed & live
    assert shown != believed
    assert all(
        row["note"] == f"of {row['voucherify_id']}" for row in hubspot.objects["contacts"].values()
    )
    require_few_calls(hubspot, "contacts", result.json)


@pytest.mark.parametrize("seed", [1, 2])
def test_each_record_shows_what_became_of_its_assignment(hubspot, delivered, seed):
    def fill(world):
        for row in world.crm_today:
            hubspot.add(OBJECT, holder_id=row.holder_id, status="assigned")

    shop, result = delivered(RECORDS, fill, customers=80, seed=seed)

    truth = shop.world.truth
    assert {row["holder_id"]: row["status"] for row in hubspot.objects[OBJECT].values()} == {
        row.holder_id: "unassigned" if is_ended(truth[row.holder_id]) else "assigned"
        for row in shop.world.crm_today
    }
    require_few_calls(hubspot, OBJECT, result.json)


@pytest.mark.parametrize("wanted", ["all", "half", "nothing"])
def test_who_changes_from_the_table_to_hubspot_says_what_hubspot_is_to_hear(hubspot, shop, wanted):
    shop.run()
    for row in shop.world.crm_today:
        hubspot.add(OBJECT, holder_id=row.holder_id, status="assigned")
    ended = [shop.world.truth[row.holder_id] for row in shop.world.crm_today]
    ended = sorted((row for row in ended if is_ended(row)), key=lambda row: row.unassigned_at)
    since = {"all": ended[0], "half": ended[len(ended) // 2]}.get(wanted)
    use(shop, hubspot, RECORDS)

    refused = shop.run()
    assert refused.code == 78
    assert "holdersync adopt" in refused.err
    assert hubspot.calls.total() == 0

    way = ["--since", f"{since.unassigned_at:%Y-%m-%d}"] if since else ["--from-now"]
    assert shop.command("adopt", *way).code == 0
    assert shop.run().code == 0
    told = [
        row for row in ended if since and row.unassigned_at.date() >= since.unassigned_at.date()
    ]
    assert {
        row["holder_id"] for row in hubspot.objects[OBJECT].values() if row["status"] != "assigned"
    } == {row.holder_id for row in told}


@pytest.mark.parametrize("is_named", [True, False], ids=["by a field", "by its assignment"])
def test_whom_hubspot_believes_to_hold_something_is_asked_and_nobody_else(
    hubspot, new_shop, is_named
):
    hubspot.define(OBJECT, "status", "event_id", "owner", holder_id=Property(unique=True))
    shop = new_shop(customers=80)
    use(shop, hubspot, RECORDS + 'customer_id = "owner"' * is_named)
    if not is_named:
        # Whose assignment it is was learned by a first run over all.
        shop.run(HOLDERSYNC_CUSTOMERS="all")
    held = [row for row in shop.world.truth.values() if shop.world.is_held(row)]
    friends = [row for row in held if row.role == "REFEREE"]
    for row in friends:
        hubspot.add(OBJECT, holder_id=row.holder_id, status="assigned", owner=row.customer_id)
    shop.run(HOLDERSYNC_CUSTOMERS="crm")
    known = {holder_id for (holder_id,) in shop.ledger("SELECT holder_id FROM assignments")}
    ended = next(row for row in friends if is_named or row.holder_id in known)
    shop.playground.unassign(ended.holder_id)

    result, calls = shop.calls_of(lambda: shop.run(HOLDERSYNC_CUSTOMERS="crm"))

    shown = {row["holder_id"]: row["status"] for row in hubspot.objects[OBJECT].values()}
    assert shown[ended.holder_id] == "unassigned"
    assert result.json["events"]["new"] == 1
    assert calls <= len({row.customer_id for row in friends}) + (not is_named) * 80
