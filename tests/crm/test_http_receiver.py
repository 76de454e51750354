"""The receiver that an operator copies, as a process of its own, and the adapter before it."""

import os
import re
import subprocess
import sys
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import requests

from sync.crm.adapter import CredentialsRefusedError, Outcome, Result
from sync.crm.http import HttpAdapter

EXAMPLE = Path(__file__).parents[2] / "config" / "http_receiver.example.py"
SECRET = "s3cret-s3cret-s3cret"


def real_time():
    return datetime.now(UTC)


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
    code = [line for line in EXAMPLE.read_text(encoding="utf-8").splitlines() if line.strip()]

    assert len(code) <= 25


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


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"X-Holdersync-Signature": "v1="},
        {"X-Holdersync-Signature": b"v1=\xe9", "X-Holdersync-Timestamp": "now"},
    ],
)
def test_the_receiver_refuses_what_is_not_signed(receiver, headers):
    with closing(requests.post(receiver, data=b"{}", headers=headers, timeout=5)) as answer:
        assert answer.status_code == 401
