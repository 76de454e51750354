"""A run's turn in the plan: what it may spend, on whom, and what a wrong clock does to it."""

from dataclasses import replace
from datetime import timedelta

import pytest

from sync.jobs.run import run
from sync.jobs.sources import CustomerSource
from sync.ledger.planning import read_planned
from sync.ledger.tables import customers
from tests.inline import Inline

ALL = CustomerSource("all", lists=True)


@pytest.fixture
def people(shop):
    """Ten customers."""
    shop.executor = Inline()
    for each in range(10):
        shop.voucherify.activity[f"cust_{each}"] = []
        shop.voucherify.created[f"cust_{each}"] = shop.clock() - timedelta(days=each + 1)
    return shop


def test_what_a_run_spent_is_missing_to_the_next_and_comes_back_with_time(people):
    run(people.parts(), ALL)
    spent = read_planned(people.ledger)
    people.clock.wait(days=1)
    run(people.parts(), ALL)

    assert spent.tokens < read_planned(people.ledger).tokens + 8
    assert len(people.rows(customers)) == 10


def test_whoever_was_planned_by_a_clock_that_was_ahead_does_not_wait_for_its_time(people):
    people.clock.wait(days=400)
    run(people.parts(), ALL)
    people.clock.wait(days=-400)

    run(people.parts(), CustomerSource("hints"))

    longest = (people.clock() + timedelta(days=30)).timestamp()
    planned = [row["due_at"] for row in people.rows(customers)]
    assert len(planned) == 10
    assert max(planned) < longest


def test_rules_of_the_plan_are_the_settings(people):
    people.plan_rules = replace(people.plan_rules, longest=timedelta(days=3))
    run(people.parts(), ALL)

    assert read_planned(people.ledger).price.longest >= 3 * 86_400
