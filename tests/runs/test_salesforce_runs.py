"""Whole runs from the playground into our double of Salesforce."""

import pytest

from tests.crm.salesforce.setup import ASSIGNMENT, running

crm = pytest.fixture(running)

RECORDS = """
object = "Voucher_Assignment__c"

[record]
holder_id = "Holder_Id__c"
status = "Status__c"
ended = "Unassigned"
set = { Unassigned_At__c = "{unassigned_at}" }
"""


@pytest.fixture
def into_salesforce(new_shop, crm):
    """Make a shop whose CRM is the double, and knows the assignments of today."""

    def make(**options):
        shop = new_shop(**options)
        for row in shop.world.crm_today:
            crm.org.seed(ASSIGNMENT, Holder_Id__c=row.holder_id, Status__c="Assigned")
        (shop.home / "mapping.toml").write_text(RECORDS)
        client_id, secret = crm.logins.client
        shop.settings |= {
            "HOLDERSYNC_CRM": "salesforce",
            "SALESFORCE_URL": crm.url,
            "SALESFORCE_MAPPING": "mapping.toml",
            "SALESFORCE_CLIENT_ID": client_id,
            "SALESFORCE_CLIENT_SECRET": secret,
        }
        del shop.settings["CRM_SQL_URL"]
        return shop

    return make


def wrong(shop, crm):
    """Give the records that don't show the truth, by holder id."""
    rows = {
        row["Holder_Id__c"]: row["Status__c"] for row in crm.org.table(ASSIGNMENT).rows.values()
    }
    assert rows.keys() == {row.holder_id for row in shop.world.crm_today}
    truth = {
        row.holder_id: "Unassigned" if row.status == "unassigned" and row.in_window else "Assigned"
        for row in shop.world.truth.values()
    }
    return {holder: status for holder, status in rows.items() if status != truth[holder]}


def test_salesforce_shows_what_voucherify_knows_in_as_few_calls_as_can_be(into_salesforce, crm):
    shop = into_salesforce(customers=300, seed=1)

    result = shop.run()

    due = sum(result.json["outcomes"].values())
    calls = -(-due // 200)
    assert due > 50
    assert wrong(shop, crm) == {}
    assert (crm.counts["query"], crm.counts["collection"], crm.counts["row"]) == (calls, calls, 0)
    assert crm.counts["login"] == 1


def test_a_dry_run_and_a_check_write_nothing(into_salesforce, crm):
    shop = into_salesforce(customers=60, seed=2)

    check, dry = shop.command("check"), shop.command("run", "--dry-run", "--json")

    assert check.code == 0
    assert dry.json["outcomes"]["removed"] > 0
    assert crm.counts["collection"] == crm.counts["row"] == 0


def test_a_salesforce_without_calls_left_keeps_all_for_the_next_run(into_salesforce, crm):
    shop = into_salesforce(customers=60, seed=2)
    crm.org.allowed = 0

    without = shop.run()
    crm.org.allowed = 100_000
    too_early = shop.run()

    assert without.code == 69
    assert without.json["pending"] == too_early.json["pending"] > 0
    assert crm.counts["query"] == 1
