"""Any bytes as an answer: never an error but our own, nothing hidden, nobody's data kept.

The short form reads some thousand bodies, `--long` some hundred thousand. How many there were, and
what became of them, is told at the end of the test run.
"""

import copy
import json
from collections import Counter
from datetime import UTC, datetime, timedelta
from itertools import chain
from pathlib import Path
from random import Random

import pytest
import requests
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sync.errors import HoldersyncError
from sync.model.event import Assigned, Hint, Invalid, Unassigned
from sync.model.unassignment import CustomerId
from sync.model.window import Window
from sync.playground import Playground
from sync.playground.payloads import Shape, item_body
from sync.transport import Answer
from sync.voucherify.activity import ActivityReader
from sync.voucherify.client import VoucherifyClient
from sync.voucherify.customers import CustomerLister, CustomerPage
from sync.voucherify.shapes import is_text
from tests.voucherify.damage import as_bytes, damage_bytes, damage_json

EXAMPLE = json.loads((Path(__file__).parent / "holder-assignment-deleted.json").read_text())
NOW = datetime(2026, 3, 10, 12, tzinfo=UTC)
DATE = "Tue, 10 Mar 2026 12:00:00 GMT"
WINDOW = Window(datetime(2015, 1, 1, tzinfo=UTC))
DELETED = "customer.holder.assignment.deleted"
CREATED = "customer.holder.assignment.created"
OURS = (DELETED, CREATED)
FRIEND = CustomerId("cust_B4WY60nNA1HcAnJj6lnW57a7")

MARK = "PRIVATE"
"""Stands in every field that tells of a person; it may be in no evidence."""
PERSON = {
    "name": f"{MARK} Ann",
    "phone": f"{MARK} +44",
    "birthdate": f"{MARK} 1990",
    "address": {"city": f"{MARK} Leeds", "line_1": MARK},
    "description": f"{MARK} a friend",
    "summary": {"orders": {"total": MARK}},
    "metadata": {"shoe": MARK, MARK: 1},
}
OF_PEOPLE = (*PERSON, "event_source", "user", "holder_name")
WORDS = ("name", "phone", "address", "birth", "metadata")
MAY_BE_KEPT = {"name"}
"""Of a campaign only."""


class Recorded:
    """A pacer that lets everything pass."""

    def reserve(self):
        return 0.0

    def start(self, _slot):
        return 0.0

    def end(self, *, started):
        """Nothing to do."""

    def observe(self, _seen):
        """Nothing to do."""

    def refuse_cycle(self):
        return None


class Answering:
    """A transport that gives one answer, whatever it is asked."""

    def __init__(self):
        self.answer = None

    def get(self, _url, _params, judge):
        return judge(self.answer)


ANSWERING = Answering()
CLIENT = VoucherifyClient(
    ANSWERING, base_url="https://x", pacer=Recorded(), max_wait=timedelta(seconds=60)
)


def of_people(payload):
    """The payload, with everything that may be told of its people."""
    told = copy.deepcopy(payload)
    told["customer"] |= copy.deepcopy(PERSON)
    told["voucher"] |= {"metadata": PERSON["metadata"], "holder_name": MARK}
    told["campaign"]["metadata"] = {"who": MARK}
    return told


def activity_of(*items):
    return {"object": "list", "data": list(items), "has_more": False, "more_starting_after": None}


def drawn_pages():
    """The vendor's example in every shape, alone and with others, and a list of customers."""
    at = datetime(2024, 8, 1, 10, tzinfo=UTC)
    items = [
        item_body(f"evcus_{n}", kind, of_people(EXAMPLE), at=at, group_id="v-1", shape=shape)
        for n, (kind, shape) in enumerate((kind, shape) for kind in OURS for shape in Shape)
    ]
    items[0] |= {"event_source": {"user": {"name": MARK, "email": MARK}}, "user": {"id": MARK}}
    pages = [activity_of(each) for each in items]
    pages += [activity_of(*items[:3]), activity_of(), {**activity_of(items[1]), "has_more": True}]
    people = [{"id": f"cust_{n}", "object": "customer", **PERSON} for n in range(3)]
    pages.append({"object": "list", "customers": people, "total": 3, "has_more": False})
    pages.append({"customers": [{**each, "id": None, "object": None} for each in people]})
    return pages


@pytest.fixture(scope="module")
def real_pages():
    """Pages as the playground writes them, a few items each."""
    with Playground(customers=60, seed=3, now=lambda: NOW) as playground:
        keys = {"X-App-Id": playground.app_id, "X-App-Token": playground.app_token}
        with requests.Session() as session:

            def ask(path, **params):
                url = f"{playground.base_url}/v1/{path}"
                return session.get(url, params=params, headers=keys, timeout=5).content

            customers = [each.customer_id for each in playground.world.customers]
            lists = [ask("customers", limit=5, page=n) for n in range(1, 4)]
            return lists + [ask(f"customers/{each}/activity", limit=4) for each in customers]


def answer_with(body):
    ANSWERING.answer = Answer(200, {"Date": DATE}, body)


def read_activity(body):
    """Read bytes as a page of activity; give what it was, after its rules were looked at."""
    answer_with(body)
    try:
        page = ActivityReader(CLIENT, lenient=False).fetch(FRIEND, WINDOW, None)
    except HoldersyncError as error:
        return {type(error).__name__: 1}, ()
    kinds = Counter(type(each).__name__ for each in page.findings)
    assert all(isinstance(each, Unassigned | Assigned | Hint | Invalid) for each in page.findings)
    assert len(page.findings) <= page.read
    assert page.matched <= page.read
    assert page.next_after is None or is_text(page.next_after)
    hidden = page.read - len(page.findings)
    assert hidden <= sum(1 for each in json.loads(body)["data"] if may_be_ignored(each))
    return {**kinds, "ignored": hidden}, page.findings


def may_be_ignored(item):
    """Tell whether an item is another event, or one that is not of this window or of a voucher."""
    if not isinstance(item, dict) or not isinstance(item.get("type"), str):
        return False
    is_early = str(item.get("created_at")) < "2015-01-02"
    return item["type"] not in OURS or is_early or item["type"] == CREATED


def read_customers(body):
    """Read bytes as a page of customers; give what it was, after its rules were looked at."""
    answer_with(body)
    try:
        page = CustomerLister(CLIENT).first_answer()
    except HoldersyncError as error:
        return {type(error).__name__: 1}, ()
    assert isinstance(page, CustomerPage)
    assert all(map(is_text, page.customer_ids))
    assert len(page.customer_ids) + len(page.invalid) == len(json.loads(body)["customers"])
    assert page.total is None or 0 <= page.total <= 10**9
    return {"listed": len(page.customer_ids), "unlisted": len(page.invalid)}, page.invalid


def require_nobodys_data(findings, *, marked):
    """Prove that dead letters tell nothing of a person; `marked`: what does is as it was drawn."""
    for letter in (each for each in findings if isinstance(each, Invalid)):
        assert letter.evidence.isascii()
        assert MARK not in letter.reason
        assert is_text(letter.key)
        assert not marked or MARK not in letter.evidence
        for path in paths_in(json.loads(letter.evidence)):
            key = path[-1].lower()
            told = any(word in key for word in WORDS)
            assert not told or (key in MAY_BE_KEPT and path[-2:-1] == ("campaign",)), path


def paths_in(value, path=()):
    """The keys that lead to each value of an object; a list is not a step."""
    if isinstance(value, list):
        for each in value:
            yield from paths_in(each, path)
    elif isinstance(value, dict):
        for key, inner in value.items():
            yield (*path, key)
            yield from paths_in(inner, (*path, key))


class Told(Counter):
    """How many bodies were read, and what became of them."""

    def take(self, body, *, marked=False):
        for read in (read_activity, read_customers):
            try:
                kinds, findings = read(body)
                require_nobodys_data(findings, marked=marked)
            except Exception as error:
                msg = f"{read.__name__} of {body!r}: {type(error).__name__}: {error}"
                raise AssertionError(msg) from error
            self.update(kinds)
        self["bodies"] += 1


def drawn(random, pages):
    """A drawn page, damaged one to three times where nothing is told of a person."""
    page = copy.deepcopy(random.choice(pages))
    for _ in range(1 + random.randrange(3)):
        page = damage_json(page, random, spared=OF_PEOPLE)
    return as_bytes(page, random)


def flipped(random, bodies):
    """Real bytes, damaged one to four times."""
    body = random.choice(bodies)
    for _ in range(1 + random.randrange(4)):
        body = damage_bytes(body, random)
    return body


def mangled(random, bodies):
    """A real page whose structure is damaged anywhere, and then perhaps its bytes."""
    page = json.loads(random.choice(bodies))
    for _ in range(1 + random.randrange(3)):
        page = damage_json(page, random)
    body = as_bytes(page, random)
    return damage_bytes(body, random) if random.randrange(3) == 0 else body


def test_no_body_of_many_does_any_harm(real_pages, long, tell):
    told, pages = Told(), drawn_pages()
    for seed in range(70_000 if long else 1_000):
        random = Random(seed)
        told.take(drawn(random, pages), marked=True)
        told.take(flipped(random, real_pages))
        told.take(mangled(random, real_pages))

    tell(f"bodies read as activity and as customers, from one seed each: {dict(told)}")
    for kind in ("Unassigned", "Assigned", "Hint", "Invalid", "ignored", "listed", "unlisted"):
        assert told[kind] > told["bodies"] / 1_000, kind
    assert told["UnreadableError"] + told["RetryError"] < 1.8 * told["bodies"]


def test_no_body_that_hypothesis_finds_does_any_harm(real_pages, long, tell):
    told, pages = Told(), drawn_pages()

    @settings(
        max_examples=5_000 if long else 40,
        deadline=None,
        suppress_health_check=list(HealthCheck),
        database=None,
    )
    @given(st.randoms(use_true_random=False), st.binary(max_size=60))
    def search(random, anything):
        told.take(drawn(random, pages), marked=True)
        told.take(mangled(random, real_pages))
        told.take(damage_bytes(anything, random))

    search()
    tell(f"bodies that hypothesis made: {dict(told)}")
    assert told["bodies"] > 0


@pytest.mark.parametrize("words", [WORDS, ("name",)])
def test_the_fuzz_run_would_notice_what_the_evidence_must_not_hold(words, monkeypatch):
    monkeypatch.setattr("sync.voucherify.evidence.PERSONAL_WORDS", words)
    page = drawn_pages()[0]
    page["data"][0]["data"]["voucher"]["code"] = None
    body = json.dumps(page).encode()

    if words == WORDS:
        Told().take(body, marked=True)
    else:
        with pytest.raises(AssertionError, match="read_activity of"):
            Told().take(body, marked=True)


def test_every_page_is_read_as_it_is_if_nothing_is_wrong_with_it(real_pages):
    told = Told()
    for body in chain(real_pages, (json.dumps(each).encode() for each in drawn_pages()[:10])):
        told.take(body)

    assert told["Unassigned"] > 0
    assert told["listed"] == 15
