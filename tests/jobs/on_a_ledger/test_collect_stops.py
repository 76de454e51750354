"""What ends a reading, and that what is under way then is still stored."""

import pytest

from sync.errors import (
    CredentialsRefusedError,
    FailedError,
    NotNowError,
    ParkError,
    RefusedError,
    TellUserError,
    UnavailableError,
    VendorChangedError,
)
from sync.jobs.enough import SAME_IN_A_ROW, VOUCHERIFY_DOWN
from sync.ledger.tables import bookmarks, customers, unassignments
from sync.model.summary import CustomerCount


def fail(shop, ids, make):
    for who in ids:
        shop.voucherify.faults[who] = [make()]


def same():
    return RefusedError("Voucherify answered 400", signature="400 bad_request")


def down():
    return UnavailableError("no whole answer (ReadTimeout)")


def test_five_equal_failures_in_a_row_mean_that_voucherify_changed(shop, many):
    fail(shop, many[1:], same)

    collected = shop.collect(in_line=1)

    assert isinstance(collected.stopped_by, VendorChangedError)
    assert collected.stopped_by.exit_code == 70
    assert "Voucherify answered 400" in str(collected.stopped_by)
    assert collected.customers == CustomerCount(selected=20, asked=6, failed=5, left=14)


def test_five_unavailable_in_a_row_end_the_reading_for_now(shop, many):
    fail(shop, many[1:], down)

    collected = shop.collect(in_line=1)

    assert type(collected.stopped_by) is NotNowError
    assert collected.stopped_by.exit_code == 69
    assert collected.customers == CustomerCount(selected=20, asked=6, left=19)


def test_after_a_list_that_was_not_to_be_had_one_more_unavailable_ends_the_reading(shop, many):
    fail(shop, many, down)

    collected = shop.collect(proven=False, streak=VOUCHERIFY_DOWN)

    assert type(collected.stopped_by) is NotNowError
    assert len(shop.voucherify.asked) == 1
    assert collected.customers == CustomerCount(selected=20, asked=1, left=20)


@pytest.mark.parametrize("first", ["read", "refused"])
def test_after_a_list_that_was_not_to_be_had_another_answer_begins_the_count_anew(
    shop, many, first
):
    fail(shop, many[1:5], down)
    if first == "refused":
        fail(shop, many[:1], same)

    collected = shop.collect(streak=VOUCHERIFY_DOWN, in_line=1)

    assert collected.stopped_by is None
    assert collected.customers.asked == 20


def test_the_first_customers_that_were_not_read_are_told_by_name_and_reason(shop, many):
    for number, who in enumerate(many):
        error = down() if number % 2 else RefusedError(f"odd {number}", signature=f"400 {number}")
        shop.voucherify.faults[who] = [error]

    collected = shop.collect(in_line=1)

    assert collected.failures == (
        "customer cust_00 was not read: odd 0",
        "customer cust_01 was not read: no whole answer (ReadTimeout)",
        "customer cust_02 was not read: odd 2",
        "customer cust_03 was not read: no whole answer (ReadTimeout)",
        "customer cust_04 was not read: odd 4",
    )
    assert collected.customers == CustomerCount(selected=20, asked=20, failed=10, left=10)


def test_failures_that_differ_are_each_customer_s_own(shop, many):
    for number, who in enumerate(many):
        signature = f"400 {'even' if number % 2 else 'odd'}"
        shop.voucherify.faults[who] = [RefusedError("odd", signature=signature)]

    collected = shop.collect()

    assert collected.stopped_by is None
    assert collected.customers == CustomerCount(selected=20, asked=20, failed=20)


@pytest.mark.parametrize("between", ["read", "gone"])
def test_a_customer_that_ends_well_in_between_begins_the_count_anew(shop, many, between):
    well = many[SAME_IN_A_ROW - 1 :: SAME_IN_A_ROW]
    fail(shop, [who for who in many if who not in well], same)
    if between == "gone":
        shop.voucherify.gone.update(well)

    collected = shop.collect(in_line=1)

    assert collected.stopped_by is None
    assert collected.customers.failed == 16


@pytest.mark.parametrize(
    "error",
    [
        CredentialsRefusedError("refused"),
        ParkError("used up", by="cycle"),
        TellUserError("no TLS"),
        VendorChangedError("changed"),
    ],
)
def test_what_stops_every_call_ends_the_reading(shop, many, error):
    shop.voucherify.faults[many[4]] = [error]

    collected = shop.collect(in_line=1)

    assert collected.stopped_by is error
    assert collected.customers == CustomerCount(selected=20, asked=4, left=16)


def test_refused_credentials_cost_one_call(shop, many):
    for who in many:
        shop.voucherify.faults[who] = [CredentialsRefusedError("refused")]

    collected = shop.collect(proven=False)

    assert len(shop.voucherify.asked) == 1
    assert collected.customers == CustomerCount(selected=20, left=20)


def test_what_is_under_way_when_something_stops_is_still_stored(shop, many):
    shop.voucherify.faults[many[0]] = [ParkError("used up", by="budget")]

    collected = shop.collect(in_line=4)

    assert collected.stopped_by.by == "budget"
    assert len(shop.voucherify.asked) == 4
    assert {row["customer_id"] for row in shop.rows(bookmarks)} == set(many[1:4])
    assert len(shop.rows(unassignments)) == collected.events.new == 6
    assert collected.customers == CustomerCount(selected=20, asked=3, left=20)


def test_the_first_reason_to_stop_is_told(shop, many):
    errors = [ParkError("one", by="budget"), CredentialsRefusedError("two")]
    for who, error in zip(many, errors, strict=False):
        shop.voucherify.faults[who] = [error]

    assert shop.collect(in_line=4).stopped_by is errors[0]


def test_failures_under_way_when_something_stops_change_nothing_of_it(shop, many):
    stop = ParkError("used up", by="budget")
    shop.voucherify.faults[many[0]] = [stop]
    fail(shop, many[1:8], same)

    collected = shop.collect(in_line=8)

    assert collected.stopped_by is stop
    assert collected.customers == CustomerCount(selected=20, asked=7, failed=7, left=13)


def test_a_bookmark_that_is_refused_after_the_stop_is_dropped_and_left(shop, many):
    for who in many:
        shop.voucherify.faults[who] = [None, down()]
    shop.collect(in_line=1)
    assert {row["customer_id"] for row in shop.rows(bookmarks)} == set(many[:5])
    for who in many:
        shop.voucherify.faults[who] = [ParkError("used up", by="budget")]
    last = many[4]
    shop.voucherify.faults[last] = [same()]

    collected = shop.collect(in_line=20)

    assert last not in {row["customer_id"] for row in shop.rows(bookmarks)}
    assert collected.customers == CustomerCount(selected=20, asked=1, left=20)


@pytest.mark.usefixtures("many")
def test_a_signal_ends_the_reading_between_two_answers(shop):
    shop.watch.patience = 2

    collected = shop.collect(in_line=1)

    assert collected.stopped_by.by == "signal"
    assert len(shop.voucherify.asked) == 4
    assert [row["cursor"] is not None for row in shop.rows(customers)].count(True) == 2


def test_a_signal_is_heard_among_failures_too(shop, many):
    fail(shop, many, lambda: FailedError("odd", signature="one"))
    shop.watch.patience = 1

    collected = shop.collect(in_line=1)

    assert collected.stopped_by.by == "signal"
    assert collected.customers.failed == 2


def test_a_mistake_of_ours_is_not_swallowed(shop, many):
    shop.voucherify.faults[many[0]] = [KeyError("mine")]

    with pytest.raises(KeyError):
        shop.collect(in_line=1)


def test_the_next_run_asks_whom_this_one_left(shop, many):
    fail(shop, many[3:], down)
    shop.collect(in_line=1)
    shop.voucherify.faults.clear()
    shop.voucherify.asked.clear()

    collected = shop.collect(in_line=1)

    assert collected.customers == CustomerCount(selected=20, asked=20)
    asked = [who for who, _, after in shop.voucherify.asked if after is None]
    assert asked == [*many[8:], *many[:3], *many[3:8]]
    assert len(shop.rows(unassignments)) == 60


def test_a_ledger_that_takes_nothing_is_waited_for_once_and_not_for_each_answer(shop, many):
    waited = []

    def busy():
        waited.append("for the ledger")
        msg = "the ledger is held by another program"
        raise NotNowError(msg)

    fetch = shop.voucherify.fetch

    def fetched_before_it_was_held(*asked):
        page = fetch(*asked)
        shop.ledger.transaction = busy
        return page

    shop.voucherify.fetch = fetched_before_it_was_held

    collected = shop.collect(in_line=8)

    assert isinstance(collected.stopped_by, NotNowError)
    assert waited == ["for the ledger"]
    assert collected.customers == CustomerCount(selected=len(many), asked=1, left=20)
    assert shop.rows(unassignments) == []
