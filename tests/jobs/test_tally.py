"""Sums and reasons of one run."""

from datetime import UTC, datetime

import pytest

from sync.errors import (
    CredentialsRefusedError,
    HoldersyncError,
    LeaveError,
    ParkError,
    TellUserError,
)
from sync.jobs.collect import Collected
from sync.jobs.deliver import Delivered
from sync.jobs.tally import Tally, not_begun
from sync.ledger.runs import RunStart
from sync.model.summary import CallCounts, CustomerCount, EventCount, OutcomeCount

BUSY = ParkError("a run is at work already", by="lock")


AT = datetime(2026, 3, 10, tzinfo=UTC)


def test_a_run_that_could_not_begin_is_parked_by_the_lock():
    report = not_begun("run", AT, BUSY, RunStart("run-1", "run", "host-a", 1, "sql-1", AT))

    assert (report.exit_code, report.problems) == (75, ("a run is at work already",))
    summary = report.summary
    assert (summary.result, summary.parked_by, summary.run_id) == ("parked", "lock", "run-1")
    assert (summary.kind, summary.destination) == ("run", "sql-1")
    assert (summary.started_at, summary.finished_at) == (AT, AT)
    assert summary.customers == CustomerCount()
    assert report.new_letters == 0


def test_of_a_run_that_never_had_its_settings_nothing_is_known():
    summary = not_begun("backfill", AT, TellUserError("VOUCHERIFY_APP_ID is missing")).summary

    assert (summary.kind, summary.result, summary.parked_by) == ("backfill", "failed", None)
    assert (summary.run_id, summary.destination) == (None, None)
    assert (summary.pending, summary.dead_letters) == (None, None)
    assert summary.calls == CallCounts(cycle_used_by_us=None, cycle_share_left=None)


@pytest.mark.parametrize("error", [LeaveError("no answer"), CredentialsRefusedError("no")])
def test_what_is_cut_short_is_counted_with_what_it_did_until_then(error):
    tally = Tally()
    tally.begins(lambda: tally.collected(Collected(CustomerCount(9, 4, left=5), EventCount(7, 3))))

    tally.cut_short(error)

    assert tally.customers == CustomerCount(9, 4, left=5)
    assert tally.events == EventCount(7, 3)
    assert error.exit_code in tally.reasons
    assert tally.problems[-1] == str(error)


def test_what_came_to_its_end_is_counted_once():
    tally = Tally()
    delivered = Delivered(OutcomeCount(removed=2))
    tally.begins(lambda: tally.delivered(delivered))
    tally.delivered(delivered)

    tally.cut_short(HoldersyncError())

    assert tally.outcomes == OutcomeCount(removed=2)
    assert (tally.exit_code, tally.problems) == (70, [])


def test_two_deliveries_of_one_run_are_added_up():
    tally = Tally()
    tally.delivered(Delivered(OutcomeCount(1, 2, 3, 4, 5, 6)))
    tally.delivered(Delivered(OutcomeCount(10, 20, 30, 40, 50, 60)))

    assert tally.outcomes == OutcomeCount(11, 22, 33, 44, 55, 66)
    assert (tally.reasons, tally.problems, tally.delivery_ended) == (set(), [], False)


def test_a_problem_that_comes_twice_is_told_once():
    tally = Tally()
    for _ in range(2):
        tally.delivered(Delivered(OutcomeCount(), unavailable=True))
        tally.stopped(LeaveError("no answer"))

    assert len(tally.problems) == 2
    assert not tally.delivery_ended


@pytest.mark.parametrize(
    ("collected", "reasons"),
    [
        (Collected(CustomerCount(9, 9), EventCount(5, 5, 5)), set()),
        (Collected(CustomerCount(9, 9, gone=9), EventCount()), set()),
        (Collected(CustomerCount(9, 9, failed=1), EventCount()), {69}),
        (Collected(CustomerCount(9, 8, left=1), EventCount()), {69}),
        (Collected(CustomerCount(9, 8, left=1), EventCount(), BUSY), {75}),
        (
            Collected(CustomerCount(9, 8, left=1), EventCount(), CredentialsRefusedError("no")),
            {77, 69},
        ),
        (Collected(CustomerCount(9, 9), EventCount(invalid=1)), {65}),
    ],
)
def test_what_was_not_read_is_a_reason_unless_the_run_parked(collected, reasons):
    tally = Tally()
    tally.collected(collected)

    assert tally.reasons == reasons
    assert tally.customers == collected.customers
    assert tally.events == collected.events


def test_deletions_that_are_not_believed_park_the_run_and_say_why():
    doubted = ParkError("too many customers are gone", by="brake")
    tally = Tally()
    tally.collected(Collected(CustomerCount(9, 9), EventCount(), doubted=doubted))

    assert (tally.parked, tally.reasons) == (doubted, {75})
    assert tally.problems == ["too many customers are gone"]


def test_customers_that_were_not_read_are_told_by_name_after_what_ended_the_reading():
    failures = ("customer cust_1 was not read: no answer", "customer cust_2 was not read: odd")
    tally = Tally()
    tally.collected(
        Collected(CustomerCount(9, 8, failed=1, left=1), EventCount(), LeaveError("no"), failures)
    )

    assert tally.problems == [
        "no",
        *failures,
        "2 customers were not read in this run",
    ]


def test_new_dead_letters_are_counted_wherever_they_come_from():
    tally = Tally()
    tally.dead_lettered(0)
    assert (tally.new_letters, tally.reasons) == (0, set())

    tally.dead_lettered(1)
    tally.collected(Collected(CustomerCount(), EventCount(invalid=20)))
    for letters in (300, 4000):
        tally.delivered(Delivered(OutcomeCount(), new_letters=letters))

    assert (tally.new_letters, tally.reasons, tally.problems) == (4321, {65}, [])
    assert tally.events == EventCount(invalid=21)


def test_the_first_park_is_the_one_that_is_told():
    tally = Tally()
    tally.stopped(BUSY)
    tally.stopped(ParkError("too many", by="brake"))

    assert tally.parked is BUSY
