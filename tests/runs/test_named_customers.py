"""Customers that a person names: right ids, wrong ids, and ids of another kind."""

import sqlite3
from contextlib import closing

import pytest


@pytest.fixture
def named(shop):
    """Do a run over some ids."""

    def run(ids, **settings):
        (shop.home / "ids").write_text("\n".join(ids), encoding="utf-8")
        return shop.run("--customers", "file:ids", **settings)

    return run


def test_source_ids_lead_to_the_real_customers_in_the_same_run(shop, named, matches_truth):
    ended = {
        row.customer_id
        for row in shop.world.truth.values()
        if row.status == "unassigned" and row.in_window
    }
    people = [each for each in shop.world.customers if each.customer_id in ended and each.source_id]
    everybody_else = [each.customer_id for each in shop.world.customers if each not in people]

    result = named([each.source_id for each in people] + everybody_else)

    assert result.code == 65
    assert matches_truth(shop) == (True, {}, set())


def test_an_id_that_voucherify_never_knew_is_named_and_nobody_is_marked_as_gone(shop, named):
    right = shop.world.customers[3].customer_id

    first = named(["cust_typo", right])
    second = named(["cust_typo", right])

    for result in (first, second):
        assert result.code == 69
        assert result.json["customers"] | {"selected": 2} == {
            "selected": 2,
            "asked": 2,
            "gone": 0,
            "failed": 1,
            "left": 0,
            "forgotten": 0,
        }
        assert "cust_typo" in result.err


def test_a_file_with_other_separators_is_refused_before_a_call(shop, named):
    result, calls = shop.calls_of(lambda: named(["name;customer_id", "Ann;cust_1"]))

    assert (result.code, "commas" in result.err) == (78, True)
    assert calls <= 1  # the call that tells the server's time
    assert shop.ledger("SELECT count(*) FROM customers") == [(0,)]


def test_a_customer_that_fails_is_told_by_name(shop):
    unlucky = shop.world.customers[5].customer_id
    shop.playground.set_faults(f"path:{unlucky} * status 400 key=odd")

    result = shop.run()

    assert result.code == 69
    assert result.json["customers"]["failed"] == 1
    assert f"customer {unlucky} was not read" in result.err
    assert "400 odd" in result.err


def test_when_most_customers_seem_deleted_none_of_it_is_believed(shop):
    shop.run()
    crm = shop.crm()
    shop.playground.set_faults("path:/activity * status 404 key=not_found")

    result = shop.run(HOLDERSYNC_ON_CUSTOMER_GONE="unassign")

    assert (result.code, result.json["parked_by"]) == (75, "brake")
    assert result.json["customers"]["gone"] == 0
    assert shop.crm() == crm
    shop.playground.set_faults("")
    assert shop.run().json["customers"]["asked"] == 50


def test_a_person_may_say_that_they_were_deleted(shop):
    shop.run()
    shop.playground.set_faults("path:/activity * status 404 key=not_found")

    result = shop.run("--allow", "50")

    assert result.json["customers"]["gone"] == 50


def test_a_persons_word_counts_at_once_for_whom_it_is_about(shop):
    shop.run()
    shop.playground.set_faults("path:/activity * status 404 key=not_found")
    doubted = shop.run()
    assert doubted.json["parked_by"] == "brake"
    with closing(sqlite3.connect(shop.ledger_file)) as ledger, ledger:
        ledger.execute("UPDATE planning SET tokens = 0")

    result = shop.run("--allow", "50")

    assert result.json["customers"]["gone"] == 50


def test_after_the_first_run_only_who_is_new_is_listed(new_shop):
    shop = new_shop(customers=250)
    shop.run()
    new = shop.playground.add_customer()

    _, calls = shop.calls_of(shop.run)

    assert calls == 1 + 251
    asked = "SELECT asked_at IS NOT NULL FROM customers WHERE customer_id = ?"
    assert shop.ledger(asked, new.customer_id) == [(1,)]


def test_a_list_that_was_cut_short_goes_on_where_it_stopped(new_shop, matches_truth):
    shop = new_shop(customers=650, cycle_quota=3)
    shop.believe()

    cut, _ = shop.calls_of(shop.run)
    shop.playground.begin_cycle(5)
    longer, _ = shop.calls_of(shop.run)
    shop.playground.begin_cycle(10_000)
    whole, calls = shop.calls_of(shop.run)

    assert cut.json["parked_by"] == longer.json["parked_by"] == "cycle"
    assert whole.json["customers"]["left"] == 0
    assert calls <= shop.world.minimum_calls(shop.world.window_start) - 4
    assert matches_truth(shop)[0]
