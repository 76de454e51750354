"""From Voucherify's activity to the CRM: the whole job, on real HTTP and real databases."""

import pytest


@pytest.mark.parametrize(("customers", "seed"), [(500, 1), (120, 2), (120, 3)])
def test_the_crm_shows_exactly_what_voucherify_knows(new_shop, matches_truth, customers, seed):
    shop = new_shop(customers=customers, seed=seed)
    shop.believe()

    first, calls = shop.calls_of(shop.run)

    assert matches_truth(shop) == (True, {}, set())
    summary = first.json
    truth = shop.world.truth.values()
    ended = [row for row in truth if row.status == "unassigned" and row.in_window]
    assert summary["events"]["new"] == len(ended)
    assert summary["calls"]["made"] == calls == shop.world.minimum_calls(shop.world.window_start)
    assert summary["calls"]["cycle_used_by_us"] == calls
    assert summary["customers"] == {
        "selected": customers,
        "asked": customers,
        "gone": 0,
        "failed": 0,
        "left": 0,
        "forgotten": 0,
    }


def test_a_second_run_finds_nothing_new_and_tells_the_crm_nothing(shop, matches_truth):
    shop.run()
    rows = shop.crm()

    again = shop.run()

    assert again.code == 0
    assert again.json["events"]["new"] == again.json["events"]["invalid"] == 0
    assert not any(again.json["outcomes"].values())
    assert shop.crm() == rows
    assert matches_truth(shop)[0]


def test_each_broken_event_becomes_one_dead_letter_and_the_rest_is_mirrored(shop, matches_truth):
    result = shop.run()

    letters = shop.ledger("SELECT event_id, reason FROM dead_letters")
    broken = {each.event_id for each in shop.world.broken}
    assert result.code == 65
    assert {event_id for event_id, _ in letters} == broken
    assert len(letters) == len(broken) == result.json["events"]["invalid"]
    assert all(len(reason) > 15 for _, reason in letters)
    assert matches_truth(shop)[0]


def test_a_dead_letter_is_counted_by_one_run_only(shop):
    shop.run()

    again = shop.run(HOLDERSYNC_LOOKBACK="30d")

    assert again.code == 0
    assert again.json["events"]["invalid"] == 0
    assert again.json["dead_letters"] == len(shop.world.broken)


def test_what_happens_between_two_runs_is_mirrored_by_the_second(shop, matches_truth):
    shop.run()
    held = [row for row in shop.world.truth.values() if row.status == "assigned"]
    deleted = set(shop.world.deleted_customers)
    chosen = next(row for row in held if row.role == "REFEREE" and row.customer_id not in deleted)
    shop.playground.unassign(chosen.holder_id)

    second = shop.run()

    assert second.json["events"]["new"] == 1
    assert shop.crm()[chosen.holder_id].status == "unassigned"
    assert matches_truth(shop)[0]


def test_a_newer_assignment_of_the_same_voucher_is_left_alone(shop):
    ended = next(
        row
        for row in shop.world.truth.values()
        if row.status == "unassigned" and row.in_window and row.role == "REFEREE"
    )
    newer = shop.playground.assign(ended.customer_id, ended.voucher_id)
    shop.believe([newer])

    shop.run()

    assert shop.crm()[ended.holder_id].status == "unassigned"
    assert shop.crm()[newer.holder_id].status == "assigned"


def test_an_event_of_somebody_else_is_mirrored_once_and_for_the_right_person(shop):
    shop.run()

    for foreign in shop.world.foreign:
        found = shop.ledger(
            "SELECT customer_id FROM unassignments WHERE event_id = ?", foreign.event_id
        )
        assert found == [(foreign.customer_id,)]
        assert foreign.listed_for != foreign.customer_id


def test_a_customer_deleted_between_two_runs_is_recorded_once(shop):
    shop.run()
    gone = next(
        row.customer_id
        for row in shop.world.truth.values()
        if row.status == "assigned"
        and row.customer_id not in shop.world.deleted_customers
        and shop.ledger("SELECT 1 FROM assignments WHERE holder_id = ?", row.holder_id)
    )
    shop.playground.delete_customer(gone)

    second = shop.run()
    third = shop.run()

    assert second.code == 65
    assert second.json["customers"]["gone"] == 1
    reasons = shop.ledger("SELECT reason FROM dead_letters WHERE customer_id = ?", gone)
    assert any(reason.startswith("customer_gone") for (reason,) in reasons)
    assert third.code == 0
    assert third.json["customers"]["gone"] == 0


def test_a_deleted_customers_assignments_are_ended_if_the_settings_say_so(shop):
    shop.run()
    gone, holder_id = next(
        (row.customer_id, row.holder_id)
        for row in shop.world.truth.values()
        if row.status == "assigned"
        and row.customer_id not in shop.world.deleted_customers
        and shop.ledger("SELECT 1 FROM assignments WHERE holder_id = ?", row.holder_id)
    )
    shop.playground.delete_customer(gone)

    second = shop.run(HOLDERSYNC_ON_CUSTOMER_GONE="unassign")

    assert second.code == 0
    assert shop.crm()[holder_id].status == "unassigned"


def test_only_the_named_customers_are_asked(shop, tmp_path):
    chosen = shop.world.customers[3].customer_id
    ids = tmp_path / "ids.csv"
    ids.write_text(f"name,customer_id\r\nsomebody,{chosen}\r\n", encoding="utf-8-sig")

    result, calls = shop.calls_of(lambda: shop.run("--customers", f"file:{ids}"))

    assert result.json["customers"]["asked"] == 1
    events = shop.world.event_count(chosen, shop.world.window_start)
    assert calls == 1 + max(1, -(-events // 100))  # the first call tells the server's time
