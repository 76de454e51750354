"""Any bytes as a page of codes or of holders: read by the rules, or told by an error of our own."""

import json
from collections import Counter
from datetime import UTC, datetime, timedelta
from random import Random

import pytest
import requests

from sync.errors import HoldersyncError
from sync.playground import Playground
from sync.transport import Answer
from sync.voucherify.client import VoucherifyClient
from sync.voucherify.holders import HolderReader
from sync.voucherify.shapes import is_text
from sync.voucherify.vouchers import CodeLister
from tests.voucherify.conftest import DATE, FakePacer
from tests.voucherify.damage import as_bytes, damage_bytes, damage_json

NOW = datetime(2026, 3, 10, 12, tzinfo=UTC)


class Answering:
    """A transport that gives one answer, whatever it is asked."""

    def __init__(self, body):
        self._answer = Answer(200, {"Date": DATE}, body)

    def get(self, _url, _params, judge):
        return judge(self._answer)


def client(body):
    return VoucherifyClient(
        Answering(body), base_url="https://x", pacer=FakePacer(), max_wait=timedelta(0)
    )


@pytest.fixture(scope="module")
def pages():
    """The code that most people hold, and pages of its holders and of vouchers."""
    with Playground(customers=60, seed=3, now=lambda: NOW) as playground:
        keys = {"X-App-Id": playground.app_id, "X-App-Token": playground.app_token}
        world = playground.world
        code = max(
            (one.voucher_id for one in world.vouchers), key=lambda one: len(world.holders_of(one))
        )
        with requests.Session() as session:

            def ask(path, **params):
                url = f"{playground.base_url}/v1/{path}"
                return session.get(url, params=params, headers=keys, timeout=5).content

            holders = ask(f"referrals/members/{code}/holders", limit=4)
            return code, holders, ask("vouchers", limit=4)


def damaged(random, body):
    """A page whose structure is damaged, and then perhaps its bytes."""
    page = json.loads(body)
    for _ in range(1 + random.randrange(3)):
        page = damage_json(page, random)
    body = as_bytes(page, random)
    return damage_bytes(body, random) if random.randrange(3) == 0 else body


def read_holders(code, body):
    found = HolderReader(client(body)).page(code, None)
    told = json.loads(body)
    assert found.rows == len(told["data"])
    assert (found.total, 0 <= found.total <= 10**9) == (told["total"], True)
    assert found.newest == (told["data"][0]["id"] if told["data"] else None)
    ids = [each.holder_id for each in found.assignments]
    assert ids == [each["id"] for each in told["data"] if each["holder_role"] == "REFEREE"]
    assert all(map(is_text, [*ids, *(each.customer_id for each in found.assignments)]))
    assert {each.voucher_id for each in found.assignments} <= {code}
    assert found.next_after is None or (is_text(found.next_after) and told["has_more"] is True)


def read_codes(_code, body):
    found = next(CodeLister(client(body)).pages())
    told = json.loads(body)["vouchers"]
    others = [
        each for each in told if isinstance(each, dict) and each.get("is_referral_code") is False
    ]
    assert len(found.codes) + found.invalid_rows + len(others) == len(told)
    assert all(is_text(each.voucher_id) for each in found.codes)
    assert all(is_text(each.code) for each in found.codes if each.code is not None)


@pytest.mark.parametrize("read", [read_holders, read_codes])
def test_no_body_of_many_does_any_harm(pages, read, long, tell):
    code, *bodies = pages
    body = bodies[[read_holders, read_codes].index(read)]
    told = Counter()
    for seed in range(50_000 if long else 1_000):
        broken = damaged(Random(seed), body)
        try:
            read(code, broken)
            told["read"] += 1
        except HoldersyncError as error:
            told[type(error).__name__] += 1
        except Exception as error:
            msg = f"{read.__name__} of {broken!r}: {type(error).__name__}: {error}"
            raise AssertionError(msg) from error

    tell(f"damaged bodies, {read.__name__}: {dict(told)}")
    assert told["read"] > 50
    assert told["UnreadableError"] > 5
