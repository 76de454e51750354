"""Forgetting takes out one person, for good, and nobody else."""

import json
from dataclasses import replace

import pytest

from sync.errors import NotNowError, TellUserError
from sync.ledger.deliveries import Deliveries
from sync.ledger.destinations import admit
from sync.ledger.forgotten import Erased, forget, is_forgotten
from sync.ledger.ledger import Ledger
from sync.ledger.scheduled import RunProgress
from sync.ledger.scratch import scratch_copy
from sync.ledger.tables import assignments, changes, customers, dead_letters, unassignments
from sync.model.change import Change
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


@pytest.mark.usefixtures("reading")
def test_nothing_is_remembered_of_what_a_forgotten_person_holds_now(ledger, assigned, rows, now):
    seen = [assigned(f"rh_{who}", customer_id=who).assignment for who in (FORGOTTEN, "cust_other")]

    Deliveries(ledger, "sql-1", "run-1").settle([], now, seen)

    assert [row["holder_id"] for row in rows(ledger, assignments)] == ["rh_cust_other"]


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


def test_what_is_not_queued_yet_is_pending_too(reading, ledger, unassigned, rows, now):
    """As after a kill between reading and delivering, or a dead letter that was retried."""
    admit(ledger, "sql-1", now)
    reading.page_read("cust_1", [unassigned("rh_1")], None, now)

    with pytest.raises(TellUserError, match=r"^1 deliveries of this customer are pending"):
        forget(ledger, "cust_1", now, drop_pending=False)
    assert [each["holder_id"] for each in rows(ledger, unassignments)] == ["rh_1"]
    assert forget(ledger, "cust_1", now, drop_pending=True) == Erased(1, 0, 1)


def test_who_was_asked_by_an_id_of_the_merchant_s_own_is_forgotten_under_both(
    ledger, rows, unassigned, now
):
    reading = RunProgress(ledger, "run-1", now)
    reading.select_named(["shop-7"])
    reading.page_read("cust_1", [unassigned("rh_1", source_id="shop-7")], None, now)

    forget(ledger, "cust_1", now, drop_pending=True)

    assert rows(ledger, customers) == []
    with ledger.read_only() as connection:
        assert is_forgotten(connection, "shop-7")
        assert is_forgotten(connection, "cust_1")


@pytest.mark.parametrize("is_before", [True, False], ids=["then forgotten", "forgotten then"])
def test_the_event_of_somebody_else_loses_only_the_person_who_is_forgotten(
    ledger, rows, invalid, now, is_before
):
    """In the vendor's own example the voucher names the referrer beside the friend."""
    event = {"holder": {"customer_id": "cust_2"}, "voucher": {"code": "A", "holder_id": "cust_1"}}
    broken = replace(invalid(), evidence=json.dumps(event))

    def read():
        RunProgress(ledger, "run-1", now).page_read("cust_2", [broken], None, now)

    if is_before:
        read()
    forget(ledger, "cust_1", now, drop_pending=False)
    if not is_before:
        read()

    (letter,) = rows(ledger, dead_letters)
    assert json.loads(letter["evidence"]) == event | {"voucher": {"code": "A", "holder_id": None}}


def test_a_copy_that_is_in_use_is_told_of(ledger, url, now):
    with scratch_copy(url), pytest.raises(NotNowError, match="run the same command again"):
        forget(ledger, "cust_1", now, drop_pending=False)

    assert not forget(ledger, "cust_1", now, drop_pending=False).was_known


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


def test_what_was_changed_in_a_forgotten_person_s_records_goes_also_where_another_s_id_led_there(
    ledger, rows, unassigned, now
):
    admit(ledger, "crm-1", now)
    admit(ledger, "crm-2", now)
    reading = RunProgress(ledger, "run-1", now)
    # The second customer is the same contact of the first CRM.
    for number in (1, 2, 3):
        finding = unassigned(f"rh_{number}", customer_id=f"cust_{number}")
        reading.page_read(f"cust_{number}", [finding], None, now)
    for destination, records in (("crm-1", ("7", "7", "8")), ("crm-2", ("8", "7", "9"))):
        queue = Deliveries(ledger, destination, "run-1")
        queue.enqueue()
        settled = [
            Settlement(
                f"rh_{number}",
                Status.DELIVERED,
                Outcome(Result.REMOVED, change=Change(record, {"code": "F"}, {"code": ""})),
            )
            for number, record in enumerate(records, start=1)
        ]
        queue.settle(settled, now)

    forget(ledger, "cust_1", now, drop_pending=False)

    left = [(each["destination"], each["record_id"]) for each in rows(ledger, changes)]
    assert left == [("crm-1", "8"), ("crm-2", "7"), ("crm-2", "9")]
