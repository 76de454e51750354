"""What becomes of a delivery by what the CRM answered: the table of the design."""

from datetime import timedelta

import pytest

from sync.jobs.deliver import DEAD_AFTER, DeliveryRules, failed_once_more, settled
from sync.model.delivery import Delivery, Settlement, Status
from sync.model.outcome import Outcome, Result

WEEK = timedelta(days=7)
DAY = timedelta(days=1)
RULES = DeliveryRules(at_most=500, not_found_for=WEEK)


@pytest.mark.parametrize(
    "result",
    [
        Result.REMOVED,
        Result.ALREADY_REMOVED,
        Result.SUPERSEDED,
        Result.ASSIGNMENT_NOT_FOUND,
    ],
)
def test_what_the_crm_settled_is_delivered(unassignment, now, result):
    delivery = Delivery(unassignment(), attempts=4, missing_since=now)
    outcome = Outcome(result)

    assert settled(delivery, outcome, RULES, now) == Settlement("rh_1", Status.DELIVERED, outcome)


def test_what_the_crm_rejects_is_dead(unassignment, now):
    outcome = Outcome.rejected("several contacts match")

    after = settled(Delivery(unassignment(), attempts=4), outcome, RULES, now)

    assert after == Settlement("rh_1", Status.DEAD, outcome)


def test_a_retry_stays_pending_with_all_that_is_known(unassignment, now):
    delivery = Delivery(unassignment(), attempts=4, missing_since=now - DAY)
    outcome = Outcome.retry("busy")

    assert settled(delivery, outcome, RULES, now) == Settlement(
        "rh_1", Status.PENDING, outcome, attempts=4, missing_since=now - DAY
    )


def test_a_retry_waits_as_long_as_the_crm_said(unassignment, now):
    outcome = Outcome.retry("busy", timedelta(minutes=5))

    after = settled(Delivery(unassignment()), outcome, RULES, now)

    assert after.next_attempt_at == now + timedelta(minutes=5)


@pytest.mark.parametrize(
    ("missing_for", "status"),
    [
        (None, Status.PENDING),
        (DAY, Status.PENDING),
        (WEEK - timedelta(microseconds=1), Status.PENDING),
        (WEEK, Status.DELIVERED),
        (2 * WEEK, Status.DELIVERED),
    ],
)
def test_a_missing_contact_is_looked_for_once_a_day_and_then_given_up(
    unassignment, now, missing_for, status
):
    since = None if missing_for is None else now - missing_for
    delivery = Delivery(unassignment(), attempts=4, missing_since=since)
    outcome = Outcome(Result.CONTACT_NOT_FOUND)

    after = settled(delivery, outcome, RULES, now)

    assert (after.status, after.missing_since) == (status, since or now)
    assert after.next_attempt_at == (now + DAY if status is Status.PENDING else None)


@pytest.mark.parametrize("attempts", range(DEAD_AFTER - 1))
def test_failures_are_counted(unassignment, now, attempts):
    delivery = Delivery(unassignment(), attempts)
    settlement = settled(delivery, Outcome.retry("busy", DAY), RULES, now)

    after = failed_once_more(delivery, settlement)

    assert (after.status, after.attempts) == (Status.PENDING, attempts + 1)
    assert after.next_attempt_at == now + DAY


@pytest.mark.parametrize(("reason", "told"), [("busy", "busy"), (None, "no reason given")])
def test_the_tenth_failure_needs_a_person(unassignment, now, reason, told):
    delivery = Delivery(unassignment(), DEAD_AFTER - 1)
    settlement = settled(delivery, Outcome(Result.RETRY, reason), RULES, now)

    after = failed_once_more(delivery, settlement)

    assert (after.status, after.attempts, after.next_attempt_at) == (Status.DEAD, 10, None)
    assert after.outcome.reason == f"given up after 10 attempts: {told}"
