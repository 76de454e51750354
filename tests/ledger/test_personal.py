"""Personal data stays only as long as a delivery, or an open letter, needs it."""

import pytest

from sync.ledger.deliveries import Deliveries
from sync.ledger.destinations import admit
from sync.ledger.letters import accept_event, discard, open_letters, revive_delivery
from sync.ledger.scheduled import RunProgress
from sync.ledger.tables import dead_letters, unassignments
from sync.model.delivery import Settlement, Status
from sync.model.outcome import Outcome, Result

DELIVERED = (Status.DELIVERED, Outcome(Result.REMOVED))
DEAD = (Status.DEAD, Outcome.rejected("locked"))
PENDING = (Status.PENDING, Outcome.retry("busy"))


@pytest.fixture
def reading(ledger, now):
    return RunProgress(ledger, "run-1", now)


@pytest.fixture
def emails(ledger, rows):
    return lambda: [row["email"] for row in rows(ledger, unassignments)]


@pytest.fixture
def answer(ledger, reading, unassigned, now):
    """Let a destination answer for the one unassignment that both are to hear of."""
    for destination in ("sql-1", "sql-2"):
        admit(ledger, destination, now)
    reading.page_read("cust_1", [unassigned()], None, now)
    queues = [Deliveries(ledger, name, "run-1") for name in ("sql-1", "sql-2")]
    for queue in queues:
        queue.enqueue()

    def answer(number, status_and_outcome):
        queues[number - 1].settle([Settlement("rh_1", *status_and_outcome)], now)

    return answer


def test_an_email_goes_with_the_last_delivery(answer, emails):
    answer(1, DELIVERED)
    assert emails() == ["ann@example.com"]

    answer(2, DELIVERED)
    assert emails() == [None]


def test_an_email_stays_until_a_destination_that_was_not_at_work_yet_has_heard(
    ledger, reading, unassigned, emails, now
):
    for destination in ("sql-1", "sql-2"):
        admit(ledger, destination, now)
    reading.page_read("cust_1", [unassigned()], None, now)
    at_work = Deliveries(ledger, "sql-1", "run-1")
    at_work.enqueue()
    at_work.settle([Settlement("rh_1", *DELIVERED)], now)
    assert emails() == ["ann@example.com"]

    Deliveries(ledger, "sql-2", "run-2").settle([Settlement("rh_1", *DELIVERED)], now)
    assert emails() == [None]


@pytest.mark.parametrize("other", [PENDING, DEAD], ids=["pending", "dead"])
def test_an_email_stays_while_another_destination_may_need_it(answer, emails, other):
    answer(1, other)
    answer(2, DELIVERED)

    assert emails() == ["ann@example.com"]


def test_an_email_goes_when_the_last_letter_about_it_is_discarded(answer, emails, ledger, now):
    answer(1, DELIVERED)
    answer(2, DEAD)

    discard(ledger, [letter.number for letter in open_letters(ledger)], now)

    assert emails() == [None]


def test_an_email_stays_when_a_letter_is_discarded_that_is_not_the_last(
    answer, emails, ledger, now
):
    answer(1, DEAD)
    answer(2, DEAD)
    first, _ = open_letters(ledger)

    discard(ledger, [first.number], now)

    assert emails() == ["ann@example.com"]


def test_a_discarded_letter_does_not_keep_an_email(answer, emails, ledger, now):
    answer(1, DEAD)
    discard(ledger, [letter.number for letter in open_letters(ledger)], now)
    assert emails() == ["ann@example.com"]

    answer(2, DELIVERED)

    assert emails() == [None]


def test_an_email_stays_while_a_delivery_is_tried_again(answer, emails, ledger, now):
    answer(1, DEAD)
    revive_delivery(ledger, open_letters(ledger)[0], now)
    answer(2, DELIVERED)

    assert emails() == ["ann@example.com"]


def test_an_event_that_is_seen_again_brings_no_email_back(answer, emails, reading, unassigned, now):
    answer(1, DELIVERED)
    answer(2, DELIVERED)

    reading.page_read("cust_1", [unassigned()], None, now)

    assert emails() == [None]


def test_an_event_goes_out_of_a_letter_that_is_closed(ledger, reading, rows, invalid, now):
    reading.page_read("cust_1", [invalid("e1"), invalid("e2"), invalid("e3")], None, now)
    first, second, _ = open_letters(ledger)

    discard(ledger, [first.number], now)
    accept_event(ledger, second, (), "run-2", now)

    found = [(row["status"], row["evidence"] is None) for row in rows(ledger, dead_letters)]
    assert found == [("discarded", True), ("retried", True), ("open", False)]
