"""What customers hold now, asked before a code alone decides."""

import threading
from collections import defaultdict
from concurrent.futures import Executor, Future
from contextlib import closing, contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from sync.errors import (
    CredentialsRefusedError,
    NotNowError,
    ParkError,
    PermissionRefusedError,
    RefusedError,
    UnavailableError,
    UnreadableError,
)
from sync.jobs.held import AT_ONCE, HeldLookup
from sync.operate.workers import Workers
from tests.inline import Inline

NOW = datetime(2026, 3, 10, 12, 0, tzinfo=UTC)
DAY = timedelta(days=1)
DOWN = UnavailableError("no answer; given up after 5 attempts")
ODD = UnreadableError("a row can't be used", signature="redeemables")
PARKED = ParkError("the day's share is used up", by="budget")
REFUSED = CredentialsRefusedError("Voucherify refused the key")


class Holdings:
    """What customers hold, page by page; `faults` are raised behind the pages of a customer."""

    def __init__(self):
        self.held = defaultdict(list)
        self.faults = {}
        self.always = None
        self.asked = []

    def pages(self, customer_id):
        self.asked.append(customer_id)
        yield from ([each] for each in self.held[customer_id])
        if fault := self.always or self.faults.get(customer_id):
            raise fault


@pytest.fixture
def holdings():
    return Holdings()


@pytest.fixture
def lookup(holdings):
    return HeldLookup(holdings, Inline())


def superseded(batch):
    return [each.superseded_by for each in batch]


def persons(unassignment, number):
    return [unassignment(f"rh_{n}", customer_id=f"cust_{n}") for n in range(number)]


def test_the_newest_of_the_same_voucher_is_told(lookup, holdings, unassignment, assignment):
    about = unassignment("rh_1")
    holdings.held["cust_1"] = [
        assignment("rh_2", assigned_at=NOW - 3 * DAY),
        assignment("rh_4", assigned_at=NOW - 2 * DAY),
        assignment("rh_3", assigned_at=NOW - 9 * DAY),
    ]

    assert lookup([about]) == [replace(about, superseded_by="rh_4")]
    assert lookup.problem is None


def test_a_code_that_another_voucher_uses_again_counts(lookup, holdings, unassignment, assignment):
    holdings.held["cust_1"] = [assignment("rh_2", voucher_id="v_2", code=" FRIEND-1 ")]

    assert superseded(lookup([unassignment("rh_1")])) == ["rh_2"]


@pytest.mark.parametrize(
    "changes",
    [
        {"holder_id": "rh_1"},
        {"voucher_id": "v_2", "code": "ELSE"},
        {"voucher_id": "v_2", "code": "friend-1"},
        {"voucher_id": "v_2", "code": None},
        {"assigned_at": NOW - timedelta(days=29)},
        {"assigned_at": NOW - timedelta(days=40)},
    ],
)
def test_what_is_not_newer_or_of_another_code_changes_nothing(
    lookup, holdings, unassignment, assignment, changes
):
    holdings.held["cust_1"] = [assignment(**changes)]
    about = unassignment("rh_1")

    assert lookup([about]) == [about]
    assert lookup.take_newer() == ()


def test_an_assignment_that_began_again_after_its_end_counts_though_its_id_is_the_same(
    lookup, holdings, unassignment, assignment
):
    holdings.held["cust_1"] = [assignment("rh_1", assigned_at=NOW)]

    assert superseded(lookup([unassignment("rh_1")])) == ["rh_1"]


def test_a_refused_key_is_told_whatever_failed_before(holdings, unassignment):
    lookup = HeldLookup(holdings, Inline())
    lookup(persons(unassignment, 1))
    holdings.faults = {"cust_0": PARKED, "cust_1": REFUSED}
    lookup(persons(unassignment, 2))

    assert lookup.refused is REFUSED


@pytest.mark.parametrize("role", ["OWNER", "REFERRER", "REFEREE"])
def test_the_role_of_what_is_newer_does_not_matter(
    lookup, holdings, unassignment, assignment, role
):
    holdings.held["cust_1"] = [assignment("rh_2", role=role)]

    assert superseded(lookup([unassignment("rh_1")])) == ["rh_2"]


def test_what_the_memory_said_stands_where_nothing_newer_is_seen(lookup, unassignment):
    about = unassignment("rh_1", superseded_by="rh_0")

    assert lookup([about]) == [about]


def test_each_customer_is_asked_about_once_and_the_order_stays(
    lookup, holdings, unassignment, assignment
):
    batch = [
        unassignment("rh_1"),
        unassignment("rh_2", customer_id="cust_2"),
        unassignment("rh_3", voucher_id="v_3", code="THREE"),
    ]
    holdings.held["cust_1"] = [assignment("rh_9", voucher_id="v_3", code="THREE")]

    assert superseded(lookup(batch)) == [None, None, "rh_9"]
    assert holdings.asked == ["cust_1", "cust_2"]


def test_nothing_asked_is_nothing_told(lookup):
    assert lookup([]) == []


def test_what_is_newer_is_handed_over_once_for_the_memory(
    lookup, holdings, unassignment, assignment
):
    newer = assignment("rh_2")
    holdings.held["cust_1"] = [newer, assignment("rh_5", voucher_id="v_5", code="ELSE")]
    lookup([unassignment("rh_1")])
    lookup([unassignment("rh_1")])

    assert lookup.take_newer() == (newer,)
    assert lookup.take_newer() == ()


@pytest.mark.parametrize("error", [DOWN, ODD, PARKED, REFUSED, NotNowError("locked")])
def test_what_was_seen_before_a_failure_stands(lookup, holdings, unassignment, assignment, error):
    holdings.held["cust_1"] = [assignment("rh_2")]
    holdings.faults["cust_1"] = error

    assert superseded(lookup([unassignment("rh_1")])) == ["rh_2"]
    assert lookup.problem == (
        "1 customers have slots that hold only a code, and what they hold now could not be read "
        f"({error}); there the ledger's memory decided"
    )


@pytest.mark.parametrize("error", [PARKED, REFUSED, NotNowError("locked")])
def test_after_a_park_or_a_refused_key_nobody_is_asked_in_this_run(
    lookup, holdings, unassignment, error
):
    holdings.always = error
    batch = persons(unassignment, 40)

    assert lookup(batch) == batch
    assert lookup(batch) == batch

    assert holdings.asked == ["cust_0"]
    assert lookup.problem.startswith("40 customers")


def test_a_refused_key_is_told_to_whoever_would_ask_next(lookup, holdings, unassignment):
    assert lookup.refused is None
    holdings.always = REFUSED
    lookup(persons(unassignment, 3))

    assert lookup.refused is REFUSED


def test_a_role_that_may_not_read_this_keeps_nobody_from_reading_the_rest(
    lookup, holdings, unassignment
):
    holdings.always = PermissionRefusedError("403 missing_required_permission")
    lookup(persons(unassignment, 3))

    assert lookup.refused is None
    assert holdings.asked == ["cust_0"]
    assert "403 missing_required_permission" in lookup.problem


@pytest.mark.parametrize("error", [DOWN, ODD])
def test_one_bad_customer_stops_no_other(lookup, holdings, unassignment, assignment, error):
    holdings.faults["cust_0"] = error
    for n in range(1, 30):
        holdings.held[f"cust_{n}"] = [assignment("rh_new", customer_id=f"cust_{n}")]

    told = lookup(persons(unassignment, 30))

    assert superseded(told) == [None] + ["rh_new"] * 29
    assert lookup.problem.startswith("1 customers")


@pytest.mark.parametrize(
    "error", [DOWN, RefusedError("Voucherify answered 422", signature="422 changed")]
)
def test_failures_that_are_alike_end_the_asking(lookup, holdings, unassignment, error):
    lookup(persons(unassignment, 1))
    holdings.always = error
    lookup(persons(unassignment, 40))

    assert len(holdings.asked) <= 1 + 5 + AT_ONCE


def test_failures_with_an_answer_between_them_end_nothing(lookup, holdings, unassignment):
    holdings.faults = {f"cust_{n}": DOWN for n in range(1, 40, 2)}

    lookup(persons(unassignment, 40))

    assert len(holdings.asked) == 40
    assert lookup.problem.startswith("20 customers")


class LastMoment(Executor):
    """Makes a call when its answer is waited for, as threads do that are all busy."""

    def submit(self, call, *arguments):
        return Busy(call, arguments)


class Busy(Future):
    def __init__(self, call, arguments):
        super().__init__()
        self._call = call
        self._arguments = arguments

    def result(self, timeout=None):
        self.set_result(self._call(*self._arguments))
        return super().result(timeout)


def test_what_waits_for_a_thread_is_not_sent_once_the_asking_ended(holdings, unassignment):
    holdings.faults["cust_1"] = PARKED

    HeldLookup(holdings, LastMoment())(persons(unassignment, 20))

    assert holdings.asked == ["cust_0", "cust_1"]


def test_a_voucherify_that_is_down_from_the_beginning_is_asked_about_two(
    lookup, holdings, unassignment
):
    holdings.always = DOWN
    lookup(persons(unassignment, 40))

    assert holdings.asked == ["cust_0", "cust_1"]


def test_once_the_reading_ended_nobody_is_asked(lookup, holdings, unassignment):
    lookup.leave()

    assert lookup(persons(unassignment, 3)) == persons(unassignment, 3)
    assert holdings.asked == []
    assert "(the reading had ended)" in lookup.problem


class Slow(Holdings):
    """Answers nothing until it is let go; knows how many are asked at the same time."""

    def __init__(self):
        super().__init__()
        self._lock = threading.Lock()
        self.let_go = threading.Event()
        self.came = threading.Event()
        self.under_way = self.most = 0

    def pages(self, customer_id):
        with self._lock:
            self.under_way += 1
            self.most = max(self.most, self.under_way)
        self.came.set()
        if customer_id != "cust_0":
            self.let_go.wait(20)
        with self._lock:
            self.under_way -= 1
        return iter(())


@contextmanager
def aside(call):
    """Call in another thread, as the CRM's is one; give a list for what it gives."""
    got = []
    thread = threading.Thread(target=lambda: got.append(call()))
    thread.start()
    try:
        yield got
    finally:
        thread.join(20)


def test_several_are_asked_about_at_once_and_never_more(unassignment):
    slow, batch = Slow(), persons(unassignment, 40)
    with closing(_Ended(Workers("fetch", 12))) as workers:
        with aside(lambda: HeldLookup(slow, workers)(batch)) as got:
            while slow.most < AT_ONCE:
                slow.came.wait(20)
            slow.let_go.set()
        assert (slow.most, got) == (AT_ONCE, [batch])


def test_a_stop_ends_the_waiting_and_what_was_known_stands(unassignment):
    slow, batch = Slow(), persons(unassignment, 40)
    stopped = ParkError("stopped by a signal", by="signal")
    with closing(_Ended(Workers("fetch", 6))) as workers:
        lookup = HeldLookup(slow, workers)
        with aside(lambda: lookup(batch)) as got:
            while slow.under_way < AT_ONCE:
                slow.came.wait(20)
            workers.leave(stopped)
        assert got == [batch]
        slow.let_go.set()
    assert "stopped by a signal" in lookup.problem


class _Ended:
    """Workers that end with the block."""

    def __init__(self, workers):
        self._workers = workers
        self.submit, self.leave = workers.submit, workers.leave

    def close(self):
        self._workers.shutdown()
