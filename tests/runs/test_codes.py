"""Whom to ask is told by the holders of codes: real HTTP, real databases."""

import sqlite3
from collections import Counter
from contextlib import closing

import pytest

LOOKS = "holders"


@pytest.fixture
def of_codes(new_shop):
    """A shop that looks at codes only, after its first look at each."""

    def made(customers=120, seed=2, **settings):
        shop = new_shop(customers=customers, seed=seed)
        shop.settings |= {"HOLDERSYNC_CUSTOMERS": LOOKS} | settings
        shop.believe()
        return shop

    return made


def unassigned(shop):
    """Unassign somebody who holds a code now; give the holder's id."""
    held = [row for row in shop.world.truth.values() if shop.world.is_held(row)]
    holder = next(row for row in held if row.role == "REFEREE")
    shop.playground.unassign(holder.holder_id)
    return holder.holder_id


def test_whoever_vanishes_from_a_code_is_read_and_mirrored(of_codes):
    shop = of_codes()
    first = shop.run()
    holder_id = unassigned(shop)

    result, calls = shop.calls_of(shop.run)

    assert result.code in (0, 65), result.err
    assert result.json["events"]["new"] == 1
    assert result.json["codes"]["vanished"] == 1
    assert shop.crm()[holder_id].status == "unassigned"
    assert calls < first.json["calls"]["made"] + 3


def test_nobody_is_asked_where_nobody_vanished(of_codes):
    shop = of_codes()
    shop.run()

    again = shop.run()

    assert again.json["customers"]["asked"] == 0
    assert again.json["codes"]["looked"] == again.json["codes"]["selected"] > 0


def test_a_deleted_code_is_one_dead_letter_and_takes_nobody_off(of_codes):
    shop = of_codes()
    shop.run()
    before = shop.crm()
    held = Counter(
        row.voucher_id
        for row in shop.world.truth.values()
        if shop.world.is_held(row) and row.role == "REFEREE"
    )
    voucher_id, number = held.most_common(1)[0]
    shop.playground.delete_voucher(voucher_id)

    result = shop.run()

    assert result.code == 65
    letters = shop.ledger("SELECT kind, reason FROM dead_letters WHERE kind = 'code'")
    assert len(letters) == 1
    assert f"{voucher_id} was deleted in Voucherify while {number} held it" in letters[0][1]
    assert shop.crm() == before
    assert shop.run().code == 0


def deleted(shop):
    """Delete the codes that a friend holds, but for one; give them."""
    held = [row for row in shop.world.truth.values() if shop.world.is_held(row)]
    _, *gone = sorted({row.voucher_id for row in held if row.role == "REFEREE"})
    for voucher_id in gone:
        shop.playground.delete_voucher(voucher_id)
    return gone


def letters_of_codes(shop):
    found = shop.ledger("SELECT key FROM dead_letters WHERE kind = 'code'")
    return {key.removeprefix("code:") for (key,) in found}


def test_where_all_codes_seem_deleted_customers_are_read_all_the_same(of_codes):
    shop = of_codes(customers=600, HOLDERSYNC_CUSTOMERS="all,holders")
    shop.run()
    spared = unassigned(shop)
    shop.playground.set_faults("path:/holders * status 404 key=not_found")

    result = shop.run()

    assert (result.code, result.json["parked_by"]) == (75, "brake"), result.err
    assert "are said to be deleted; none of that was stored" in result.err
    assert shop.crm()[spared].status == "unassigned"
    assert letters_of_codes(shop) == set()


def test_whoever_is_unassigned_while_all_codes_seem_deleted_is_found_by_reads(of_codes, clock):
    shop = of_codes()
    shop.run()
    shop.playground.set_faults("path:/holders * status 404 key=not_found")
    ended = unassigned(shop)

    codes = [clock.jump(hours=12) or shop.run().code for _ in range(15)]

    assert set(codes) <= {0, 65, 75}
    assert shop.crm()[ended].status == "unassigned"
    assert letters_of_codes(shop) == set()


def test_a_list_of_codes_that_is_gone_and_comes_back_changes_nothing(of_codes):
    shop = of_codes()
    shop.run()
    query = "SELECT voucher_id, gone_at FROM codes ORDER BY 1"
    before = shop.ledger(query)
    shop.playground.set_faults("path:/vouchers * status 404 key=not_found")
    ended = unassigned(shop)

    away = shop.run()
    shop.playground.set_faults("")
    back = shop.run()

    assert (away.code, back.code) == (69, 0), away.err
    assert shop.crm()[ended].status == "unassigned"
    assert shop.ledger(query) == before


def test_a_persons_word_on_deleted_codes_counts_at_once_however_few_calls_there_are(of_codes):
    shop = of_codes()
    shop.run()
    gone = deleted(shop)
    shop.run()
    with closing(sqlite3.connect(shop.ledger_file)) as ledger, ledger:
        ledger.execute("UPDATE planning SET tokens = 0")

    result = shop.run("--allow", str(len(gone)))

    assert result.code in (65, 75), result.err
    assert letters_of_codes(shop) == set(gone)


@pytest.fixture
def believing(new_shop):
    """A shop that asks whom its CRM believes to hold something, and nobody else."""
    shop = new_shop(customers=120, seed=2)
    shop.believe()
    shop.settings["HOLDERSYNC_CUSTOMERS"] = "crm"
    return shop


def test_whom_the_crm_believes_to_hold_something_is_asked_and_nobody_else(believing):
    here = {each.customer_id for each in believing.world.customers}
    named = {row.customer_id for row in believing.crm().values() if row.status == "assigned"}

    result = believing.run()

    assert result.code in (0, 65), result.err
    assert result.json["customers"]["asked"] + result.json["customers"]["gone"] >= len(named & here)
    asked = "SELECT customer_id FROM customers WHERE asked_at IS NOT NULL AND gone_at IS NULL"
    assert {row[0] for row in believing.ledger(asked)} >= named & here
    ended = {
        row.holder_id
        for row in believing.world.truth.values()
        if row.status == "unassigned" and row.in_window and row.customer_id in named & here
    }
    shown = believing.crm()
    assert ended
    assert all(shown[holder_id].status == "unassigned" for holder_id in ended)


def test_what_the_crm_believes_later_is_followed_once_its_day_has_come(new_shop, clock):
    shop = new_shop(customers=120, seed=2, now=clock.now)
    shop.settings["HOLDERSYNC_CUSTOMERS"] = "crm"
    shop.run()
    customer = shop.world.customers[7]
    voucher = next(one for one in shop.world.vouchers if one.campaign.is_referral)
    held = shop.playground.assign(customer.customer_id, voucher.voucher_id)
    shop.believe([held])
    shop.playground.unassign(held.holder_id)

    assert shop.run().json["events"]["new"] == 0
    clock.jump(days=1, minutes=1)
    assert shop.run().json["events"]["new"] >= 1
    assert shop.crm()[held.holder_id].status == "unassigned"


def test_a_crm_that_can_not_be_listed_is_told_and_the_rest_goes_on(believing):
    (believing.home / "crm.db").write_bytes(b"no database" * 1_000)

    result = believing.run(HOLDERSYNC_CUSTOMERS="crm,holders")

    assert result.json["codes"]["looked"] > 0
    assert result.code in (69, 78)


def test_an_export_names_the_same_codes_as_the_list_and_the_list_keeps_it_up(new_shop):
    by_list, by_export = new_shop(customers=120, seed=2), new_shop(customers=120, seed=2)
    by_list.run(HOLDERSYNC_CUSTOMERS="holders")
    export = {"HOLDERSYNC_CUSTOMERS": "holders", "HOLDERSYNC_CODES_BY": "export"}
    first = by_export.run(**export)
    query = "SELECT voucher_id, code, campaign_id FROM codes ORDER BY 1"

    assert first.code in (0, 65), first.err
    assert by_export.ledger(query) == by_list.ledger(query)
    assert by_export.playground.counters().by_endpoint["exports"] >= 3
    owner = by_export.world.customers[0]
    campaign = next(one.campaign for one in by_export.world.vouchers if one.campaign.is_referral)
    new = by_export.playground.add_code(owner.customer_id, campaign.campaign_id)
    before = by_export.playground.counters().by_endpoint["exports"]
    by_export.run(**export)
    assert new.voucher_id in {row[0] for row in by_export.ledger(query)}
    assert by_export.playground.counters().by_endpoint["exports"] == before


@pytest.mark.parametrize("fault", ["status 500", "status 403 key=forbidden"])
def test_where_no_export_can_be_made_the_list_names_the_codes(new_shop, fault):
    shop = new_shop(customers=120, seed=2)
    shop.playground.set_faults(f"path:/exports * {fault}")

    result = shop.run(HOLDERSYNC_CUSTOMERS="holders", HOLDERSYNC_CODES_BY="export")

    assert result.code in (69, 77), result.err
    assert result.json["codes"]["looked"] > 0


@pytest.mark.parametrize(
    ("fault", "code"), [("status 404 key=odd", 69), ("status 403 key=forbidden", 77)]
)
def test_codes_that_can_not_be_read_are_no_want_of_calls(of_codes, fault, code):
    shop = of_codes()
    shop.run()
    voucher_id = shop.ledger("SELECT voucher_id FROM codes ORDER BY due_at LIMIT 1")[0][0]
    which = f"path:/{voucher_id}/holders" if code == 69 else "path:/holders"
    shop.playground.set_faults(f"{which} 1- {fault}")
    with_due = "UPDATE codes SET due_at = 0"
    with closing(sqlite3.connect(shop.ledger_file)) as ledger, ledger:
        ledger.execute(with_due)

    result = shop.run()

    assert (result.code, result.json["parked_by"]) == (code, None), result.err
    assert "could not be asked" not in result.err


@pytest.mark.parametrize(
    ("fault", "a_day"),
    [("403 key=forbidden", 1), ("404 key=odd", 1), ("404 key=odd", 4), ("500", 1)],
)
def test_where_no_code_can_be_looked_at_whoever_holds_something_has_a_turn(
    new_shop, clock, fault, a_day
):
    shop = new_shop(customers=400, seed=2)
    shop.settings["HOLDERSYNC_CUSTOMERS"] = "all,holders"
    shop.run()
    clock.jump(days=22)  # into the next cycle, of 30 days
    shop.playground.set_faults(f"path:/referrals * status {fault}")
    with closing(sqlite3.connect(shop.ledger_file)) as ledger, ledger:
        ledger.execute("UPDATE codes SET due_at = 0, failures = 3")
    ((codes,),) = shop.ledger("SELECT count(*) FROM codes")

    for _ in range(10 * a_day):
        result = shop.run(VOUCHERIFY_CALLS_PER_CYCLE="900")
        clock.jump(hours=24 / a_day)

    assert codes > result.json["calls"]["made"]  # a day has fewer calls than codes are due
    read = "SELECT count(*), sum(asked_at > '2026-03-31') FROM customers WHERE seen"
    ((holding, asked),) = shop.ledger(read)
    assert holding > 60
    # A run of a few calls spends the most of them on finding out that codes can not be read.
    assert asked >= (holding if a_day == 1 else holding / 2)
