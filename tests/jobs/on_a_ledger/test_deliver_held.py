"""A destination that clears by a code alone is let ask, and what it hears is remembered."""

from collections import defaultdict
from dataclasses import replace

import pytest

from sync.crm.adapter import Capability
from sync.errors import CredentialsRefusedError, ParkError, PermissionRefusedError, UnavailableError
from sync.jobs.held import HeldLookup
from sync.jobs.run import run
from sync.jobs.sources import CustomerSource
from sync.ledger.tables import assignments
from sync.model.outcome import Outcome, Result
from tests.inline import Inline

ALL = CustomerSource("all", lists=True)
REFUSED = CredentialsRefusedError("Voucherify refused the key")
PARKED = ParkError("the cycle is used up", by="cycle")


class Asking:
    """A slot that shows only a code: it asks, unless it is down, and clears what nothing is newer
    than."""

    destination = "memory-1"
    capabilities = frozenset({Capability.CLEARS_BY_CODE})

    def __init__(self):
        self.told = []
        self.held_now = None
        self.is_down = False

    def ask_by(self, held_now):
        self.held_now = held_now

    def unassign(self, batch):
        if self.is_down:
            return [Outcome.retry("down")] * len(batch)
        known = self.held_now(batch) if self.held_now else batch
        self.told += known
        return [
            Outcome(Result.SUPERSEDED if each.superseded_by else Result.REMOVED) for each in known
        ]


class Holdings:
    def __init__(self):
        self.held = defaultdict(list)
        self.always = None
        self.asked = []

    def pages(self, customer_id):
        self.asked.append(customer_id)
        if self.always:
            raise self.always
        yield self.held[customer_id]


class Night:
    """A shop whose CRM asks, and a Voucherify that knows what is held now."""

    def __init__(self, shop):
        self.shop = shop
        self.crm = shop.crm = Asking()
        self.holdings = Holdings()

    def run(self):
        held = HeldLookup(self.holdings, Inline())
        return run(replace(self.shop.parts(), held=held), ALL)

    def happens(self, *items):
        for each in items:
            self.shop.voucherify.happens(each.finding.unassignment.customer_id, each)


@pytest.fixture
def night(shop):
    return Night(shop)


def test_what_is_held_now_decides_and_is_remembered(night, find, assignment):
    find("rh_1")
    night.holdings.held["cust_1"] = [assignment("rh_2")]

    report = night.run()

    assert report.summary.outcomes.superseded == 1
    assert [row["holder_id"] for row in night.shop.rows(assignments)] == ["rh_2"]
    assert (report.exit_code, report.problems) == (0, ())


def test_what_is_remembered_is_known_to_the_next_run(night, find, assignment):
    find("rh_1")
    night.holdings.held["cust_1"] = [assignment("rh_2")]
    night.run()
    night.holdings.held.clear()
    find("rh_0")

    night.run()

    assert [each.superseded_by for each in night.crm.told] == ["rh_2", "rh_2"]


def test_a_destination_that_does_not_say_so_is_not_let_ask(night, find):
    night.crm.capabilities = frozenset()
    find("rh_1")

    night.run()

    assert night.crm.held_now is None
    assert night.holdings.asked == []


def test_a_crm_that_is_down_costs_no_call_more(night, find):
    night.crm.is_down = True
    find("rh_1")

    assert night.run().exit_code == 69
    assert night.holdings.asked == []


@pytest.mark.parametrize(
    "error",
    [UnavailableError("down"), PARKED, PermissionRefusedError("403")],
    ids=["down", "parked", "may not"],
)
def test_what_can_not_be_known_stops_neither_the_delivery_nor_the_run(night, find, ended, error):
    find("rh_1")
    night.holdings.always = error
    night.happens(ended("rh_2", customer_id="cust_2"))

    report = night.run()

    assert report.summary.outcomes.removed == 2
    assert report.exit_code == 0
    assert any("the ledger's memory decided" in each for each in report.problems)


def test_a_key_that_is_refused_is_not_tried_again(night, find, ended):
    find("rh_1")
    night.holdings.always = REFUSED
    night.happens(ended("rh_2", customer_id="cust_2"))

    report = night.run()

    assert report.exit_code == 77
    assert report.summary.outcomes.removed == 1
    asked = (night.holdings.asked, night.shop.voucherify.listed, night.shop.voucherify.asked)
    assert asked == (["cust_1"], 0, [])


def test_after_a_reading_that_was_ended_nobody_is_asked(night, ended):
    night.happens(*(ended(f"rh_{who}", customer_id=who) for who in ("cust_1", "cust_2")))
    night.shop.voucherify.faults["cust_2"] = [REFUSED]

    report = night.run()

    assert report.exit_code == 77
    assert (report.summary.outcomes.removed, night.holdings.asked) == (1, [])
