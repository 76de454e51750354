"""What each destination is still to hear."""

from datetime import timedelta

import pytest

from sync.ledger.deliveries import Deliveries, Place, sample
from sync.ledger.destinations import admit, adopt
from sync.ledger.letters import count_open, open_letters, revive_delivery
from sync.ledger.scheduled import RunProgress
from sync.ledger.tables import deliveries
from sync.model.delivery import Delivery, Settlement, Status
from sync.model.outcome import Outcome, Result


@pytest.fixture
def store(ledger, now):
    admit(ledger, "sql-1", now)
    reading = RunProgress(ledger, "run-1", now)
    return lambda *findings: reading.page_read("cust_1", findings, None, now)


@pytest.fixture
def queue(ledger):
    """Give the queue as a run sees it, with everything found enqueued."""

    def queue(run_id="run-1", destination="sql-1"):
        queue = Deliveries(ledger, destination, run_id)
        queue.enqueue()
        return queue

    return queue


def pending(result=Result.RETRY, **about):
    return Settlement("rh_1", Status.PENDING, Outcome(result, "busy"), **about)


def ids(found):
    return [delivery.unassignment.holder_id for delivery in found]


def test_a_delivery_tells_the_whole_unassignment(store, queue, unassigned, now):
    finding = unassigned()
    store(finding)

    assert queue().due(now, 10, None) == (Delivery(finding.unassignment),)


def test_deliveries_go_in_the_order_of_their_events(store, queue, unassigned, now):
    ages = {"rh_b": 3, "rh_a": 3, "rh_c": 1, "rh_d": 9}
    for holder_id, days in ages.items():
        store(unassigned(holder_id, unassigned_at=now - timedelta(days=days)))

    assert ids(queue().due(now, 10, None)) == ["rh_d", "rh_a", "rh_b", "rh_c"]


def test_a_batch_goes_on_behind_the_last_one(store, queue, unassigned, now):
    for number in range(5):
        store(unassigned(f"rh_{number}", unassigned_at=now - timedelta(days=number // 2)))
    found, behind = [], None
    while batch := queue().due(now, 2, behind):
        found += ids(batch)
        last = batch[-1].unassignment
        behind = Place(last.unassigned_at, last.holder_id)

    assert found == ["rh_4", "rh_2", "rh_3", "rh_0", "rh_1"]


def test_what_is_for_later_is_pending_and_not_due(store, queue, unassigned, now):
    store(unassigned())
    later = now + timedelta(minutes=5)
    queue().settle([pending(next_attempt_at=later)], now)

    after = queue("run-2")
    assert after.due(later - timedelta(microseconds=1), 10, None) == ()
    assert after.due_by_campaign(now) == {}
    assert after.pending() == 1
    assert ids(after.due(later, 10, None)) == ["rh_1"]


def test_what_was_found_and_not_yet_made_pending_is_still_to_be_delivered(store, queue, unassigned):
    store(unassigned("rh_1"))
    mine, of_nobody = queue(), queue(destination="sql-unknown")
    store(unassigned("rh_2"))

    assert (mine.pending(), of_nobody.pending()) == (2, 0)
    mine.enqueue()
    assert mine.pending() == 2


def test_what_was_answered_in_this_run_is_due_in_the_next_one(store, queue, unassigned, now):
    store(unassigned())
    queue().settle([pending()], now)

    assert queue().due(now, 10, None) == ()
    assert queue().due_by_campaign(now) == {}
    assert ids(queue("run-2").due(now, 10, None)) == ["rh_1"]


def test_attempts_and_the_missing_contact_s_first_day_are_kept(store, queue, unassigned, now):
    store(unassigned())
    queue().settle([pending(Result.CONTACT_NOT_FOUND, attempts=3, missing_since=now)], now)

    (delivery,) = queue("run-2").due(now, 10, None)

    assert (delivery.attempts, delivery.missing_since) == (3, now)


def test_destinations_are_settled_apart(store, queue, ledger, unassigned, now):
    admit(ledger, "sql-2", now)
    store(unassigned())
    other = queue(destination="sql-2")

    queue().settle([Settlement("rh_1", Status.DELIVERED, Outcome(Result.REMOVED))], now)

    assert (queue().pending(), other.pending()) == (0, 1)


def test_a_destination_is_told_of_its_own_deliveries_only(store, queue, ledger, unassigned, now):
    admit(ledger, "sql-2", now)
    store(unassigned("rh_1"), unassigned("rh_2"))

    assert ids(queue().due(now, 10, None)) == ["rh_1", "rh_2"]


def test_what_one_destination_has_queued_another_one_is_still_to_hear(
    store, queue, ledger, unassigned, now
):
    store(unassigned())
    queue()
    adopt(ledger, "sql-2", now - timedelta(days=30), now)

    assert queue(destination="sql-2").pending() == 1


def test_counts_by_campaign_come_most_first(store, queue, unassigned, now):
    names = [("Spring", "c1"), (None, "c2"), (None, None), ("Spring", "c3"), (None, "c2")]
    names += [("Spring", "c1")]
    for number, (name, campaign) in enumerate(names):
        store(unassigned(f"rh_{number}", campaign_name=name, campaign_id=campaign))

    found = queue().due_by_campaign(now)

    assert list(found.items()) == [("Spring", 3), ("c2", 2), ("(no campaign)", 1)]


def test_superseded_by_is_the_newest_assignment_of_the_same_customer_and_voucher(
    store, queue, unassigned, assigned, now
):
    store(unassigned())
    day = timedelta(days=1)
    store(
        assigned("rh_newer", assigned_at=now - 3 * day),
        assigned("rh_newest", assigned_at=now - 2 * day),
        assigned("rh_older", assigned_at=now - 20 * day),
        assigned("rh_same_time", assigned_at=now - 9 * day),
        assigned("rh_else", assigned_at=now, customer_id="cust_2"),
        assigned("rh_other", assigned_at=now, voucher_id="v_2", code="ELSE"),
        assigned("rh_untold", assigned_at=now, voucher_id="v_3", code=None),
    )

    (delivery,) = queue().due(now, 10, None)

    assert delivery.unassignment.superseded_by == "rh_newest"


def test_a_code_that_is_used_again_by_another_voucher_supersedes_as_well(
    store, queue, unassigned, assigned, now
):
    store(unassigned(), assigned("rh_2", assigned_at=now, voucher_id="v_2"))

    assert queue().due(now, 1, None)[0].unassignment.superseded_by == "rh_2"


def test_what_was_seen_to_be_newer_is_remembered_with_the_answers(
    store, queue, unassigned, assigned, now
):
    store(unassigned())
    seen = assigned("rh_2", assigned_at=now).assignment
    before = queue("run-1").due(now, 1, None)[0].unassignment

    queue("run-1").settle([pending()], now, [seen, seen])

    assert before.superseded_by is None
    assert queue("run-2").due(now, 1, None)[0].unassignment.superseded_by == "rh_2"


def test_an_assignment_that_is_learned_later_counts(store, queue, unassigned, assigned, now):
    store(unassigned())
    assert queue().due(now, 1, None)[0].unassignment.superseded_by is None

    store(assigned("rh_2"))

    assert queue().due(now, 1, None)[0].unassignment.superseded_by == "rh_2"


def test_an_assignment_does_not_supersede_itself(store, queue, unassigned, assigned, now):
    store(unassigned(), assigned("rh_1", assigned_at=now))

    assert queue().due(now, 1, None)[0].unassignment.superseded_by is None


@pytest.mark.parametrize(
    ("status", "finished"),
    [(Status.PENDING, False), (Status.DELIVERED, True), (Status.DEAD, True)],
)
def test_an_answer_is_stored_with_its_reason_and_run(
    *, store, queue, ledger, rows, unassigned, now, status, finished
):
    store(unassigned())
    queue("run-7").settle([Settlement("rh_1", status, Outcome(Result.RETRY, "busy"))], now)

    (row,) = rows(ledger, deliveries)

    assert (row["status"], row["outcome"], row["reason"], row["run_id"], row["finished_at"]) == (
        status,
        "retry",
        "busy",
        "run-7",
        now if finished else None,
    )


def test_what_is_final_is_not_changed_any_more(*, store, queue, ledger, rows, unassigned, now):
    store(unassigned())
    queue().settle([Settlement("rh_1", Status.DELIVERED, Outcome(Result.REMOVED))], now)
    before = rows(ledger, deliveries)

    queue("run-2").settle([pending()], now + timedelta(hours=1))

    assert rows(ledger, deliveries) == before


def test_a_dead_delivery_is_a_dead_letter_that_names_what_it_is_about(
    store, queue, ledger, unassigned, now
):
    store(unassigned())

    letters = queue().settle([Settlement("rh_1", Status.DEAD, Outcome.rejected("locked"))], now)

    assert letters == 1
    (letter,) = open_letters(ledger)
    assert (letter.kind, letter.reason, letter.holder_id) == ("delivery", "locked", "rh_1")
    assert (letter.customer_id, letter.event_id) == ("cust_1", "evcus_rh_1")
    assert (letter.destination, letter.code, letter.found_at) == ("sql-1", "FRIEND-1", now)


def test_a_rejection_without_a_reason_is_named_by_its_result(store, queue, ledger, unassigned, now):
    store(unassigned())

    queue().settle([Settlement("rh_1", Status.DEAD, Outcome(Result.REJECTED))], now)

    assert open_letters(ledger)[0].reason == "rejected"


def test_a_revived_delivery_begins_anew_and_its_letter_is_closed(
    store, queue, ledger, unassigned, now
):
    store(unassigned())
    dead = Settlement("rh_1", Status.DEAD, Outcome.rejected("locked"), attempts=10)
    queue().settle([dead], now)

    revive_delivery(ledger, open_letters(ledger)[0], now)

    assert count_open(ledger) == 0
    assert [each.attempts for each in queue("run-2").due(now, 10, None)] == [0]


def test_a_delivery_that_dies_again_opens_its_letter_again(store, queue, ledger, unassigned, now):
    store(unassigned())
    queue().settle([Settlement("rh_1", Status.DEAD, Outcome.rejected("locked"))], now)
    first = open_letters(ledger)[0]
    revive_delivery(ledger, first, now)

    again = queue("run-2").settle(
        [Settlement("rh_1", Status.DEAD, Outcome.rejected("still locked"))], now
    )

    assert again == 1
    (letter,) = open_letters(ledger)
    assert (letter.number, letter.reason) == (first.number, "still locked")


@pytest.mark.parametrize("days", [9, 20], ids=["same time", "older"])
def test_an_assignment_that_is_not_newer_supersedes_nothing(
    store, queue, unassigned, assigned, *, now, days
):
    store(unassigned(), assigned("rh_2", assigned_at=now - timedelta(days=days)))

    assert queue().due(now, 1, None)[0].unassignment.superseded_by is None


def test_a_sample_is_what_is_pending_and_then_what_was_found_last(
    store, queue, ledger, unassigned, now
):
    for number in range(6):
        store(unassigned(f"rh_{number}", unassigned_at=now - timedelta(days=number)))
    done = [Settlement(f"rh_{n}", Status.DELIVERED, Outcome(Result.REMOVED)) for n in (0, 2, 3, 5)]
    queue().settle(done, now)

    assert [each.holder_id for each in sample(ledger, "sql-1", 4)] == [
        "rh_4",
        "rh_1",
        "rh_5",
        "rh_3",
    ]
    assert [each.holder_id for each in sample(ledger, "sql-other", 2)] == ["rh_5", "rh_4"]
