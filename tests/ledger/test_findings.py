"""What a page held: stored once, together with how far it was read."""

from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy.exc import IntegrityError

from sync.ledger.deliveries import Deliveries
from sync.ledger.destinations import admit, adopt
from sync.ledger.findings import Stored
from sync.ledger.letters import count_open, open_letters
from sync.ledger.listing import Listing
from sync.ledger.scheduled import RunProgress
from sync.ledger.tables import (
    assignments,
    bookmarks,
    codes,
    customers,
    dead_letters,
    deliveries,
    hints,
    unassignments,
)
from sync.model.delivery import Settlement, Status
from sync.model.event import Gone, Hint
from sync.model.outcome import Outcome, Result
from sync.model.window import Bookmark, Window

LISTING = Listing(datetime(2026, 3, 10, tzinfo=UTC))
EVER = Window(datetime(2020, 1, 1, tzinfo=UTC))

TABLES = (assignments, bookmarks, customers, dead_letters, deliveries, hints, unassignments)


@pytest.fixture
def reading(ledger, now):
    reading = RunProgress(ledger, "run-1", now)
    reading.select_listed(["cust_1"], (), LISTING)
    return reading


@pytest.fixture
def store(reading, now):
    return lambda *findings: reading.page_read("cust_1", findings, None, now)


@pytest.fixture
def everything(ledger, rows):
    return lambda: {table.name: rows(ledger, table) for table in TABLES}


@pytest.fixture
def settle(ledger, now):
    """Let both destinations answer for a holder."""

    def settle(destination, outcome, status=Status.DELIVERED, run="run-1"):
        queue = Deliveries(ledger, destination, run)
        queue.enqueue()
        return queue.settle([Settlement("rh_1", status, outcome)], now)

    return settle


def test_an_event_is_stored_whole(store, ledger, rows, unassigned, now):
    finding = unassigned()

    assert store(finding) == Stored(new=1)

    (row,) = rows(ledger, unassignments)
    fields = {name: getattr(finding.unassignment, name) for name in row if name in FIELDS}
    assert {name: row[name] for name in FIELDS} == fields
    assert (row["found_at"], row["found_by"]) == (now, "run-1")


FIELDS = {
    "holder_id",
    "event_id",
    "role",
    "customer_id",
    "source_id",
    "email",
    "voucher_id",
    "code",
    "campaign_id",
    "campaign_name",
    "assigned_at",
    "unassigned_at",
}


def test_an_event_seen_again_changes_nothing(store, everything, unassigned):
    store(unassigned())
    before = everything()

    assert store(unassigned()) == Stored()
    assert store(unassigned(email="new@example.com", code="OTHER")) == Stored()
    assert everything() == before


def test_an_event_twice_on_one_page_is_one(store, unassigned):
    assert store(unassigned(), unassigned()) == Stored(new=1)


def test_a_later_event_of_a_known_holder_is_delivered_again_everywhere(
    *, store, settle, ledger, rows, unassigned, now
):
    for destination in ("sql-1", "sql-2"):
        admit(ledger, destination, now)
    store(unassigned())
    for destination in ("sql-1", "sql-2"):
        settle(destination, Outcome(Result.REMOVED))

    later = unassigned(event_id="evcus_later", unassigned_at=now - timedelta(hours=1))

    assert store(later) == Stored(new=1)
    assert [(row["destination"], row["status"]) for row in rows(ledger, deliveries)] == [
        ("sql-1", "pending"),
        ("sql-2", "pending"),
    ]
    (row,) = rows(ledger, unassignments)
    assert row["event_id"] == "evcus_later"
    assert row["number"] > 1


def test_a_destination_adopted_in_between_hears_of_the_later_event(
    store, ledger, rows, unassigned, now
):
    admit(ledger, "sql-1", now)
    store(unassigned())
    adopt(ledger, "sql-2", None, now)

    store(unassigned(event_id="evcus_later", unassigned_at=now))
    Deliveries(ledger, "sql-2", "run-1").enqueue()

    assert "sql-2" in {row["destination"] for row in rows(ledger, deliveries)}


@pytest.mark.parametrize("hours", [0, -1], ids=["same time", "earlier"])
def test_another_event_that_is_not_later_changes_nothing(
    *, store, settle, everything, ledger, unassigned, now, hours
):
    admit(ledger, "sql-1", now)
    store(unassigned())
    settle("sql-1", Outcome(Result.REMOVED))
    before = everything()
    at = unassigned().unassignment.unassigned_at + timedelta(hours=hours)

    assert store(unassigned(event_id="evcus_other", unassigned_at=at)) == Stored()

    assert everything() == before


def test_a_later_event_closes_the_letter_of_the_delivery_that_begins_anew(
    store, settle, ledger, unassigned, now
):
    admit(ledger, "sql-1", now)
    store(unassigned())
    settle("sql-1", Outcome.rejected("locked"), Status.DEAD)

    store(unassigned(event_id="evcus_later", unassigned_at=now))
    assert count_open(ledger) == 0

    assert settle("sql-1", Outcome.rejected("still locked"), Status.DEAD, "run-2") == 1
    (letter,) = open_letters(ledger)
    assert (letter.reason, letter.event_id) == ("still locked", "evcus_later")


def test_an_invalid_event_is_dead_lettered_once(store, ledger, invalid, now):
    assert store(invalid()) == Stored(invalid=1)
    assert store(invalid(reason="another reason")) == Stored()

    (letter,) = open_letters(ledger)
    assert (letter.kind, letter.reason) == ("event", "voucher is missing")
    assert (letter.customer_id, letter.event_id, letter.found_at) == ("cust_1", "evcus_bad", now)


def test_an_item_without_an_id_is_named_by_its_content_alone(store, ledger, invalid):
    store(invalid("sha256:abc"))

    (letter,) = open_letters(ledger)
    assert letter.event_id is None


def test_a_hint_makes_a_customer_known(store, ledger, rows, now):
    at = now - timedelta(days=1)
    store(Hint("cust_9", "rh_of_cust_9", at))

    by_id = {row["customer_id"]: row["hinted_at"] for row in rows(ledger, customers)}
    assert by_id == {"cust_1": None, "cust_9": at}


def test_a_hint_moves_no_cursor(store, reading, ledger, rows, now):
    reading.window_read("cust_1", EVER, (), now, now)

    store(Hint("cust_1", "rh_of_cust_1", now))

    (row,) = rows(ledger, customers)
    assert (row["cursor"], row["hinted_at"]) == (now, now)


def test_an_assignment_is_remembered_and_nothing_is_delivered(store, ledger, rows, assigned, now):
    admit(ledger, "sql-1", now)

    assert store(assigned(), assigned()) == Stored()

    Deliveries(ledger, "sql-1", "run-1").enqueue()
    assert [row["holder_id"] for row in rows(ledger, assignments)] == ["rh_2"]
    assert rows(ledger, deliveries) == []


def test_the_codes_of_friends_are_known_by_events_and_looked_at(
    store, ledger, rows, assigned, unassigned
):
    store(
        assigned("rh_1", voucher_id="v_1", code="A"),
        assigned("rh_2", voucher_id="v_1", code="A"),
        assigned("rh_3", voucher_id="v_2", role="OWNER"),
        unassigned("rh_4", voucher_id="v_3", code="C", campaign_id="camp_3"),
    )

    known = [(row["voucher_id"], row["code"], row["campaign_id"]) for row in rows(ledger, codes)]
    assert known == [("v_1", "A", "camp_1"), ("v_3", "C", "camp_3")]


class KilledError(Exception):
    """The process ends in the middle of a transaction."""


def cut_short(*findings):
    yield from findings
    raise KilledError


@pytest.mark.parametrize("method", ["page_read", "window_read"])
def test_a_page_and_how_far_it_was_read_are_stored_together_or_not_at_all(
    *, method, reading, everything, unassigned, assigned, invalid, now
):
    findings = (unassigned(), assigned(), invalid(), Hint("cust_9", "rh_of_cust_9", now))
    mark = Bookmark(Window(now - timedelta(days=30)), "evcus_1", now, now)
    whom, place = (("cust_1",), mark) if method == "page_read" else (("cust_1", EVER), now)
    before = everything()

    with pytest.raises(KilledError):
        getattr(reading, method)(*whom, cut_short(*findings), place, now)
    assert everything() == before

    getattr(reading, method)(*whom, findings, place, now)
    after = everything()
    changed = {name for name, stored in after.items() if stored != before[name]}
    where = {"bookmarks"} if method == "page_read" else set()
    found = {"unassignments", "assignments", "dead_letters", "hints"}
    assert changed == found | {"customers"} | where


def test_a_deletion_and_what_follows_are_stored_together(reading, everything, unassigned, now):
    before = everything()
    broken = unassigned(assigned_at=None).unassignment

    gone = Gone("cust_1", letter="customer_gone", derived=(broken,))
    with pytest.raises(IntegrityError):
        reading.gone(gone, now)

    assert everything() == before
