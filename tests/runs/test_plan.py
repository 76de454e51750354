"""What a schedule costs is told beforehand, and one that can't be paid is refused."""

import sqlite3
from contextlib import closing

import pytest


@pytest.fixture
def planning(new_shop):
    def made(**settings):
        shop = new_shop(customers=120, seed=2)
        shop.settings |= settings
        return shop

    return made


def test_before_the_first_run_two_calls_tell_what_is_there(planning):
    shop = planning(HOLDERSYNC_CUSTOMERS="all,holders")

    result, calls = shop.calls_of(lambda: shop.command("plan", "--json"))

    assert (result.code, calls) == (0, 2), result.err
    codes = sum(one.campaign.is_referral for one in shop.world.vouchers)
    assert result.json["candidates"] == {
        "codes": codes,
        "holding": 0,
        "others": 120,
        "named": 0,
        "crm_is_known": True,
    }
    assert not shop.ledger_file.exists()


def test_the_codes_of_a_file_are_counted_before_a_run_has_seen_them(planning):
    shop = planning(HOLDERSYNC_CUSTOMERS="holders:codes")
    (shop.home / "codes").write_text("v_1\nv_2\nv_1\n")

    told, calls = shop.calls_of(lambda: shop.command("plan", "--json").json)

    assert (told["candidates"]["codes"], calls) == (2, 0)
    assert not shop.ledger_file.exists()


def test_a_crm_that_no_run_has_listed_is_said_to_be_unknown(planning):
    shop = planning(HOLDERSYNC_CUSTOMERS="crm")
    shop.believe()

    assert "once a run has listed it" in shop.command("plan").out
    shop.run()
    assert "once a run has listed it" not in shop.command("plan").out


def test_after_a_run_it_takes_no_call_and_leaves_the_ledger_as_it_is(planning):
    shop = planning(HOLDERSYNC_CUSTOMERS="holders")
    shop.run()
    before = shop.ledger_file.read_bytes()

    result, calls = shop.calls_of(lambda: shop.command("plan", "--json"))

    assert (result.code, calls) == (0, 0), result.err
    assert result.json["delay_seconds"]["least"] < result.json["delay_seconds"]["mean"]
    assert shop.ledger_file.read_bytes() == before


def test_a_schedule_that_overspends_is_refused_with_the_shortest_that_fits(planning):
    shop = planning(VOUCHERIFY_CALLS_PER_CYCLE="3000")
    people = "\n".join(each.customer_id for each in shop.world.customers[:10])
    (shop.home / "ids").write_text(people)
    shop.settings["HOLDERSYNC_CUSTOMERS"] = "file:ids"

    refused = shop.command("plan", "--interval", "15m", "--json")

    assert refused.code == 78
    assert "the shortest interval that fits is" in refused.err
    shortest = refused.json["shortest_interval_seconds"]
    assert shortest == pytest.approx(86_400 / (refused.json["calls_a_day_allowed"] / 10), abs=60)
    fits = shop.command("plan", "--interval", f"{int(shortest)}s", "--json")
    assert (fits.code, fits.json["fits"]) == (0, True)


def test_a_promise_that_the_budget_can_not_keep_is_told_with_what_would(planning):
    shop = planning(HOLDERSYNC_CUSTOMERS="holders", HOLDERSYNC_MAX_STALENESS="1h")
    shop.run()
    small = {"VOUCHERIFY_CALLS_PER_CYCLE": "100"}

    told = shop.command("plan", "--json", **small).json
    text = shop.command("plan", **small).out

    assert not told["max_staleness_is_kept"]
    assert f"VOUCHERIFY_CALLS_PER_CYCLE={told['calls_a_cycle_needed']}" in text
    enough = {"VOUCHERIFY_CALLS_PER_CYCLE": str(told["calls_a_cycle_needed"] * 2)}
    assert shop.command("plan", "--json", **enough).json["max_staleness_is_kept"]


def test_runs_that_come_too_seldom_for_the_promise_are_told_so(planning):
    shop = planning(HOLDERSYNC_CUSTOMERS="holders", HOLDERSYNC_MAX_STALENESS="1h")
    shop.run()

    text = shop.command("plan", "--interval", "1d").out

    assert "HOLDERSYNC_MAX_STALENESS of 1 h: it takes a run at least as often" in text


@pytest.mark.parametrize("used", [0, 19_900, 20_000])
def test_what_this_cycle_has_left_does_not_change_what_a_schedule_costs(planning, used):
    shop = planning(HOLDERSYNC_CUSTOMERS="holders", VOUCHERIFY_CALLS_PER_CYCLE="20000")
    shop.run()
    with closing(sqlite3.connect(shop.ledger_file)) as ledger, ledger:
        ledger.execute("UPDATE budget SET used = ?, used_before_day = ?", (used, used))

    hourly = shop.command("plan", "--json")
    too_often = shop.command("plan", "--interval", "1m", "--json")

    assert (hourly.code, too_often.code) == (0, 78)
    assert 28 <= 20_000 / hourly.json["calls_a_day_allowed"] <= 31.1
    assert sum(hourly.json["calls_a_cycle"].values()) <= 20_000
    assert too_often.json["shortest_interval_seconds"] == 300


def test_an_interval_that_is_none_is_a_wrong_use(planning):
    assert planning().command("plan", "--interval", "often").code == 2
