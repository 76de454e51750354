"""The receiver that an operator copies, as a process of its own, and the adapter before it."""

import ast
import hashlib
import hmac
import os
import re
import socket
import subprocess
import sys
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.parse import urlsplit

import pytest
import requests

from sync.crm.adapter import CredentialsRefusedError, Outcome, Result
from sync.crm.http.adapter import HttpAdapter
from sync.crm.http.envelope import envelope, signed_headers

EXAMPLE = Path(__file__).parents[3] / "config" / "http_receiver.example.py"
SECRET = "s3cret-s3cret-s3cret"


def real_time():
    return datetime.now(UTC)


def asked(url, body, headers):
    """Post it, and give the status."""
    with closing(requests.post(url, data=body, headers=headers, timeout=5)) as answer:
        return answer.status_code


@pytest.fixture(scope="module")
def receiver():
    """Start it, and give its address."""
    with subprocess.Popen(
        [sys.executable, "-W", "error", str(EXAMPLE)],
        env=os.environ | {"CRM_HTTP_SECRET": SECRET, "PORT": "0"},
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    ) as process:
        try:
            port = re.fullmatch(r"Listening on port (\d+)\n", process.stdout.readline())[1]
            yield f"http://127.0.0.1:{port}/unassignments"
        finally:
            process.terminate()


@pytest.fixture
def adapter(receiver):
    made = []

    def make(secret=SECRET, now=real_time):
        made.append(HttpAdapter(receiver, secret, now=now))
        return made[-1]

    yield make
    for each in made:
        each.close()


def test_the_receiver_is_short():
    parsed = ast.parse(EXAMPLE.read_text(encoding="utf-8"))
    told = [node for node in parsed.body if not isinstance(node, ast.Import | ast.ImportFrom)]
    lines = "\n".join(ast.unparse(node) for node in told).splitlines()

    is_text = ('"', "'")
    assert len([line for line in lines if line and not line.strip().startswith(is_text)]) <= 20


def test_the_receiver_takes_what_the_adapter_sends(adapter, unassignment):
    batch = [unassignment("rh_1"), unassignment("rh_2", email=None, campaign_name="Fründe")]
    ours = adapter()

    ours.check()

    assert ours.unassign(batch) == [Outcome(Result.REMOVED)] * 2


@pytest.mark.parametrize(
    "changes",
    [
        {"secret": "another-s3cret-16"},
        {"now": lambda: real_time() - timedelta(minutes=6)},
        {"now": lambda: real_time() + timedelta(minutes=6)},
    ],
    ids=["wrong secret", "old", "from the future"],
)
def test_the_receiver_refuses_a_wrong_secret_and_another_time(adapter, unassignment, changes):
    theirs = adapter(**changes)

    for ask in (theirs.check, lambda: theirs.unassign([unassignment()])):
        with pytest.raises(CredentialsRefusedError, match=r"\(401\).*CRM_HTTP_SECRET.*clocks"):
            ask()


def test_a_request_that_was_overheard_is_refused_when_it_is_old(receiver, unassignment):
    body = envelope(unassignment())
    sent_at = real_time() - timedelta(seconds=301)

    assert asked(receiver, body, signed_headers(SECRET, body, sent_at)) == 401
    assert asked(receiver, body, signed_headers(SECRET, body, real_time())) == 204


def test_another_body_under_the_same_signature_is_refused(receiver, unassignment):
    headers = signed_headers(SECRET, envelope(unassignment()), real_time())

    assert asked(receiver, envelope(unassignment("rh_2")), headers) == 401


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"X-Holdersync-Signature": "v1="},
        {"X-Holdersync-Signature": b"v1=\xe9", "X-Holdersync-Timestamp": "now"},
        {"X-Holdersync-Timestamp": b"\xb2"},
        {"X-Holdersync-Timestamp": "1_0"},
        {"X-Holdersync-Timestamp": "9" * 5_000},
    ],
)
def test_the_receiver_refuses_what_is_not_signed(receiver, headers):
    assert asked(receiver, b"{}", headers) == 401


@pytest.mark.parametrize("sent_at", ["", "now", "-1", "1_0", "1.5"])
def test_a_time_that_is_no_number_is_refused_though_it_is_signed(receiver, sent_at):
    signature = hmac.new(SECRET.encode(), f"{sent_at}.".encode(), hashlib.sha256).hexdigest()
    headers = {"X-Holdersync-Timestamp": sent_at, "X-Holdersync-Signature": f"v1={signature}"}

    assert asked(receiver, b"", headers) == 401


@pytest.mark.parametrize("length", [None, "", "many", "-5", "1_0", "1e3", "100000", "9" * 5_000])
def test_a_length_that_is_none_is_answered_at_once(receiver, length):
    lines = ["POST / HTTP/1.0", *([] if length is None else [f"Content-Length: {length}"]), "", ""]
    address = ("127.0.0.1", urlsplit(receiver).port)

    with socket.create_connection(address, timeout=5) as sender:
        sender.sendall("\r\n".join(lines).encode())
        assert sender.makefile("rb").readline().split()[1] == b"401"
