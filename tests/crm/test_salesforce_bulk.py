"""Thousands of changes in one job of Salesforce's Bulk API 2.0, on a double of our own."""

import pytest

from sync.crm import salesforce_records
from sync.crm.adapter import Result
from sync.crm.mapping import Slot
from sync.crm.salesforce_bulk import LONGEST_JOB, LONGEST_WAIT
from tests.crm.salesforce_setup import CODES, adapters, results, running

crm = pytest.fixture(running)
make = pytest.fixture(adapters)

REMOVED, REJECTED, RETRY = Result.REMOVED, Result.REJECTED, Result.RETRY
LIMIT = 20
"""Instead of 2,000, so that a test is short; one below asks for the true number."""


@pytest.fixture
def low_limit(monkeypatch):
    monkeypatch.setattr(salesforce_records, "IN_BULK", LIMIT)


@pytest.fixture
def many(crm, unassignment):
    """Put contacts there; gives their unassignments and Ids."""

    def seed(how_many, **fields):
        ids = [
            crm.org.seed(
                "Contact", Voucherify_Id__c=f"cust_{n}", Voucher_Code__c=f"C-{n}", **fields
            )
            for n in range(how_many)
        ]
        batch = [
            unassignment(f"rh_{n}", customer_id=f"cust_{n}", code=f"C-{n}") for n in range(how_many)
        ]
        return batch, ids

    return seed


def codes(crm):
    return [row["Voucher_Code__c"] for row in crm.org.table("Contact").rows.values()]


def job_calls(crm):
    return {kind: count for kind, count in crm.counts.items() if kind.startswith("job")}


def state(crm):
    return [job["state"] for job in crm.jobs.all.values()]


def test_a_batch_is_two_hundred_until_a_job_is_less(make):
    adapter = make()

    sizes = [adapter.batch_size(due) for due in (1, 200, 2_000, 2_001, 50_000)]

    assert sizes == [200, 200, 200, 10_000, 10_000]


def test_more_than_two_thousand_are_one_job(crm, make, many):
    batch, _ids = many(2_001)

    assert results(make().unassign(batch)) == [REMOVED] * 2_001
    assert crm.org.largest["job"] == 2_001
    assert codes(crm) == [None] * 2_001
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

    assert results(make().unassign(batch)) == [REMOVED] * LIMIT
    assert job_calls(crm) == {}


@pytest.mark.usefixtures("low_limit")
def test_each_row_of_a_job_has_its_own_outcome(crm, make, many):
    batch, ids = many(25)
    crm.org.row_faults = {ids[1]: ["UNABLE_TO_LOCK_ROW"]}
    crm.org.validation.append(lambda _name, row: row["Id"] == ids[2] and "Ann: a code is needed")
    crm.org.watch = lambda kind: kind == "job POST" and crm.org.delete("Contact", ids[3])

    outcomes = make().unassign(batch)

    wanted = [REMOVED, RETRY, REJECTED, Result.CONTACT_NOT_FOUND, *[REMOVED] * 21]
    assert results(outcomes) == wanted
    assert "FIELD_CUSTOM_VALIDATION_EXCEPTION" in outcomes[2].reason
    assert "Ann" not in outcomes[2].reason


@pytest.mark.usefixtures("low_limit")
def test_a_job_clears_sets_and_leaves_alone_as_calls_do(crm, make, many):
    told = {
        "Has_Voucher__c": "false",
        "Note__c": 'gone, "{code}"',
        "Unassigned_On__c": "2026-03-02",
    }
    slots = (
        Slot(campaign="camp_1", code="Voucher_Code__c", clear=("Discount__c",), set=told),
        Slot(campaign="camp_2", code="Gift_Code__c"),
    )
    batch, ids = many(25, Has_Voucher__c=True, Discount__c=5.0, Gift_Code__c="G", Note__c="n")
    gift = {"campaign_id": "camp_2", "code": "G"}
    batch[0] = type(batch[0])(**{f: getattr(batch[0], f) for f in batch[0].__slots__} | gift)

    assert results(make(CODES.model_copy(update={"slot": slots})).unassign(batch)) == [REMOVED] * 25

    names = ("Voucher_Code__c", "Gift_Code__c", "Has_Voucher__c", "Discount__c", "Note__c")
    first, second = ([crm.org.peek("Contact", id_)[name] for name in names] for id_ in ids[:2])
    assert first == ["C-0", None, True, 5.0, "n"]
    assert second == [None, "G", False, None, 'gone, "C-1"']


@pytest.mark.usefixtures("low_limit")
def test_a_job_that_takes_too_long_is_aborted_and_the_next_run_goes_on(crm, make, many):
    waits = []
    crm.jobs.looks = 10_000
    batch, _ids = many(25)
    adapter = make(wait=waits.append)

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

    assert results(make().unassign(batch)) == [REMOVED] * 20 + [RETRY] * 5


@pytest.mark.usefixtures("low_limit")
@pytest.mark.parametrize("at", ["job POST", "job PUT", "job PATCH"])
def test_a_job_that_can_not_be_begun_is_done_by_calls(crm, make, many, at):
    crm.fail(400, "FEATURENOTENABLED", at=at)
    batch, _ids = many(25)

    assert results(make().unassign(batch)) == [REMOVED] * 25
    assert crm.counts["collection"] == 1
    assert state(crm) in ([], ["Aborted"])


@pytest.mark.usefixtures("low_limit")
def test_a_job_that_fails_as_a_whole_is_done_by_calls(crm, make, many):
    crm.jobs.fails = True
    batch, _ids = many(25)

    assert results(make().unassign(batch)) == [REMOVED] * 25
    assert crm.counts["collection"] == 1


@pytest.mark.usefixtures("low_limit")
@pytest.mark.parametrize("at", ["job POST", "job PUT", "job PATCH", "job GET"])
def test_an_answer_that_is_lost_on_the_way_changes_nothing_in_the_end(crm, make, many, at):
    crm.lose(at=at)
    batch, _ids = many(25)

    assert results(make().unassign(batch)) == [REMOVED] * 25
    assert codes(crm) == [None] * 25
    is_in_doubt = at == "job PUT"  # whether the rows are there; calls do it then
    assert crm.counts["collection"] == int(is_in_doubt)
    assert crm.org.largest["job"] == (0 if is_in_doubt else 25)


@pytest.mark.usefixtures("low_limit")
@pytest.mark.parametrize("at", ["job PUT", "job PATCH", "job GET"])
def test_a_fault_in_the_midst_of_a_job_ends_it_and_the_next_run_goes_on(crm, make, many, at):
    crm.fail(503, at=at, times=2)
    batch, _ids = many(25)
    adapter = make()

    assert results(adapter.unassign(batch)) == [RETRY] * 25
    assert state(crm) == ["Aborted"]
    assert set(results(adapter.unassign(batch))) <= {REMOVED, Result.ALREADY_REMOVED}
    assert codes(crm) == [None] * 25


@pytest.mark.usefixtures("low_limit")
def test_a_job_that_was_begun_is_read_to_its_end_even_near_the_limit(crm, make, many):
    crm.org.used, crm.org.allowed = 898, 1000
    batch, _ids = many(25)

    assert results(make().unassign(batch)) == [REMOVED] * 25


@pytest.mark.usefixtures("low_limit")
def test_used_up_calls_begin_no_job(crm, make, many):
    batch, _ids = many(25)
    crm.fail(403, "REQUEST_LIMIT_EXCEEDED", at="job POST")

    outcomes = make().unassign(batch)

    assert results(outcomes) == [RETRY] * 25
    assert outcomes[0].after is not None
    assert crm.counts["collection"] == 0
