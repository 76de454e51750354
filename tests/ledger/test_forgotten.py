"""Forgetting takes out one person, for good, and nobody else."""

import json
from dataclasses import replace

import pytest

from sync.errors import TellUserError
from sync.ledger.deliveries import Deliveries
from sync.ledger.destinations import admit
from sync.ledger.forgotten import Erased, forget, is_forgotten
from sync.ledger.ledger import Ledger
from sync.ledger.reading import RunProgress
from sync.ledger.tables import assignments, dead_letters, unassignments
from sync.model.delivery import Settlement, Status
from sync.model.event import Invalid
from sync.model.outcome import Outcome, Result
from sync.voucherify.evidence import evidence_of

FORGOTTEN = "cust_forgotten"


@pytest.fixture
def reading(ledger: Ledger, now):
    forget(ledger, FORGOTTEN, now, drop_pending=False)
    return RunProgress(ledger, "run-1", now)


@pytest.mark.parametrize("who", [FORGOTTEN, "cust_other"])
def test_an_event_that_is_not_understood_keeps_nothing_of_a_forgotten_person(
    reading, ledger, rows, now, who
):
    item = {"data": {"holder": {"customer_id": who}, "customer": {"email": "ann@example.com"}}}
    broken = Invalid("evcus_1", "not understood", evidence_of(item))

    reading.page_read("cust_1", [broken], None, now)

    (letter,) = rows(ledger, dead_letters)
    assert (letter["evidence"] is None) == (who == FORGOTTEN)


@pytest.mark.parametrize("text", ["\\ud800", "\\u0000"])
def test_odd_texts_in_an_event_that_is_not_understood_harm_nothing(
    reading, ledger, rows, now, text
):
    broken = Invalid("evcus_1", "not understood", f'{{"type": "{text}"}}')

    reading.page_read("cust_1", [broken], None, now)

    assert [each["event_id"] for each in rows(ledger, dead_letters)] == ["evcus_1"]


def test_whoever_was_forgotten_first_stays_forgotten(ledger, now):
    both = ("cust_1", "cust_2")
    for who in both:
        forget(ledger, who, now, drop_pending=False)

    for who in both:
        with ledger.read_only() as connection:
            assert is_forgotten(connection, who)


def test_what_others_are_still_to_hear_of_keeps_nobody_from_being_forgotten(
    reading, ledger, rows, unassigned, now
):
    admit(ledger, "sql-1", now)
    reading.page_read("cust_1", [unassigned("rh_1"), unassigned("rh_2")], None, now)
    reading.page_read("cust_2", [unassigned("rh_3", customer_id="cust_2")], None, now)
    queue = Deliveries(ledger, "sql-1", "run-1")
    queue.enqueue()
    queue.settle([Settlement("rh_3", Status.DELIVERED, Outcome(Result.REMOVED))], now)

    with pytest.raises(TellUserError, match=r"^2 deliveries of this customer are pending"):
        forget(ledger, "cust_1", now, drop_pending=False)
    assert forget(ledger, "cust_2", now, drop_pending=False) == Erased(1, 0, 0)
    assert [each["holder_id"] for each in rows(ledger, unassignments)] == ["rh_1", "rh_2"]


def test_an_id_is_no_pattern_when_it_is_looked_for_in_the_events_of_others(
    ledger, rows, invalid, now
):
    named = json.dumps({"customer": {"id": "custX1"}})
    other = replace(invalid(), evidence=named)
    RunProgress(ledger, "run-1", now).page_read("cust_2", [other], None, now)

    forget(ledger, "cust_1", now, drop_pending=False)

    assert [each["evidence"] for each in rows(ledger, dead_letters)] == [named]


def test_an_assignment_of_a_forgotten_person_in_another_list_is_not_kept(
    reading, ledger, rows, assigned, now
):
    reading.page_read("cust_1", [assigned(customer_id=FORGOTTEN)], None, now)

    assert rows(ledger, assignments) == []
