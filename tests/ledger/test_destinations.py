"""Which destination hears of what."""

from datetime import timedelta

import pytest

from sync.errors import TellUserError
from sync.ledger.deliveries import Deliveries
from sync.ledger.destinations import Adopted, admit, adopt
from sync.ledger.scheduled import RunProgress
from sync.ledger.tables import deliveries, destinations


@pytest.fixture
def found(ledger, unassigned, now):
    """Store unassignments of so many days ago; holder ids tell the days."""

    def store(*days):
        reading = RunProgress(ledger, "run-1", now)
        findings = [
            unassigned(f"rh_{each}", unassigned_at=now - timedelta(days=each)) for each in days
        ]
        reading.page_read("cust_1", findings, None, now)

    return store


@pytest.fixture
def queue_of(ledger, rows):
    """Enqueue for a destination and give the holder ids that it hears of."""

    def queue(destination):
        Deliveries(ledger, destination, "run-1").enqueue()
        return {
            row["holder_id"]
            for row in rows(ledger, deliveries)
            if row["destination"] == destination
        }

    return queue


def test_the_first_destination_is_let_in_and_hears_of_everything(ledger, now, found, queue_of):
    admit(ledger, "sql-1", now)
    found(9, 1)

    assert queue_of("sql-1") == {"rh_9", "rh_1"}


def test_a_known_destination_is_let_in_again(ledger, now, found, rows):
    admit(ledger, "sql-1", now)
    found(1)
    before = rows(ledger, destinations)

    admit(ledger, "sql-1", now + timedelta(days=1))

    assert rows(ledger, destinations) == before


def test_a_destination_that_missed_nothing_is_let_in(ledger, now, found, queue_of):
    admit(ledger, "sql-1", now)
    admit(ledger, "sql-2", now)
    found(1)

    assert queue_of("sql-1") == queue_of("sql-2") == {"rh_1"}


def test_an_unknown_destination_is_refused_when_it_missed_something(ledger, now, found, rows):
    admit(ledger, "sql-1", now)
    found(2, 1)

    with pytest.raises(TellUserError) as refused:
        admit(ledger, "sql-2", now)

    text = str(refused.value)
    assert "sql-2" in text
    assert "known: sql-1" in text
    assert "2 unassignments" in text
    assert "adopt --since DATE" in text
    assert "adopt --from-now" in text
    assert len(rows(ledger, destinations)) == 1


def test_from_now_it_hears_only_of_what_is_found_later(ledger, now, found, queue_of):
    admit(ledger, "sql-1", now)
    found(2)

    assert adopt(ledger, "sql-2", None, now) == Adopted("sql-2", 0)
    admit(ledger, "sql-2", now)
    found(5)

    assert queue_of("sql-2") == {"rh_5"}


def test_since_a_day_it_hears_of_the_past_from_that_day_on(ledger, now, found, queue_of):
    admit(ledger, "sql-1", now)
    found(9, 5, 4, 1)

    adopted = adopt(ledger, "sql-2", now - timedelta(days=5), now)
    found(8)

    assert adopted.of_the_past == 3
    assert queue_of("sql-2") == {"rh_5", "rh_4", "rh_1", "rh_8"}
    assert queue_of("sql-1") == {"rh_9", "rh_5", "rh_4", "rh_1", "rh_8"}


def test_a_destination_is_adopted_once(ledger, now, found, queue_of):
    admit(ledger, "sql-1", now)
    found(1)

    with pytest.raises(TellUserError, match="known already"):
        adopt(ledger, "sql-1", None, now)

    assert queue_of("sql-1") == {"rh_1"}


def test_an_empty_ledger_may_adopt(ledger, now, found, queue_of):
    adopt(ledger, "sql-1", None, now)
    found(1)

    assert queue_of("sql-1") == {"rh_1"}


def test_enqueuing_again_changes_nothing(ledger, now, found, queue_of, rows):
    admit(ledger, "sql-1", now)
    found(1)
    queue_of("sql-1")
    before = rows(ledger, deliveries)

    queue_of("sql-1")

    assert rows(ledger, deliveries) == before
