"""From Voucherify's activity into a real CRM, through an adapter that is named as module:Class."""

from collections import Counter, defaultdict
from pathlib import Path

import pytest

from tests.crm.tryton.merchant import ROLE
from tests.crm.tryton.proxy import broken
from tests.crm.tryton.server import AT_ONCE

CUSTOMERS = 120
HERE = "tests.crm.tryton.tryton_adapter:TrytonAdapter"
FOLDER, ELSEWHERE = str(Path(__file__).parent), "tryton_adapter:TrytonAdapter"
"""The adapter as a stranger's file, in a folder that is on the path of another process."""
LOGIN, READ, WRITE = "common.db.login", "model.party.party.search_read", "model.party.party.write"


@pytest.fixture
def shop_of(new_shop, merchant):
    """Make a shop whose people are in Tryton, with the codes that they are believed to hold.

    Each test has a seed of its own, since one Tryton serves them all.
    """

    def make(seed):
        shop = new_shop(customers=CUSTOMERS, seed=seed)
        shop.settings |= merchant.settings | {"HOLDERSYNC_CRM": HERE}
        del shop.settings["CRM_SQL_URL"]
        believed = pairs(shop.world.crm_today)
        people = {
            each.customer_id: [each.customer_id, *filter(None, [each.source_id])]
            for each in (*shop.world.customers, *shop.world.crm_today)
        }
        merchant.put(*[("Somebody", names, None, believed[who]) for who, names in people.items()])
        return shop

    return make


def pairs(rows):
    """Give the codes of each customer who holds some as a friend."""
    codes = defaultdict(set)
    for row in rows:
        if row.role == ROLE:
            codes[row.customer_id].add(row.code)
    return codes


def expected(world):
    """Give what the CRM has to show: all that it believed, but what ended and nobody holds anew."""
    truth = world.truth.values()
    held = pairs(row for row in truth if row.status == "assigned")
    ended = pairs(row for row in truth if row.status == "unassigned" and row.in_window)
    believed = pairs(world.crm_today)
    return {who: codes - (ended[who] - held[who]) for who, codes in believed.items()}


def test_tryton_shows_exactly_what_voucherify_knows(shop_of, merchant, tell):
    shop = shop_of(seed=11)
    before = len(merchant.proxy.calls)

    result = shop.process("run", "--json", HOLDERSYNC_CRM=ELSEWHERE, PYTHONPATH=FOLDER)

    calls = merchant.proxy.calls[before:]
    wanted = expected(shop.world)
    assert merchant.codes(wanted) == wanted
    outcomes = result.json["outcomes"]
    assert outcomes["removed"] >= 24
    assert outcomes["rejected"] == outcomes["contact_not_found"] == result.json["pending"] == 0
    parts = -(-result.json["events"]["new"] // AT_ONCE)
    assert Counter(calls) == {LOGIN: 1, READ: parts, WRITE: parts}
    tell(f"{outcomes['removed']} of {result.json['events']['new']} removed by {len(calls)} calls")


def test_a_second_run_tells_tryton_nothing(shop_of, merchant):
    shop = shop_of(seed=12)
    shop.run()
    calls = list(merchant.proxy.calls)

    again = shop.run()

    assert again.code == 0
    assert merchant.proxy.calls == calls


def test_a_tryton_that_is_down_for_a_run_loses_nothing(shop_of, merchant):
    shop = shop_of(seed=13)

    with merchant.proxy.striking(broken):
        down = shop.run()
    believed = pairs(shop.world.crm_today)
    before = merchant.codes(believed)
    after = shop.run()

    assert down.code == 69
    assert down.json["calls"]["made"] == shop.world.minimum_calls(shop.world.window_start)
    assert before == believed
    assert after.json["pending"] == 0
    assert merchant.codes(believed) == expected(shop.world)
