"""The export of referral codes: made, waited for, read."""

import json
from datetime import UTC, datetime

import pytest
import requests
from hypothesis import given, settings
from hypothesis import strategies as st

from sync.errors import (
    CredentialsRefusedError,
    FailedError,
    ParkError,
    PermissionRefusedError,
    RefusedError,
    UnavailableError,
    UnreadableError,
)
from sync.model.holding import Code
from sync.voucherify.client import Reply
from sync.voucherify.exports import LONGEST_EXPORT, CodeExport
from tests.voucherify.conftest import BASE_URL, DATE

ID = "exp_323UOPsH42twhJVaDZXf4UNo"
LOOK = f"/v1/exports/{ID}"
HOST = "https://download.voucherify.io"
TOKEN_OF_FILE = "eyJfile-token"
FILE = "ID,Code,Campaign ID,Is Referral Code\nv_1,CODE-1,camp_1,true\nv_2,CODE-2,camp_1,true\n"


def told(status, url=None, **changes):
    return {
        "id": ID,
        "object": "export",
        "created_at": "2024-08-01T12:00:00.000Z",
        "status": status,
        "channel": "API",
        "exported_object": "voucher",
        "result": {"url": url} if url else None,
        "user_id": None,
    } | changes


DONE = told("DONE", f"{HOST}{LOOK}?token={TOKEN_OF_FILE}")


class Exporting:
    """A project that answers the calls of an export in the order in which they are told."""

    def __init__(self, project):
        self.project = project
        self.waits = []

    def made(self, body, status=200, **headers):
        text = body if isinstance(body, (str, Exception)) else json.dumps(body)
        self.project.http.add(
            "POST",
            f"{BASE_URL}/v1/exports",
            body=text,
            status=status,
            headers={"Date": DATE} | headers,
        )

    def looked(self, body, times=1, **options):
        self.project.answers(body, path=LOOK, times=times, **options)

    def file(self, body, status=200, host=HOST, **headers):
        self.project.http.add("GET", host + LOOK, body=body, status=status, headers=headers)

    def read(self):
        return CodeExport(self.project.client, self.waits.append).read()

    def codes(self):
        return list(self.read().codes)


@pytest.fixture
def export(project):
    return Exporting(project)


def ready(export, body):
    export.made(told("SCHEDULED"))
    export.looked(DONE)
    export.file(body)


def test_all_codes_come_in_three_calls(export):
    ready(export, FILE)

    found = export.read()

    assert found.server_time == datetime(2024, 8, 1, 12, tzinfo=UTC)
    assert list(found.codes) == [Code("v_1", "CODE-1", "camp_1"), Code("v_2", "CODE-2", "camp_1")]
    assert len(export.project.requests) == 3


def test_referral_codes_with_their_ids_are_asked_for(export):
    ready(export, FILE)
    export.read()

    made, _, file = export.project.requests
    assert json.loads(made.body) == {
        "exported_object": "voucher",
        "parameters": {
            "order": "created_at",
            "fields": ["id", "code", "campaign_id", "is_referral_code"],
            "filters": {
                "junction": "and",
                "is_referral_code": {"conditions": {"$is": ["true"]}},
            },
        },
    }
    assert made.headers["Content-Type"] == "application/json"
    assert file.params == {"token": TOKEN_OF_FILE}
    assert file.headers["X-App-Token"] == made.headers["X-App-Token"]


def test_an_export_that_takes_its_time_is_looked_at_ever_more_rarely(export):
    export.made(told("SCHEDULED"))
    export.looked(told("IN_PROGRESS"), times=3)
    export.looked(told("SOMETHING_NEW"), times=3)
    export.looked(DONE)
    export.file(FILE)

    assert len(export.codes()) == 2
    assert export.waits == [2, 4, 8, 16, 30, 30, 30]


def test_an_export_that_is_never_done_is_left_for_the_next_run(export):
    export.made(told("SCHEDULED"))
    export.looked(told("IN_PROGRESS"), times=13)

    with pytest.raises(UnavailableError, match=f"{ID} was not done within 300 s"):
        export.read()

    assert LONGEST_EXPORT <= sum(export.waits) < LONGEST_EXPORT + 30


def test_a_wait_that_ends_the_run_ends_the_export(export):
    export.made(told("SCHEDULED"))

    def stop(_seconds):
        msg = "stopped"
        raise ParkError(msg, by="signal")

    with pytest.raises(ParkError):
        CodeExport(export.project.client, stop).read()


def test_an_export_that_is_done_at_once_needs_no_look(export):
    export.made(DONE)
    export.file(FILE)

    assert len(export.codes()) == 2
    assert export.waits == []


def test_an_export_that_failed_is_told(export):
    export.made(told("SCHEDULED"))
    export.looked(told("ERROR"))

    with pytest.raises(FailedError, match=f"failed to make the export {ID}"):
        export.read()


@pytest.mark.parametrize(
    "body",
    [
        [],
        "null",
        {},
        told("SCHEDULED", id=None),
        told("SCHEDULED", id=7),
        told(None),
        told(5),
        told("DONE"),
        told("DONE", result={}),
        told("DONE", result={"url": None}),
        told("DONE", result="https://download.voucherify.io/"),
    ],
)
def test_an_answer_that_is_no_export_is_told(export, body):
    export.made(body)

    with pytest.raises(UnreadableError):
        export.read()


@pytest.mark.parametrize(
    "url", ["https://files.example.com/x?token=y", "http://download.voucherify.io/x", "file:///x"]
)
def test_no_other_host_ever_gets_the_credentials(export, url):
    export.made(told("DONE", url))

    with pytest.raises(UnreadableError, match="not Voucherify's") as refused:
        export.read()

    assert url not in str(refused.value)
    assert len(export.project.requests) == 1


def test_a_redirect_of_the_file_is_not_followed(export):
    export.made(DONE)
    export.file("", status=302, Location="https://files.example.com/x")

    with pytest.raises(RefusedError, match="302"):
        export.read()


def test_the_file_may_lie_on_the_projects_own_host(export):
    export.made(told("DONE", BASE_URL + LOOK))
    export.file(FILE, host=BASE_URL)

    assert len(export.codes()) == 2


@pytest.mark.parametrize("status", [401, 403])
def test_a_file_that_is_refused_does_not_mean_that_the_key_is(export, status):
    export.made(DONE)
    export.file("{}", status=status)

    with pytest.raises(FailedError, match=str(status)) as refused:
        export.read()

    assert TOKEN_OF_FILE not in str(refused.value)


def test_a_file_that_is_too_large_is_asked_for_once(export, monkeypatch):
    monkeypatch.setattr("sync.voucherify.exports.LARGEST_FILE", len(FILE) - 1)
    export.made(DONE)
    export.file(FILE)

    with pytest.raises(FailedError, match="larger than"):
        export.read()


def test_a_file_is_asked_for_again_when_it_did_not_come(export):
    export.made(DONE)
    export.file("", status=503)
    export.file(FILE)

    assert len(export.codes()) == 2


@pytest.mark.parametrize(
    ("body", "status"), [("", 500), ("", 503), ("", 408), ("<html>", 200), ('{"id":', 200)]
)
def test_what_may_have_been_made_is_not_made_again(export, body, status):
    export.made(body, status=status)

    with pytest.raises(UnavailableError, match="may have been done"):
        export.read()

    assert len(export.project.requests) == 1


def test_a_connection_that_broke_behind_the_request_is_not_tried_again(export):
    export.made(requests.ConnectionError("broken"))

    with pytest.raises(UnavailableError, match="may have been received"):
        export.read()

    assert len(export.project.requests) == 1


def test_what_a_rate_limit_refused_is_made_later(export):
    export.made("", status=429, **{"Retry-After": "3"})
    export.made(DONE)
    export.file(FILE)

    assert len(export.codes()) == 2
    assert 3 <= export.project.waits[0] <= 4


@pytest.mark.parametrize(
    ("status", "error"),
    [
        (400, RefusedError),
        (401, CredentialsRefusedError),
        (402, ParkError),
        (403, PermissionRefusedError),
    ],
)
def test_a_refusal_is_raised_as_what_it_is(export, status, error):
    export.made({"code": status, "key": "any"}, status=status)

    with pytest.raises(error):
        export.read()


@pytest.mark.parametrize(
    "file",
    [
        "id,code,campaign_id\nv_1,CODE-1,camp_1\n",
        "\ufeffID,Code,Campaign ID\r\nv_1,CODE-1,camp_1\r\n",
        "Campaign Id,Value,ID,CODE\ncamp_1,5,v_1,CODE-1",
        'code,id,campaign-id,note\nCODE-1,v_1,camp_1,"a ""long""\nnote, too"\n\n',
        "is_referral_code,id,code,campaign_id\nTRUE,v_1,CODE-1,camp_1\nfalse,,x,y\nFalse,v_2,x,y\n",
    ],
)
def test_columns_are_found_by_their_names(export, file):
    ready(export, file.encode())

    assert export.codes() == [Code("v_1", "CODE-1", "camp_1")]


def test_what_is_blank_or_was_not_exported_is_not_known(export):
    ready(export, "id,code\nv_1,\nv_2, \n")

    assert export.codes() == [Code("v_1", None, None), Code("v_2", None, None)]


def test_an_export_without_codes_has_none(export):
    ready(export, "ID,Code\n")

    assert export.codes() == []


@pytest.mark.parametrize(
    "file",
    [
        b"",
        b"\n",
        b"<html></html>",
        b"code,campaign_id\nCODE-1,camp_1\n",
        b"id,ID,code\nv_1,v_2,x\n",
        b"id,code\n,CODE-1\n",
        b"id,code\n ,CODE-1\n",
        b"id,code\nv_1\x00,CODE-1\n",
        b"id,code\nv_1\n",
        b"id,code\nv_1,x,y\n",
        b'id,code\nv_1,"never ends\n',
        b'id,code\nv_1,"ends"too early\n',
        b"id,code\nv_\xff,x\n",
        b"id,code\nv_1," + b"x" * 200_000 + b"\n",
    ],
)
def test_a_file_that_can_not_be_relied_on_is_told(export, file):
    ready(export, file)

    with pytest.raises(UnreadableError, match="the file of an export"):
        export.codes()


class Giving:
    """A client whose export is done at once and has this file."""

    def __init__(self, file):
        self.file = file

    def post(self, _path, _body):
        return Reply(DONE, datetime(2024, 8, 1, tzinfo=UTC))

    def download(self, _url, _largest):
        return self.file


pieces = st.sampled_from([b"id", b"code", b",", b"\n", b"\r", b'"', b"v_1", b" ", b"\xff", b"\0"])


@settings(max_examples=80, deadline=None)
@given(st.binary(max_size=60) | st.lists(pieces, max_size=30).map(b"".join))
def test_whatever_the_file_is_its_codes_have_ids_or_it_is_told(file):
    try:
        found = list(CodeExport(Giving(b"id,code\n" + file), None).read().codes)
    except UnreadableError:
        return
    assert all(each.voucher_id.strip() and "\0" not in each.voucher_id for each in found)
    assert len(found) <= file.count(b"\n") + file.count(b"\r") + 1
