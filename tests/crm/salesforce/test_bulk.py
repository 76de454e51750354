"""Thousands of changes in one job of Salesforce's Bulk API 2.0, on a double of our own."""

import pytest

from sync.crm.adapter import CredentialsRefusedError, Result
from sync.crm.salesforce import records
from sync.crm.salesforce.bulk import LONGEST_JOB, LONGEST_WAIT
from tests.crm.salesforce.setup import ASSIGNMENT, CODES, RECORDS, adapters, results, running

crm = pytest.fixture(running)
make = pytest.fixture(adapters)

REMOVED, REJECTED, RETRY = Result.REMOVED, Result.REJECTED, Result.RETRY
ENDED = {"Unassigned"}
LIMIT = 20
"""Instead of 2,000, so that a test is short; one below asks for the true number."""


@pytest.fixture
def low_limit(monkeypatch):
    monkeypatch.setattr(records, "IN_BULK", LIMIT)


@pytest.fixture
def many(crm, unassignment):
    """Put records of assignments there; gives their unassignments and Ids."""

    def seed(how_many, **fields):
        shown = {"Status__c": "Assigned", **fields}
        ids = [crm.org.seed(ASSIGNMENT, Holder_Id__c=f"rh_{n}", **shown) for n in range(how_many)]
        return [unassignment(f"rh_{n}") for n in range(how_many)], ids

    return seed


def statuses(crm):
    return {row["Status__c"] for row in crm.org.table(ASSIGNMENT).rows.values()}


def job_calls(crm):
    return {kind: count for kind, count in crm.counts.items() if kind.startswith("job")}


def state(crm):
    return [job["state"] for job in crm.jobs.all.values()]


def test_a_batch_is_two_hundred_until_a_job_is_less(make):
    adapter = make(RECORDS)

    sizes = [adapter.batch_size(due) for due in (1, 200, 2_000, 2_001, 50_000)]

    assert sizes == [200, 200, 200, 10_000, 10_000]


def test_more_than_two_thousand_are_one_job(crm, make, many):
    batch, _ids = many(2_001)

    assert results(make(RECORDS).unassign(batch)) == [REMOVED] * 2_001
    assert crm.org.largest["job"] == 2_001
    assert statuses(crm) == ENDED
    assert crm.counts["query"] == 11
    assert crm.counts["collection"] == 0
    assert job_calls(crm) == {
        "job POST": 1,
        "job PUT batches": 1,
        "job PATCH": 1,
        "job GET": 2,
        "job GET successfulResults": 1,
        "job GET failedResults": 1,
    }


@pytest.mark.usefixtures("low_limit")
def test_as_many_as_the_limit_are_written_by_calls(crm, make, many):
    batch, _ids = many(LIMIT)

    assert results(make(RECORDS).unassign(batch)) == [REMOVED] * LIMIT
    assert job_calls(crm) == {}


@pytest.mark.usefixtures("low_limit")
def test_each_row_of_a_job_has_its_own_outcome(crm, make, many):
    batch, ids = many(25)
    crm.org.row_faults = {ids[1]: ["UNABLE_TO_LOCK_ROW"]}
    crm.org.validation.append(lambda _name, row: row["Id"] == ids[2] and "Ann: a code is needed")
    crm.org.watch = lambda kind: kind == "job POST" and crm.org.delete(ASSIGNMENT, ids[3])

    outcomes = make(RECORDS).unassign(batch)

    wanted = [REMOVED, RETRY, REJECTED, Result.ASSIGNMENT_NOT_FOUND, *[REMOVED] * 21]
    assert results(outcomes) == wanted
    assert "FIELD_CUSTOM_VALIDATION_EXCEPTION" in outcomes[2].reason
    assert "Ann" not in outcomes[2].reason


@pytest.mark.usefixtures("low_limit")
def test_a_job_clears_sets_and_leaves_alone_as_calls_do(crm, make, many):
    told = {"Is_Open__c": "false", "Note__c": 'gone, "{holder_id}"'}
    record = {"clear": ("Voucher_Code__c", "Discount__c"), "set": told}
    before = {"Is_Open__c": True, "Voucher_Code__c": "C", "Discount__c": 5.0}
    batch, ids = many(25, **before)
    mapping = RECORDS.model_copy(update={"record": RECORDS.record.model_copy(update=record)})
    at = {"Unassigned_At__c": "2026-01-01T00:00:00.000+0000"}
    crm.org.edit(ASSIGNMENT, ids[7], **at)

    assert results(make(mapping).unassign(batch)) == [REMOVED] * 25

    emptied = {"Voucher_Code__c": None, "Discount__c": None, "Is_Open__c": False}
    after = {"Note__c": 'gone, "rh_7"', "Status__c": "Unassigned"} | emptied | at
    own = {"Id": ids[7], "Holder_Id__c": "rh_7"}
    assert crm.org.peek(ASSIGNMENT, ids[7]) == own | after


@pytest.mark.usefixtures("low_limit")
def test_contacts_are_never_changed_by_a_job(crm, make, unassignment):
    """It would write minutes after what was read, and clear what is newer."""
    for n in range(25):
        crm.org.seed("Contact", Voucherify_Id__c=f"cust_{n}", Voucher_Code__c="FRIEND-1")
    batch = [unassignment(f"rh_{n}", customer_id=f"cust_{n}") for n in range(25)]

    assert results(make(CODES).unassign(batch)) == [REMOVED] * 25
    assert job_calls(crm) == {}
    assert make(CODES).batch_size(50_000) == 200


@pytest.mark.usefixtures("low_limit")
def test_a_job_that_takes_too_long_is_aborted_and_the_next_run_goes_on(crm, make, many):
    waits = []
    crm.jobs.looks = 10_000
    batch, _ids = many(25)
    adapter = make(RECORDS, wait=waits.append)

    crm.jobs.does = 10
    outcomes = adapter.unassign(batch)

    assert results(outcomes) == [REMOVED] * 10 + [RETRY] * 15
    assert state(crm) == ["Aborted"]
    assert LONGEST_JOB <= sum(waits) <= LONGEST_JOB + LONGEST_WAIT
    assert max(waits) == LONGEST_WAIT
    crm.jobs.looks = 1
    assert results(adapter.unassign(batch)) == [Result.ALREADY_REMOVED] * 10 + [REMOVED] * 15


@pytest.mark.usefixtures("low_limit")
def test_rows_that_a_job_left_are_tried_again(crm, make, many):
    crm.jobs.does = 20
    batch, _ids = many(25)

    assert results(make(RECORDS).unassign(batch)) == [REMOVED] * 20 + [RETRY] * 5


@pytest.mark.usefixtures("low_limit")
@pytest.mark.parametrize(
    ("status", "at"),
    [(400, "job POST"), (403, "job POST"), (400, "job PUT"), (400, "job PATCH")],
)
def test_a_job_that_can_not_be_begun_is_done_by_calls(crm, make, many, status, at):
    crm.fail(status, "FEATURENOTENABLED", at=at)
    batch, _ids = many(25)

    assert results(make(RECORDS).unassign(batch)) == [REMOVED] * 25
    assert crm.counts["collection"] == 1
    assert state(crm) in ([], ["Aborted"])


@pytest.mark.usefixtures("low_limit")
def test_a_job_that_fails_as_a_whole_is_done_by_calls(crm, make, many):
    crm.jobs.fails = True
    batch, _ids = many(25)

    assert results(make(RECORDS).unassign(batch)) == [REMOVED] * 25
    assert crm.counts["collection"] == 1


@pytest.mark.usefixtures("low_limit")
@pytest.mark.parametrize("at", ["job POST", "job PUT", "job PATCH", "job GET"])
def test_an_answer_that_is_lost_on_the_way_changes_nothing_in_the_end(crm, make, many, at):
    crm.lose(at=at)
    batch, _ids = many(25)

    assert results(make(RECORDS).unassign(batch)) == [REMOVED] * 25
    assert statuses(crm) == ENDED
    is_in_doubt = at == "job PUT"  # whether the rows are there; calls do it then
    assert crm.counts["collection"] == int(is_in_doubt)
    assert crm.org.largest["job"] == (0 if is_in_doubt else 25)


@pytest.mark.usefixtures("low_limit")
@pytest.mark.parametrize("at", ["job PUT", "job PATCH", "job GET"])
def test_a_fault_in_the_midst_of_a_job_ends_it_and_the_next_run_goes_on(crm, make, many, at):
    crm.fail(503, at=at, times=2)
    batch, _ids = many(25)
    adapter = make(RECORDS)

    assert results(adapter.unassign(batch)) == [RETRY] * 25
    assert state(crm) == ["Aborted"]
    assert set(results(adapter.unassign(batch))) <= {REMOVED, Result.ALREADY_REMOVED}
    assert statuses(crm) == ENDED


@pytest.mark.usefixtures("low_limit")
@pytest.mark.parametrize("at", ["job PUT batches", "job PATCH", "job GET", "job GET failedResults"])
def test_a_key_that_is_refused_in_the_midst_of_a_job_loses_no_outcome(crm, make, many, at):
    batch, _ids = many(25)
    adapter = make(RECORDS)
    known = crm.logins.client

    def refuse(kind):
        if kind == at:
            crm.end_sessions()
            crm.logins.client = ("app-id", "another-secret")

    crm.org.watch = refuse
    outcomes = adapter.unassign(batch)
    with pytest.raises(CredentialsRefusedError):
        adapter.unassign(batch)
    crm.org.watch, crm.logins.client = (lambda _kind: None), known

    assert set(results(outcomes)) == {RETRY}
    assert set(results(adapter.unassign(batch))) <= {REMOVED, Result.ALREADY_REMOVED}
    assert statuses(crm) == ENDED


@pytest.mark.usefixtures("low_limit")
def test_a_job_that_was_begun_is_read_to_its_end_even_near_the_limit(crm, make, many):
    crm.org.used, crm.org.allowed = 898, 1000
    batch, _ids = many(25)

    assert results(make(RECORDS).unassign(batch)) == [REMOVED] * 25


@pytest.mark.usefixtures("low_limit")
def test_used_up_calls_begin_no_job(crm, make, many):
    batch, _ids = many(25)
    crm.fail(403, "REQUEST_LIMIT_EXCEEDED", at="job POST")

    outcomes = make(RECORDS).unassign(batch)

    assert results(outcomes) == [RETRY] * 25
    assert outcomes[0].after is not None
    assert crm.counts["collection"] == 0
