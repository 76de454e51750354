"""Our double of Salesforce refuses what the documentation says, so that our adapter has to."""

import json

import pytest
import requests

from tests.crm.salesforce.setup import ASSIGNMENT, running

crm = pytest.fixture(running)


@pytest.fixture
def ask(crm):
    """Ask with a good token; gives status and JSON."""
    with requests.Session() as session:
        form = {"grant_type": "client_credentials", "client_id": "app-id"}
        told = session.post(
            f"{crm.url}/services/oauth2/token", data=form | {"client_secret": "app-secret"}
        )
        session.headers["Authorization"] = f"Bearer {told.json()['access_token']}"

        def call(method, path, body=None, **params):
            url = f"{crm.url}/services/data/v66.0/{path}"
            answer = session.request(method, url, json=body, params=params)
            return answer.status_code, json.loads(answer.content or b"null")

        yield call


def test_a_call_without_a_token_is_refused(crm):
    answer = requests.get(f"{crm.url}/services/data/v66.0/limits", timeout=5)

    assert (answer.status_code, answer.json()[0]["errorCode"]) == (401, "INVALID_SESSION_ID")


def test_each_answer_tells_the_usage(crm, ask):
    crm.org.allowed = 2

    assert [ask("GET", "limits")[0] for _ in range(3)] == [200, 200, 403]


@pytest.mark.parametrize(
    ("soql", "code"),
    [
        ("SELECT * FROM Contact", "MALFORMED_QUERY"),
        ("SELECT Id,Id FROM Contact", "INVALID_FIELD"),
        ("SELECT Nothing FROM Contact", "INVALID_FIELD"),
        ("SELECT Id FROM Nobody", "INVALID_TYPE"),
        ("SELECT Id FROM Contact WHERE Id IN ('shop-7')", "INVALID_QUERY_FILTER_OPERATOR"),
        ("SELECT Id FROM Contact WHERE Discount__c IN ('7')", "INVALID_FIELD"),
        ("SELECT Id FROM Contact WHERE LastName IN ('a' 'b')", "MALFORMED_QUERY"),
        ("SELECT Id FROM Contact WHERE LastName IN ('O'Hara')", "MALFORMED_QUERY"),
    ],
)
def test_a_query_that_is_wrong_is_refused(ask, soql, code):
    status, told = ask("GET", "query", q=soql)

    assert (status, told[0]["errorCode"]) == (400, code)


def test_a_query_that_is_too_long_is_refused(ask):
    values = ",".join(f"'{n:0100d}'" for n in range(200))

    assert ask("GET", "query", q=f"SELECT Id FROM Contact WHERE LastName IN ({values})")[0] == 414


def test_texts_are_compared_without_case(crm, ask):
    crm.org.seed("Contact", LastName="LEE")

    told = ask("GET", "query", q="SELECT LastName FROM Contact WHERE LastName IN ('lee')")[1]

    assert [row["LastName"] for row in told["records"]] == ["LEE"]


def test_two_hundred_and_one_records_are_too_many(crm, ask):
    id_ = crm.org.seed("Contact")
    record = {"attributes": {"type": "Contact"}, "id": id_}

    body = {"allOrNone": False, "records": [record] * 201}

    assert ask("PATCH", "composite/sobjects", body)[0] == 400


def test_failed_records_are_told_with_200(crm, ask):
    id_ = crm.org.seed("Contact", LastName="Lee")
    record = {"attributes": {"type": "Contact"}, "id": id_, "LastName": None}

    status, told = ask("PATCH", "composite/sobjects", {"records": [record]})

    assert status == 200
    assert told[0]["errors"][0]["statusCode"] == "REQUIRED_FIELD_MISSING"
    assert crm.org.peek("Contact", id_)["LastName"] == "Lee"


def test_an_upsert_creates_unless_it_may_only_update(crm, ask):
    path = f"sobjects/{ASSIGNMENT}/Holder_Id__c/rh_1"

    assert ask("PATCH", path, {"Status__c": "Assigned"}, updateOnly="true")[0] == 404
    assert len(crm.org.table(ASSIGNMENT).rows) == 0
    assert ask("PATCH", path, {"Status__c": "Assigned"})[0] == 201
    assert len(crm.org.table(ASSIGNMENT).rows) == 1


def test_an_upsert_that_meets_two_records_changes_none(crm, ask):
    ids = [crm.org.seed(ASSIGNMENT, Holder_Id__c=each) for each in ("rh_1", "RH_1")]

    status, told = ask("PATCH", f"sobjects/{ASSIGNMENT}/Holder_Id__c/rh_1", {"Note__c": "x"})

    assert (status, len(told)) == (300, 2)
    assert {crm.org.peek(ASSIGNMENT, id_)["Note__c"] for id_ in ids} == {None}


def test_a_job_takes_its_rows_once_and_gives_no_result_before_its_end(ask):
    body = {"object": "Contact", "operation": "update", "contentType": "CSV", "lineEnding": "LF"}
    job = f"jobs/ingest/{ask('POST', 'jobs/ingest', body)[1]['id']}"

    assert ask("PUT", f"{job}/batches", {})[0] == 201
    assert ask("PUT", f"{job}/batches", {})[0] == 400
    assert ask("GET", f"{job}/successfulResults")[0] == 400
    assert ask("PATCH", job, {"state": "UploadComplete"})[1]["state"] == "UploadComplete"
    assert ask("PATCH", job, {"state": "UploadComplete"})[0] == 400
