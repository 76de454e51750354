"""What a schedule costs is told beforehand, and one that can't be paid is refused."""

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
    }
    assert not shop.ledger_file.exists()


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


def test_an_interval_that_is_none_is_a_wrong_use(planning):
    assert planning().command("plan", "--interval", "often").code == 2
