"""The contract through real HTTP, with a receiver of ours behind it in each shape."""

import socket
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from sync.crm.adapter import CredentialsRefusedError
from sync.crm.contract import AdapterContract, Held, Misconfigured, Trouble
from sync.crm.http.adapter import PATIENCE, HttpAdapter
from tests.crm.http.receiver import Receiver

SECRET = "s3cret-s3cret-s3cret"
BLIND = "nothing can be read back: the receiver alone sees what the CRM behind it shows"


def adapter(url, secret=SECRET):
    return HttpAdapter(
        url,
        secret,
        now=lambda: datetime.now(UTC),
        patience=replace(PATIENCE, connect=2.0, read=0.2, answer=0.5),
        wait=lambda _seconds: None,
    )


def from_env(**env):
    return HttpAdapter.from_env({"HOLDERSYNC_HOME": "/home/shop", **env})


def closed_port():
    with socket.create_server(("127.0.0.1", 0)) as server:
        return server.getsockname()[1]


class HttpContract(AdapterContract):
    secrets = (SECRET, "p4th-k3y", "flow-k3y")

    @pytest.fixture(autouse=True)
    def _receiver(self):
        self.receiver = Receiver(SECRET, self.shape)
        yield
        self.receiver.stop()

    def make_adapter(self):
        return adapter(f"{self.receiver.url}/p4th-k3y?key=flow-k3y")

    def seed(self, *given):
        for each in given:
            self.receiver.rows += [self.row(each) for _ in range(each.copies)]

    def row(self, given):
        fields = ("customer_id", "holder_id", "code", "note")
        return {name: getattr(given, name) for name in fields} | {"ended_at": ""}

    def peek(self, given):
        return [self.held(row) for row in self.rows(given)]

    def count(self):
        return len(self.receiver.rows)

    def reassign(self, given):
        for row in self.rows(given):
            row.update(self.row(given))

    def trouble(self, kind, given):
        if kind is Trouble.OVERTAKEN:
            return super().trouble(kind, given)
        return self.receiver.in_trouble(kind, customer_id=given.customer_id)

    def misconfigured(self):
        self.receiver.by_path = {
            "/moved": (308, {"Location": self.receiver.url}),
            "/gateway": (502, {}),
        }
        yield Misconfigured(
            "a wrong secret",
            lambda: adapter(self.receiver.url, "another-s3cret-16"),
            says=("CRM_HTTP_SECRET", "refuses"),
            error=CredentialsRefusedError,
        )
        yield Misconfigured(
            "a port where nobody listens",
            lambda: adapter(f"http://127.0.0.1:{closed_port()}/hook"),
            says=("CRM_HTTP_URL", "nobody answers"),
        )
        yield Misconfigured(
            "an address that moved",
            lambda: adapter(f"{self.receiver.base}/moved"),
            says=("CRM_HTTP_URL", "redirect", "308"),
        )
        yield Misconfigured(
            "a gateway with nobody behind it",
            lambda: adapter(f"{self.receiver.base}/gateway"),
            says=("CRM_HTTP_URL", "no receiver", "502"),
        )
        yield Misconfigured(
            "no TLS to another machine",
            lambda: from_env(CRM_HTTP_URL="http://crm.example.test/", CRM_HTTP_SECRET=SECRET),
            says=("CRM_HTTP_URL", "https://"),
        )
        yield Misconfigured(
            "no secret", lambda: from_env(CRM_HTTP_URL=self.receiver.url), says=("CRM_HTTP_SECRET",)
        )


NOT_PROVEN = {
    13: "the receiver compares, not the adapter: whether it does so in one step is its promise",
    16: "the receiver knows how its CRM keeps codes",
    17: "the receiver is told of a newer assignment; what it clears, and by what, is its own",
    18: BLIND,
    19: BLIND,
    22: BLIND,
}


class TestCodes(HttpContract):
    shape = "slots"
    not_proven = NOT_PROVEN

    def rows(self, given):
        return self.receiver.rows_with(customer_id=given.customer_id)

    def held(self, row):
        return Held(code=row["code"], other={"note": row["note"]})


class TestRecords(HttpContract):
    shape = "records"
    not_proven = NOT_PROVEN

    def rows(self, given):
        return self.receiver.rows_with(holder_id=given.holder_id)

    def held(self, row):
        return Held(
            code=row["code"],
            holder_id=row["holder_id"],
            ended=bool(row["ended_at"]),
            told={"ended_at": row["ended_at"]},
            other={"note": row["note"]},
        )
