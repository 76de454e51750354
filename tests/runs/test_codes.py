"""Whom to ask is told by the holders of codes: real HTTP, real databases."""

from collections import Counter

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
