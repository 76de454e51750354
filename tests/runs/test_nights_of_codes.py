"""Many nights of a shop that changes: nothing is missed, nothing is invented, no call too many.

Seeded: what happens each night, in which order, and what goes wrong. Customers and codes join,
friends are assigned and taken off, some between two looks; customers, codes and a campaign are
deleted; webhooks come, come twice, or don't come for a week; lists of holders are half read, and
runs are cut off. In the end faults stop, and everything has to be as Voucherify knows it.
"""

from collections import Counter
from contextlib import closing
from datetime import datetime, timedelta
from random import Random

import pytest
from sqlalchemy.engine import make_url

from sync.ledger.inbox import store
from sync.ledger.opening import open_existing
from sync.model.received import Received

NIGHTS = 14
SILENT = range(4, 11)
"""The week in which no webhook comes."""
SHARE = 900
FAULTS = (
    "",
    "",
    "path:/holders 1-3 truncate",
    "path:/holders 2-40 status 500",
    "path:/activity 2-9 status 503",
    "path:/activity 3 status 404",
    "path:/vouchers 1- html",
)


class Nights:
    """One shop's nights; `told` are the unassignments that an event tells."""

    def __init__(self, shop, clock, seed):
        self.shop = shop
        self.clock = clock
        self.dice = Random(seed)
        self.playground = shop.playground
        self.told = set()
        self.silent = set()
        self.number = 0
        self.deleted = set()

    def held(self):
        world = self.shop.world
        return [row for row in world.truth.values() if world.is_held(row) and row.role == "REFEREE"]

    def codes(self):
        world = self.shop.world
        gone = {one.voucher_id for one in world.deleted_vouchers}
        return [
            one for one in world.vouchers if one.campaign.is_referral and one.voucher_id not in gone
        ]

    def assign(self):
        customer = self.dice.choice(self.shop.world.customers)
        return self.playground.assign(
            customer.customer_id, self.dice.choice(self.codes()).voucher_id
        )

    def unassign(self, row):
        self.playground.unassign(row.holder_id)
        self.told.add(row.holder_id)
        self.hook(row)

    def hook(self, row):
        """Let a webhook tell of it, perhaps twice; not in the silent week."""
        if self.number in SILENT or self.dice.random() < 0.3:
            return
        hint = Received(
            f"evcus_hook_{row.holder_id}",
            "holder",
            self.clock.now(),
            customer_id=row.customer_id,
            holder_id=row.holder_id,
        )
        url = make_url(f"sqlite:///{self.shop.ledger_file}")
        with closing(open_existing(url)) as ledger:
            store(ledger, [hint] * self.dice.choice([1, 1, 2]), self.clock.now())

    def change(self):
        """Let something happen between two runs."""
        for _ in range(self.dice.randrange(3, 8)):
            self.dice.choice(
                [self.assign, self.assign, self.off, self.off, self.on_and_off, self.join]
            )()
        if self.number == 6:
            self.end_silently(self.held()[:1])
            self.playground.vanish(self.held()[0].holder_id)
        if self.number == 8:
            row = self.dice.choice(self.held())
            self.end_silently([e for e in self.held() if e.voucher_id == row.voucher_id])
            self.playground.delete_voucher(row.voucher_id)
        if self.number == 9:
            row = self.dice.choice(self.held())
            self.end_silently([e for e in self.held() if e.customer_id == row.customer_id])
            self.playground.delete_customer(row.customer_id)
            self.deleted.add(row.customer_id)

        if self.number == 11:
            self.end_a_campaign()

    def end_a_campaign(self):
        """Delete the campaign with the fewest codes; others stay."""
        numbers = Counter(one.campaign.campaign_id for one in self.codes())
        (campaign_id, _), *others = sorted(numbers.items(), key=lambda each: each[::-1])
        if others:
            self.end_silently([e for e in self.held() if e.campaign_id == campaign_id])
            self.playground.delete_campaign(campaign_id)

    def off(self):
        if held := self.held():
            self.unassign(self.dice.choice(held))

    def on_and_off(self):
        self.unassign(self.assign())

    def join(self):
        customer = self.playground.add_customer()
        campaign = self.dice.choice(self.codes()).campaign
        self.playground.add_code(customer.customer_id, campaign.campaign_id)

    def end_silently(self, rows):
        self.silent |= {row.holder_id for row in rows}

    def night(self, number, faults):
        self.number = number
        self.playground.set_faults(faults)
        self.change()
        results = []
        for _ in range(self.dice.choice([1, 2])):
            results.append(self.shop.run("--allow", "500"))
            self.clock.jump(hours=self.dice.choice([1, 6, 12]))
        self.clock.jump(days=1)
        return results


@pytest.fixture
def nights(new_shop, clock):
    def made(seed, sources):
        shop = new_shop(customers=60, seed=seed, now=clock.now)
        shop.settings |= {
            "HOLDERSYNC_CUSTOMERS": sources,
            "VOUCHERIFY_CALLS_PER_CYCLE": f"{SHARE}" if "all" not in sources else "9000",
            "HOLDERSYNC_INITIAL_LOOKBACK": "40d",
        }
        shop.believe()
        shop.run("--allow", "500")
        return Nights(shop, clock, seed)

    return made


@pytest.mark.parametrize("sources", ["all,holders", "all"])
@pytest.mark.parametrize("seed", range(1, 4))
def test_nothing_is_missed_and_nothing_is_invented(nights, seed, sources):
    playing = nights(seed, sources)
    shop = playing.shop

    for number in range(NIGHTS):
        for result in playing.night(number, playing.dice.choice(FAULTS)):
            assert result.code in (0, 65, 69, 75), result.err
            assert result.json["calls"]["cycle_used_by_us"] <= int(
                shop.settings["VOUCHERIFY_CALLS_PER_CYCLE"]
            )
    playing.playground.set_faults("")
    for _ in range(6):
        shop.run("--allow", "500")
        playing.clock.jump(days=2)

    found = {row[0] for row in shop.ledger("SELECT holder_id FROM unassignments")}
    truth = {key for key, row in shop.world.truth.items() if row.status == "unassigned"}
    lost_with_customers = {
        key for key, row in shop.world.truth.items() if row.customer_id in playing.deleted
    }
    assert not playing.told - lost_with_customers - found
    # A deleted customer takes its events along, and the playground's truth with them. An event
    # that was dated ahead when the shop was made is a valid one by now.
    came_true = _of_events(shop, {each.event_id for each in shop.world.broken})
    assert found - lost_with_customers - came_true <= truth
    assert not playing.silent & found
    ended = {key for key, row in shop.crm().items() if row.status == "unassigned"}
    assert not found - ended
    assert not playing.silent & ended
    if "holders" in sources:
        told = " ".join(row[0] for row in shop.ledger("SELECT reason FROM dead_letters"))
        assert "code_gone" in told
        assert "vanished_without_event" in told


def test_hourly_runs_share_a_day_and_the_first_pass_is_not_repeated_each_day(nights, clock):
    playing = nights(9, "holders")
    clock.jump(days=1)

    made = []
    for _ in range(48):
        made.append(playing.shop.run().json["calls"]["made"])
        clock.jump(hours=1)

    steady = made[24:]
    assert max(steady) <= 3 * max(1, sum(steady) / len(steady)) + 2
    assert sum(steady) <= SHARE / 5


def test_the_time_between_two_looks_is_at_most_the_longest(nights, clock):
    playing = nights(5, "holders")
    for _ in range(10):
        playing.shop.run()
        clock.jump(days=1)

    oldest = playing.shop.ledger("SELECT min(walked_at) FROM codes WHERE gone_at IS NULL")[0][0]
    longest = timedelta(days=8)
    assert clock.now() - longest <= _instant(oldest)


def _instant(text):
    return datetime.fromisoformat(text)


def _of_events(shop, event_ids):
    rows = shop.ledger("SELECT holder_id, event_id FROM unassignments")
    return {holder_id for holder_id, event_id in rows if event_id in event_ids}
