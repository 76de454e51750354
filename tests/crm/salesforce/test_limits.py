"""What Salesforce says when it is asked too much, is down, or is not what it should be."""

from datetime import timedelta

import pytest

from sync.crm.adapter import CredentialsRefusedError, Result, TellUserError
from sync.crm.mapped.writer import CrmBusyError
from sync.crm.salesforce.api import Limits
from tests.crm.salesforce.setup import adapters, results, running

crm = pytest.fixture(running)
make = pytest.fixture(adapters)

RETRY = Result.RETRY


@pytest.fixture
def batch(crm, unassignment):
    """Unassignments of three contacts."""
    for n in range(3):
        crm.org.seed("Contact", Voucherify_Id__c=f"cust_{n}", Voucher_Code__c=f"C-{n}")
    return [unassignment(f"rh_{n}", customer_id=f"cust_{n}", code=f"C-{n}") for n in range(3)]


def codes(crm):
    return [row["Voucher_Code__c"] for row in crm.org.table("Contact").rows.values()]


def test_calls_that_are_used_up_park_the_whole_rest_for_an_hour(crm, make, batch):
    crm.org.allowed = 0
    adapter = make()

    outcomes = [*adapter.unassign(batch), *adapter.unassign(batch)]

    assert results(outcomes) == [RETRY] * 6
    assert {outcome.after for outcome in outcomes} == {timedelta(hours=1)}
    assert {outcome.reason for outcome in outcomes} == {
        "Salesforce's calls of 24 hours are used up"
    }
    assert crm.counts["query"] == 1


def test_too_many_calls_at_once_are_tried_again_sooner(crm, make, batch):
    said = "ConcurrentRequests (Concurrent API) Limit exceeded."
    crm.fail(403, "REQUEST_LIMIT_EXCEEDED", at="query", message=said)

    outcomes = make().unassign(batch)

    assert {outcome.after for outcome in outcomes} == {timedelta(minutes=5)}


def test_the_last_tenth_of_the_calls_is_left_to_others(crm, make, batch):
    crm.org.used, crm.org.allowed = 898, 1000
    adapter = make()

    assert results(adapter.unassign(batch[:1])) == [Result.REMOVED]
    outcomes = adapter.unassign(batch[1:])

    assert results(outcomes) == [RETRY] * 2
    assert {outcome.after for outcome in outcomes} == {timedelta(hours=1)}
    assert "nearly used up" in outcomes[0].reason
    assert crm.org.used == 900
    assert codes(crm) == [None, "C-1", "C-2"]


def test_a_limit_that_is_met_between_reading_and_writing_writes_nothing(crm, make, batch):
    crm.org.used, crm.org.allowed = 899, 1000

    assert results(make().unassign(batch)) == [RETRY] * 3
    assert codes(crm) == ["C-0", "C-1", "C-2"]
    assert crm.counts["collection"] == 0


def test_calls_pass_again_when_the_time_is_over():
    now = [0.0]
    limits = Limits(lambda: now[0])
    limits.observe({"Sforce-Limit-Info": "api-usage=95/100"})
    with pytest.raises(CrmBusyError):
        limits.require_left()

    now[0] = 3600.0

    limits.require_left()


@pytest.mark.parametrize(
    "told",
    [
        "",
        "api-usage=1/100",
        "per-app-api-usage=99/100(appName=other)",
        "api-usage=10/100; per-app-api-usage=99/100(appName=other)",
        "api-usage=99",
        "nonsense",
    ],
)
def test_what_is_not_the_orgs_own_limit_stops_nothing(told):
    limits = Limits(lambda: 0.0)

    limits.observe({"Sforce-Limit-Info": told})

    limits.require_left()


@pytest.mark.parametrize("status", [408, 420, 429, 500, 502, 503, 504])
def test_a_fault_that_passes_is_tried_again_at_once(crm, make, batch, status):
    crm.fail(status, at="query")
    crm.fail(status, at="collection")

    assert results(make().unassign(batch)) == [Result.REMOVED] * 3


@pytest.mark.parametrize("at", ["query", "collection"])
def test_a_fault_that_stays_is_left_to_the_next_run(crm, make, batch, at):
    crm.fail(503, at=at, times=9)

    outcomes = make().unassign(batch)

    assert results(outcomes) == [RETRY] * 3
    assert codes(crm) == ["C-0", "C-1", "C-2"]
    assert crm.counts[at] == 2


def test_an_answer_that_is_lost_after_the_write_is_written_once_more_to_the_same_end(
    crm, make, batch
):
    crm.lose(at="collection")

    assert results(make().unassign(batch)) == [Result.REMOVED] * 3
    assert codes(crm) == [None] * 3


def test_answers_that_stay_lost_are_told_as_done_by_the_next_run(crm, make, batch):
    crm.lose(at="collection", times=2)
    adapter = make()

    assert results(adapter.unassign(batch)) == [RETRY] * 3
    assert results(adapter.unassign(batch)) == [Result.ALREADY_REMOVED] * 3


@pytest.mark.parametrize("raw", ["<html>maintenance</html>", {"records": None}, [], {"a": 1}])
def test_an_answer_that_is_no_page_of_records_is_not_read_as_nobody(crm, make, batch, raw):
    crm.fail(200, at="query", raw=raw, times=2)

    assert results(make().unassign(batch)) == [RETRY] * 3


def test_rows_without_an_id_are_not_written(crm, make, batch):
    with crm.forging("query", {"done": True, "records": [{"Voucherify_Id__c": "cust_0"}]}):
        assert results(make().unassign(batch)) == [RETRY] * 3


def test_a_user_who_may_not_use_the_api_ends_the_run(crm, make, batch):
    crm.fail(403, "API_DISABLED_FOR_ORG", at="query")

    with pytest.raises(CredentialsRefusedError, match=r"403 API_DISABLED_FOR_ORG.*API Enabled"):
        make().unassign(batch)


def test_a_refusal_of_one_record_ends_nothing(crm, make, batch):
    crm.fail(403, "INSUFFICIENT_ACCESS_OR_READONLY", at="row")

    outcomes = make().unassign(batch[:1])

    assert results(outcomes) == [Result.REJECTED]
    assert "(INSUFFICIENT_ACCESS_OR_READONLY)" in outcomes[0].reason


def test_a_redirect_is_not_followed(crm, make, batch):
    crm.fail(302, at="query")

    with pytest.raises(TellUserError, match="SALESFORCE_URL leads to a redirect"):
        make().unassign(batch)


def test_what_a_refusal_says_is_not_repeated(crm, make, batch):
    crm.fail(400, "ann@example.com", at="query", message="ann@example.com")

    with pytest.raises(TellUserError) as caught:
        make().unassign(batch)

    assert "ann@" not in str(caught.value)
    assert "400 unknown" in str(caught.value)


def test_a_refusal_after_something_was_written_loses_no_outcome(crm, make, unassignment):
    for n in range(201):
        crm.org.seed("Contact", Voucherify_Id__c=f"cust_{n}", Voucher_Code__c=f"C-{n}")
    batch = [unassignment(f"rh_{n}", customer_id=f"cust_{n}", code=f"C-{n}") for n in range(201)]
    crm.fail(403, "API_DISABLED_FOR_ORG", at="row")

    outcomes = make().unassign(batch)

    assert results(outcomes) == [Result.REMOVED] * 200 + [RETRY]
    assert "API_DISABLED_FOR_ORG" in outcomes[200].reason
