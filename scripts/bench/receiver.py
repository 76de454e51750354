#!/usr/bin/env python3
"""How many webhooks a second the receiver stores, and how long each waits for its answer.

A real `holdersync serve` on loopback, deliveries offered at a fixed rate over connections that are
kept open; each is signed and tells of another holder. Once in the middle the receiver is killed
(SIGKILL) and started again; what was not answered is sent again, as Voucherify does. At the end the
inbox is held against what was answered: lost must be 0.

Usage: .venv/bin/python scripts/bench/receiver.py [--rate 500] [--seconds 10] [--ledger URL]
"""

import argparse
import hashlib
import hmac
import http.client
import json
import os
import re
import subprocess
import sys
import tempfile
import threading
import time
from contextlib import closing
from dataclasses import dataclass, field
from datetime import UTC, datetime

from sqlalchemy import func, select
from sqlalchemy.engine import make_url

from sync.ledger.opening import create_or_open, open_existing
from sync.ledger.tables import inbox

SECRET = "a-secret-of-the-project"  # noqa: S105 - of the bench's own receiver
PATH = "/webhooks/voucherify"
MOST_SECONDS = 60
SENDERS = 16
AGAIN_AT_MOST = 200
BASE_URL, APP_ID = "http://127.0.0.1:9", "bench"


@dataclass
class Sent:
    """What became of the deliveries: how long each waited, and how often it was sent."""

    waits: list[float] = field(default_factory=list)
    again: int = 0
    answered: set[int] = field(default_factory=set)
    late: float = 0.0
    lock: threading.Lock = field(default_factory=threading.Lock)


class Running:
    """The receiver's process; may be killed and started again on the same port."""

    def __init__(self, settings: dict[str, str]) -> None:
        self._settings = settings
        self.port = 0
        self.start()

    def start(self) -> None:
        """Start it, and wait until it listens."""
        command = "from sync.cli import main; main()"
        self._process = subprocess.Popen(  # noqa: S603 - this project's own command
            [sys.executable, "-c", command, "serve", "--port", str(self.port)],
            env=os.environ | self._settings,
            stdout=subprocess.PIPE,
            text=True,
        )
        line = self._process.stdout.readline() if self._process.stdout else ""
        found = re.search(r":(\d+)/", line)
        if found is None:
            msg = "the receiver did not start"
            raise SystemExit(msg)
        self.port = int(found[1])

    def kill(self) -> None:
        """Kill it without a chance to say anything."""
        self._process.kill()
        self._process.wait()


def body_of(number: int) -> bytes:
    """Give one delivery."""
    holder = {
        "id": f"rh_{number}",
        "created_at": "2026-01-01T00:00:00.000Z",
        "redeemable_id": "v_1",
        "redeemable_object": "voucher",
        "customer_id": f"cust_{number}",
        "holder_role": "REFEREE",
        "object": "redeemable_holder",
    }
    kind = "customer.holder.assignment.deleted"
    event = {"id": f"evcus_{number}", "type": kind, "created_at": datetime.now(UTC).isoformat()}
    return json.dumps({"type": kind, "data": {"holder": holder}, "event": event}).encode()


def send(running: Running, numbers: range, rate: float, began: float, sent: Sent) -> None:
    """Send every delivery of `numbers` at its time, until it is answered with 200."""
    connection: http.client.HTTPConnection | None = None
    for number in numbers:
        due = began + number / rate
        time.sleep(max(0.0, due - time.monotonic()))
        body = body_of(number)
        signature = hmac.digest(SECRET.encode(), body, hashlib.sha256).hex()
        tries = 0
        while tries < AGAIN_AT_MOST:
            tries += 1
            start = time.monotonic()
            try:
                if connection is None:
                    connection = http.client.HTTPConnection("127.0.0.1", running.port, timeout=10)
                connection.request("POST", PATH, body, {"x-voucherify-signature": signature})
                answer = connection.getresponse()
                answer.read()
                if answer.status == http.client.OK:
                    break
            except (OSError, http.client.HTTPException):
                connection = None
            time.sleep(0.05)
        else:
            return
        with sent.lock:
            sent.waits.append(time.monotonic() - start)
            sent.again += tries - 1
            sent.answered.add(number)
            sent.late = max(sent.late, time.monotonic() - due)


def measured(options: argparse.Namespace, home: str) -> None:
    """Offer the load, kill once in the middle, and print what came of it."""
    url = make_url(options.ledger or f"sqlite:///{home}/ledger.db")
    with closing(create_or_open(url)) as ledger:
        ledger.bind(BASE_URL, APP_ID, datetime.now(UTC))
    running = Running(
        {
            "HOLDERSYNC_HOME": home,
            "HOLDERSYNC_LEDGER_URL": url.render_as_string(hide_password=False),
            "HOLDERSYNC_WEBHOOK_SECRET": SECRET,
            "HOLDERSYNC_CRM": "sql",
            "CRM_SQL_URL": "sqlite:///crm.db",
            "VOUCHERIFY_BASE_URL": BASE_URL,
            "VOUCHERIFY_APP_ID": APP_ID,
            "VOUCHERIFY_APP_TOKEN": "none",
        }
    )
    sent, total = Sent(), int(options.rate * options.seconds)
    began = time.monotonic()
    senders = [
        threading.Thread(
            target=send, args=(running, range(each, total, SENDERS), options.rate, began, sent)
        )
        for each in range(SENDERS)
    ]
    for each in senders:
        each.start()
    if not options.no_kill:
        time.sleep(options.seconds / 2)
        running.kill()
        running.start()
    for each in senders:
        each.join()
    lasted = time.monotonic() - began
    running.kill()
    with closing(open_existing(url)) as ledger, ledger.read_only() as connection:
        keys = set(connection.execute(select(inbox.c.key)).scalars())
        rows = connection.execute(select(func.count()).select_from(inbox)).scalar_one()
    lost = [number for number in sent.answered if f"evcus_{number}" not in keys]
    waits = sorted(sent.waits)
    print(f"offered   {total} at {options.rate:.0f}/s for {options.seconds:.0f} s")
    print(f"answered  {len(waits)} in {lasted:.1f} s ({len(waits) / lasted:.0f}/s)")
    print(f"again     {sent.again} sends more, because of the kill or a 503")
    for name, part in (("p50", 0.5), ("p95", 0.95), ("p99", 0.99)):
        print(f"{name}       {waits[int(part * (len(waits) - 1))] * 1_000:.1f} ms")
    print(f"max       {waits[-1] * 1_000:.1f} ms")
    print(f"stored    {rows} rows, {len(keys)} different")
    print(f"lost      {len(lost)}")


def main() -> None:
    """Measure as the options say."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--rate", type=float, default=500)
    parser.add_argument("--seconds", type=float, default=10)
    parser.add_argument("--ledger", help="a ledger's URL; default: a new SQLite file")
    parser.add_argument("--no-kill", action="store_true", help="leave the receiver alone")
    options = parser.parse_args()
    options.seconds = min(options.seconds, MOST_SECONDS)
    with tempfile.TemporaryDirectory() as home:
        measured(options, home)


if __name__ == "__main__":
    main()
