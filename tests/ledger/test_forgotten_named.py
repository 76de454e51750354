"""Whoever was to be forgotten is not named by what stands in somebody else's list either."""

import pytest

from sync.ledger.forgotten import forget
from sync.ledger.ledger import Ledger
from sync.ledger.reading import RunProgress
from sync.ledger.tables import assignments, dead_letters
from sync.model.event import Invalid
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


def test_an_assignment_of_a_forgotten_person_in_another_list_is_not_kept(
    reading, ledger, rows, assigned, now
):
    reading.page_read("cust_1", [assigned(customer_id=FORGOTTEN)], None, now)

    assert rows(ledger, assignments) == []
