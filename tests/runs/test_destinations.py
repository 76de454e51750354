"""From Voucherify's activity to each CRM: 2,000 unassignments, the truth, and what it costs."""

from math import ceil
from pathlib import Path

import pytest

from tests.runs.destinations import (
    DESTINATIONS,
    HttpReceiver,
    HubSpotCodes,
    HubSpotSlots,
)
from tests.runs.town import Fate, counted, settle

GUIDE = Path(__file__).parents[2] / "sync" / "crm" / "README.md"
ENDED = 2_000
KEPT = 100


@pytest.fixture
def taken_to(new_shop):
    """Give a shop with people in it, and a CRM that believes what it believes."""
    opened = []

    def make(kind, *, ended, kept):
        shop = new_shop(customers=30)
        people = settle(shop.playground, ended=ended, kept=kept)
        crm = kind(shop.home)
        opened.append(crm)
        crm.believe(people)
        names = shop.home / "people.txt"
        names.write_text("\n".join(each.customer.customer_id for each in people))
        shop.settings |= crm.settings | {
            "HOLDERSYNC_CUSTOMERS": f"file:{names}",
            "HOLDERSYNC_MAX_UNASSIGNMENTS": f"{ended}",
        }
        return shop, crm, people

    yield make
    for each in opened:
        each.stop()


def differences(crm, people):
    """Tell where a CRM differs from the truth."""
    shown = crm.held_by(people)
    return {
        who: (crm.expected(each), shown[who])
        for each in people
        if shown[who := each.customer.customer_id] != crm.expected(each)
    }


@pytest.mark.parametrize("kind", DESTINATIONS, ids=lambda kind: kind.name)
def test_each_crm_shows_the_truth_and_is_asked_no_more_than_it_takes(kind, taken_to, tell):
    shop, crm, people = taken_to(kind, ended=ENDED, kept=KEPT)

    result, calls = shop.calls_of(shop.run)

    assert differences(crm, people) == {}
    fates = counted(people)
    outcomes = result.json["outcomes"]
    is_slot = crm.missing == "contact_not_found"
    assert outcomes == {
        "removed": fates[Fate.LOST] + (0 if is_slot else fates[Fate.REGAINED]),
        "already_removed": fates[Fate.CLEARED],
        "superseded": fates[Fate.REGAINED] if is_slot else 0,
        "contact_not_found": 0,
        "assignment_not_found": 0,
        "rejected": 0,
    } | {crm.missing: fates[Fate.UNKNOWN]}
    assert result.code == 0
    assert result.json["pending"] == outcomes["contact_not_found"]
    held = fates[Fate.LOST] if crm.asks_what_is_held else 0
    first = 1  # the call that proves the key and tells the time
    assert calls == first + len(people) + held
    row = f"| {crm.name} | {outcomes['removed']:,} | {asked(crm)} | {calls:,} |"
    tell(row)
    assert row in GUIDE.read_text(encoding="utf-8"), f"the guide does not have the row {row}"


def asked(crm):
    """Say what the CRM was asked, and hold it to what it may be."""
    if crm.calls is None:
        return "a file of its own"
    batches = ceil(ENDED / crm.at_once)
    assert crm.calls.reads <= batches
    assert crm.calls.writes <= batches
    return f"{crm.calls.reads:,} + {crm.calls.writes:,} + {crm.calls.others}"


def test_a_second_run_asks_only_for_who_was_not_there(taken_to):
    shop, crm, people = taken_to(HubSpotSlots, ended=40, kept=5)
    shop.run()
    before = crm.calls

    again = shop.run()

    # A contact that is missing is asked for once a day.
    assert not any(again.json["outcomes"].values())
    assert crm.calls == before
    assert differences(crm, people) == {}


@pytest.mark.parametrize("kind", [HubSpotCodes, HttpReceiver], ids=lambda kind: kind.name)
def test_a_crm_that_is_down_costs_no_call_of_the_shop_and_loses_nothing(kind, taken_to):
    shop, crm, people = taken_to(kind, ended=60, kept=5)
    before = crm.held_by(people)

    with crm.down():
        first, calls = shop.calls_of(shop.run)

    assert first.code == 69
    assert calls == 1 + len(people)
    assert first.json["pending"] == 60
    assert crm.held_by(people) == before

    second = shop.run()

    assert second.code == 0
    assert differences(crm, people) == {}
