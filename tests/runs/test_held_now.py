"""A CRM that keeps only codes: what Voucherify says is held now stands above an old end.

Whole runs, through an adapter that is named as `module:Class`.
"""

import signal
from functools import partial
from pathlib import Path

import pytest

from sync.model.patience import Patience
from tests.runs.slot_crm import Contacts
from tests.runs.test_signals import started, stop, wait_until

ROOT = str(Path(__file__).parents[2])
DOWN = {"CRM_SLOTS_DOWN": "1"}


class Slots:
    """A shop whose CRM shows the code of whoever holds one, and what may be asked of it."""

    def __init__(self, shop):
        self.shop = shop
        self.contacts = Contacts(shop.home)
        shop.settings |= {"HOLDERSYNC_CRM": "tests.runs.slot_crm:SlotCrm", "PYTHONPATH": ROOT}
        del shop.settings["CRM_SQL_URL"]
        truth = shop.world.truth.values()
        held = {(one.customer_id, one.code) for one in truth if one.status == "assigned"}
        self.ended = {
            one.customer_id: one
            for one in truth
            if one.in_window and (one.customer_id, one.code) not in held
        }
        self.contacts.show({who: one.code for who, one in self.ended.items()})

    def asked(self):
        """How many calls asked what somebody holds now."""
        return self.shop.playground.counters().by_endpoint.get("redeemables", 0)

    def left(self):
        """Who still shows a code, and which."""
        return {who: code for who, code in self.contacts.codes().items() if code}

    def begins_again(self, number):
        """So many who lost their code get it back, and the CRM shows it."""
        for who, one in list(self.ended.items())[:number]:
            self.shop.playground.assign(who, one.voucher_id)
            yield who, one.code


@pytest.fixture(autouse=True)
def _hardly_waiting(monkeypatch):
    monkeypatch.setattr(
        "sync.app.wiring.Patience", partial(Patience, first_delay=0.001, longest_delay=0.002)
    )


@pytest.fixture
def slots(shop):
    return Slots(shop)


def test_a_code_that_ended_is_cleared_after_one_question_for_each_customer(slots):
    result = slots.shop.run()

    assert result.json["outcomes"]["removed"] >= len(slots.ended) > 5
    assert slots.left() == {}
    assert slots.asked() == len(slots.ended)
    assert result.json["calls"]["made"] == slots.shop.playground.counters().total
    assert result.json["calls"]["made"] == result.json["calls"]["cycle_used_by_us"]


def test_a_code_that_began_again_meanwhile_stays_though_no_event_of_that_was_read(slots):
    slots.shop.run(**DOWN)
    again = dict(slots.begins_again(3))
    slots.shop.playground.set_faults("path:/activity * status 503")

    result = slots.shop.run(HOLDERSYNC_MAX_WAIT="1s")

    assert result.json["events"]["read"] == 0
    assert slots.left() == again
    assert result.json["outcomes"]["superseded"] >= 3
    known = {row[0] for row in slots.shop.ledger("SELECT customer_id FROM assignments")}
    assert known >= again.keys()


def test_a_crm_that_is_down_for_a_whole_run_costs_no_voucherify_call_more(slots, new_shop):
    plain = new_shop()
    plain.believe()
    _, calls_of_another_crm = plain.calls_of(plain.run)

    result, calls = slots.shop.calls_of(lambda: slots.shop.run(**DOWN))

    assert result.code == 69
    assert (slots.asked(), calls) == (0, calls_of_another_crm)
    assert result.json["pending"] == result.json["events"]["new"] > 0

    slots.shop.run()

    assert slots.left() == {}


def test_a_voucherify_that_does_not_tell_stops_no_delivery_and_that_is_said(slots):
    slots.shop.run(**DOWN)
    slots.shop.playground.set_faults("path:/redeemables * status 404 key=no_such_endpoint")

    result = slots.shop.run()

    assert result.code == 0
    assert slots.left() == {}
    assert f"{len(slots.ended)} customers have slots that hold only a code" in result.err
    assert "404 no_such_endpoint" in result.err


def test_a_key_whose_role_may_not_read_this_costs_one_call_and_the_run_goes_on(slots):
    slots.shop.run(**DOWN)
    slots.shop.playground.set_faults("path:/redeemables * status 403 key=forbidden")

    result = slots.shop.run()

    assert (result.code, slots.asked()) == (0, 1)
    assert slots.left() == {}
    assert "403 forbidden" in result.err


def test_a_refused_key_costs_one_call_and_what_was_known_is_delivered(slots):
    slots.shop.run(**DOWN)

    result, calls = slots.shop.calls_of(lambda: slots.shop.run(VOUCHERIFY_APP_TOKEN="another"))

    assert (result.code, calls) == (77, 1)
    assert slots.left() == {}


def test_where_the_days_share_is_used_up_the_memory_decides(slots):
    slots.shop.run(**DOWN)

    result, calls = slots.shop.calls_of(lambda: slots.shop.run(VOUCHERIFY_CALLS_PER_CYCLE="30"))

    assert (result.code, result.json["parked_by"], calls) == (75, "budget", 0)
    assert slots.left() == {}


def test_a_dry_run_asks_as_the_run_would_and_writes_nothing(slots):
    slots.shop.run(**DOWN)
    again = dict(slots.begins_again(2))
    before = slots.contacts.codes()

    result = slots.shop.run("--dry-run")

    assert slots.contacts.codes() == before
    kept = {each["customer_id"] for each in result.json["told"] if each["outcome"] == "superseded"}
    assert kept >= again.keys()
    assert slots.asked() > 0


def test_check_asks_nothing_of_what_is_held(slots):
    assert slots.shop.command("check").code == 0
    assert slots.asked() == 0


def test_a_signal_ends_a_delivery_that_waits_for_an_answer(slots):
    slots.shop.run(**DOWN)
    slots.shop.playground.set_faults("path:/redeemables 3- delay 60")
    with started(slots.shop, "run") as process:
        wait_until(lambda: slots.asked() >= 5, process)
        ended = stop(process, signal.SIGTERM)

    assert ended.is_in_order()
    slots.shop.playground.set_faults("")
    assert slots.shop.run().code in (0, 65)
    assert slots.left() == {}
