"""A receiver in a process of its own, and deliveries as Voucherify sends them."""

import hashlib
import hmac
import json
import re
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import UTC, datetime

import requests

SECRET = "a-secret-of-the-project"
MOST_SENDERS = 8


def event(number, kind="customer.holder.assignment.deleted", at=None, **data):
    """One delivery's body, of an event of its own."""
    at = at or datetime.now(UTC)
    holder = {
        "id": f"rh_{number}",
        "created_at": "2026-01-01T00:00:00.000Z",
        "redeemable_id": "v_1",
        "redeemable_object": "voucher",
        "customer_id": f"cust_{number}",
        "holder_role": "REFEREE",
        "object": "redeemable_holder",
    }
    told = {
        "id": f"whs_{number}",
        "type": kind,
        "data": data or {"holder": holder},
        "event": {"id": f"evcus_{number}", "type": kind, "created_at": at.isoformat()},
    }
    return json.dumps(told).encode()


def signed(body, secret=SECRET):
    return {"x-voucherify-signature": hmac.digest(secret.encode(), body, hashlib.sha256).hex()}


class Receiver:
    """Where deliveries are sent."""

    def __init__(self, process):
        self.process = process
        line = process.stdout.readline()
        self.url = re.search(r"http://\S+", line)[0]
        self.base = self.url.removesuffix("/webhooks/voucherify")

    def send(self, body, headers=None, session=requests):
        """Give the status, or None if no answer came."""
        headers = signed(body) if headers is None else headers
        try:
            return session.post(self.url, data=body, headers=headers, timeout=5).status_code
        except requests.RequestException:
            return None

    def send_all(self, bodies):
        """Send many at once; give the statuses in the same order."""
        with ThreadPoolExecutor(MOST_SENDERS) as pool:
            return list(pool.map(self.send, bodies))

    def get(self, path):
        return requests.get(self.base + path, timeout=5).status_code


@contextmanager
def receiving(shop, **settings):
    """Start `holdersync serve` on any free port; it is ended by its own id."""
    settings = {"HOLDERSYNC_WEBHOOK_SECRET": SECRET} | settings
    with shop.start("serve", "--port", "0", **settings) as process:
        try:
            yield Receiver(process)
        finally:
            process.kill()
