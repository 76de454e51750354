"""Telling the CRM what is pending."""

import threading
from dataclasses import replace
from datetime import timedelta

from sync.errors import (
    ParkError,
)
from sync.jobs.deliver import BATCH, Deliverer
from sync.ledger.deliveries import Deliveries
from sync.ledger.letters import open_letters
from sync.ledger.tables import deliveries
from sync.model.outcome import Outcome, Result
from sync.model.summary import OutcomeCount
from sync.operate.workers import Workers

BUSY = Outcome.retry("busy")
MISSING = Outcome(Result.CONTACT_NOT_FOUND)


def test_nothing_pending_asks_nothing(shop, deliver):
    assert deliver().outcomes == OutcomeCount()
    assert shop.crm.told == []


def test_everything_is_told_in_batches_and_in_order(shop, find, deliver, states):
    ids = [f"rh_{number:03}" for number in range(2 * BATCH + 1)]
    find(*ids)

    delivered = deliver()

    assert [len(batch) for batch in shop.crm.told] == [BATCH, BATCH, 1]
    assert shop.crm.heard == ids
    assert delivered.outcomes == OutcomeCount(removed=2 * BATCH + 1)
    assert set(states().values()) == {"delivered"}


def test_what_is_delivered_is_never_told_again(shop, find, deliver):
    find("rh_1")
    deliver()
    deliver()

    assert shop.crm.heard == ["rh_1"]


def test_each_answer_is_counted_as_itself(shop, find, deliver):
    results = [each for each in Result if each is not Result.RETRY]
    find(*(f"rh_{each}" for each in results))
    for each in results:
        shop.crm.answers[f"rh_{each}"] = [Outcome(each, "why")]

    delivered = deliver()

    assert delivered.outcomes == OutcomeCount(1, 1, 1, 1, 1, 1)
    assert (delivered.new_letters, delivered.unavailable, delivered.ended) == (1, False, False)


def test_the_brake_counts_what_is_due_and_writes_nothing(shop, find, deliver, states):
    shop.delivery_rules = replace(shop.delivery_rules, at_most=3)
    find("rh_1", "rh_2", campaign_name="Spring")
    find("rh_3", "rh_4", "rh_5", campaign_name="Autumn")

    delivered = deliver()

    assert shop.crm.told == []
    assert set(states().values()) == {"pending"}
    assert list(delivered.held_back.items()) == [("Autumn", 3), ("Spring", 2)]
    assert (delivered.stopped_by.by, delivered.stopped_by.exit_code) == ("brake", 75)
    assert str(delivered.stopped_by) == (
        "5 unassignments are due, more than HOLDERSYNC_MAX_UNASSIGNMENTS (3); none was written. "
        "If this is right, say so: holdersync run --allow 5"
    )
    assert delivered.ended


def test_the_brake_lets_through_what_it_allows(shop, find, deliver):
    shop.delivery_rules = replace(shop.delivery_rules, at_most=5)
    find("rh_1", "rh_2", "rh_3", "rh_4", "rh_5")

    assert deliver().outcomes.removed == 5


def test_the_brake_does_not_count_what_is_for_later(shop, find, deliver):
    shop.delivery_rules = replace(shop.delivery_rules, at_most=2)
    find("rh_1", "rh_2")
    for holder_id in ("rh_1", "rh_2"):
        shop.crm.answers[holder_id] = [MISSING]
    deliver()
    find("rh_3")

    assert deliver().outcomes == OutcomeCount(removed=1)


def test_the_first_batch_that_is_not_taken_at_all_ends_the_delivery(shop, find, deliver, states):
    ids = [f"rh_{number:03}" for number in range(BATCH + 5)]
    find(*ids)
    for each in ids[:BATCH]:
        shop.crm.answers[each] = [BUSY]

    delivered = deliver()

    assert len(shop.crm.told) == 1
    assert (delivered.unavailable, delivered.ended) == (True, True)
    assert set(states().values()) == {"pending"}
    assert {row["attempts"] for row in shop.rows(deliveries)} == {0}


def test_a_batch_that_is_taken_in_part_goes_on(shop, find, deliver, states):
    ids = [f"rh_{number:03}" for number in range(BATCH + 5)]
    find(*ids)
    shop.crm.answers[ids[0]] = [BUSY]

    delivered = deliver()

    assert shop.crm.heard == ids
    assert (delivered.unavailable, delivered.ended) == (True, False)
    assert delivered.outcomes.removed == BATCH + 4
    assert states()[ids[0]] == "pending"


def test_a_failure_counts_only_if_another_delivery_succeeded(shop, find, deliver):
    find("rh_bad")
    shop.crm.answers["rh_bad"] = [BUSY] * 30

    def attempts():
        return {row["holder_id"]: row["attempts"] for row in shop.rows(deliveries)}["rh_bad"]

    for _ in range(12):
        deliver()
    assert attempts() == 0

    find("rh_missing")
    shop.crm.answers["rh_missing"] = [MISSING]
    deliver()
    assert attempts() == 0

    find("rh_good")
    deliver()
    assert attempts() == 1


def test_what_a_crm_over_its_limit_did_not_take_is_no_failure_of_it(shop, find, deliver, states):
    find("rh_full")
    for number in range(12):
        find(f"rh_{number}")
        shop.crm.answers["rh_full"] = [Outcome.retry("over the limit", timedelta(seconds=1))]
        deliver()

    attempts = {row["holder_id"]: row["attempts"] for row in shop.rows(deliveries)}
    assert attempts["rh_full"] == 0
    assert states()["rh_full"] == "pending"


def test_the_tenth_counted_failure_is_a_dead_letter(shop, find, deliver, states):
    find("rh_bad")
    shop.crm.answers["rh_bad"] = [BUSY] * 30
    for number in range(9):
        find(f"rh_{number}")
        assert deliver().new_letters == 0
    find("rh_last")

    assert deliver().new_letters == 1

    assert states()["rh_bad"] == "dead"
    (letter,) = open_letters(shop.ledger)
    assert letter.reason == "given up after 10 attempts: busy"


def test_a_retry_waits_for_the_time_that_the_crm_named(shop, find, deliver):
    find("rh_1", "rh_2")
    shop.crm.answers["rh_1"] = [Outcome.retry("busy", timedelta(hours=2))]
    deliver()
    shop.crm.told.clear()

    shop.clock.wait(hours=1)
    deliver()
    assert shop.crm.told == []

    shop.clock.wait(hours=1)
    deliver()
    assert shop.crm.heard == ["rh_1"]


def test_a_missing_contact_is_asked_for_once_a_day_for_a_week(shop, find, deliver, states):
    find("rh_1")
    shop.crm.answers["rh_1"] = [MISSING] * 30
    counted = 0
    for _ in range(24 * 10):
        counted += deliver().outcomes.contact_not_found
        shop.clock.wait(hours=1)

    assert len(shop.crm.told) == counted == 8
    assert states() == {"rh_1": "delivered"}


def test_a_contact_that_comes_is_told(shop, find, deliver, states):
    find("rh_1")
    shop.crm.answers["rh_1"] = [MISSING, MISSING]
    for _ in range(3):
        deliver()
        shop.clock.wait(days=1)

    assert states() == {"rh_1": "delivered"}
    assert len(shop.crm.told) == 3


def test_a_signal_ends_the_delivery_between_two_batches(shop, find, deliver, states):
    ids = [f"rh_{number:03}" for number in range(2 * BATCH)]
    find(*ids)
    shop.crm.answers[ids[0]] = [BUSY]
    shop.watch.patience = 1

    delivered = deliver()

    assert delivered.stopped_by.by == "signal"
    assert isinstance(delivered.stopped_by, ParkError)
    assert shop.crm.heard == ids[:BATCH]
    assert list(states().values()).count("delivered") == BATCH - 1
    assert shop.rows(deliveries)[0]["attempts"] == 1


def test_an_adapter_hears_everything_from_one_thread(shop, find, states):
    ids = [f"rh_{number:03}" for number in range(2 * BATCH + 1)]
    find(*ids)
    unassign, threads = shop.crm.unassign, set()

    def noting_the_thread(batch):
        threads.add(threading.get_ident())
        return unassign(batch)

    shop.crm.unassign = noting_the_thread
    queue = Deliveries(shop.ledger, "memory-1", "run-9")

    with Workers("crm", 1) as executor:
        delivered = Deliverer(
            queue,
            shop.crm,
            shop.delivery_rules,
            now=shop.clock,
            heartbeat=shop.watch.go_on,
            executor=executor,
        ).deliver()

    assert delivered.outcomes.removed == len(ids)
    assert len(threads) == 1
    assert threads != {threading.get_ident()}
    assert set(states().values()) == {"delivered"}
