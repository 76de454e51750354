"""Retrying what a person has looked at."""

import pytest

from sync.jobs.letters import EXPLAINED, RetryRules, retry
from sync.jobs.run import run
from sync.jobs.sources import CustomerSource
from sync.ledger.forgotten import forget
from sync.ledger.letters import discard, open_letters
from sync.ledger.listing import Listing
from sync.ledger.scheduled import RunProgress
from sync.ledger.tables import dead_letters, unassignments
from sync.model.event import Invalid
from sync.model.outcome import Outcome
from sync.voucherify.activity import ActivityReader
from sync.voucherify.client import Reply

STRICT = RetryRules(lenient=False, on_gone="dead-letter")
LENIENT = RetryRules(lenient=True, on_gone="dead-letter")
UNASSIGN = RetryRules(lenient=False, on_gone="unassign")
ALL = CustomerSource("all", lists=True)


def event(*without, own_id="evcus_1", **data):
    """An unassignment as Voucherify tells it; some of its objects may be missing."""
    whole = {
        "holder": {
            "id": "rh_1",
            "object": "redeemable_holder",
            "created_at": "2026-03-01T08:00:00.000Z",
            "customer_id": "cust_1",
            "holder_role": "REFEREE",
            "redeemable_id": "v_1",
            "redeemable_object": "voucher",
            "campaign_id": "camp_1",
        },
        "voucher": {"id": "v_1", "code": "FRIEND-1", "campaign_id": "camp_1"},
        "campaign": {"id": "camp_1", "name": "Friends"},
        "customer": {"id": "cust_1", "email": "ann@example.com"},
    }
    return {
        "id": own_id,
        "type": "customer.holder.assignment.deleted",
        "created_at": "2026-03-09T08:00:00.000Z",
        "data": {name: value for name, value in whole.items() if name not in without} | data,
    }


class OneAnswer:
    """A project that gives one list, whatever it is asked for."""

    def __init__(self, clock, items):
        self._reply = Reply({"object": "list", "data": items, "has_more": False}, clock())

    def get(self, _path, _params):
        return self._reply


@pytest.fixture
def read(shop):
    """Let a run read these events of cust_1, with the real reader."""

    def read(*items):
        shop.voucherify.happens("cust_1")
        reader = ActivityReader(OneAnswer(shop.clock, list(items)), lenient=False)
        shop.voucherify.fetch = reader.fetch
        run(shop.parts(), ALL)
        return open_letters(shop.ledger)

    return read


@pytest.fixture
def again(shop):
    """Retry all open letters; give what became of each."""

    def again(rules=STRICT):
        letters = open_letters(shop.ledger)
        return [
            (each.closed, each.text)
            for each in retry(shop.ledger, letters, rules, "retry-1", shop.clock)
        ]

    return again


def test_an_event_is_understood_once_the_setting_is_lenient(shop, read, again):
    (letter,) = read(event("campaign"))
    assert "campaign is missing" in letter.reason

    ((closed, text),) = again(LENIENT)

    assert closed
    assert "the next run delivers it" in text
    assert open_letters(shop.ledger) == []
    (row,) = shop.rows(unassignments)
    assert (row["holder_id"], row["found_by"], row["email"]) == (
        "rh_1",
        "retry-1",
        "ann@example.com",
    )
    run(shop.parts(), ALL)
    assert shop.crm.heard == ["rh_1"]
    assert shop.rows(unassignments)[0]["email"] is None


def test_an_event_that_is_still_not_understood_stays_with_today_s_reason(shop, read, again):
    read(event("campaign", voucher={"id": "v_1", "code": ""}))

    assert [closed for closed, _ in again(LENIENT)] == [False]

    (letter,) = open_letters(shop.ledger)
    assert "campaign is missing" not in letter.reason
    assert "voucher.code is empty" in letter.reason


def test_letters_are_retried_each_for_itself(shop, read, again):
    read(event("campaign"), event("holder", own_id="evcus_2"))

    assert [closed for closed, _ in again(LENIENT)] == [True, False]
    assert len(open_letters(shop.ledger)) == 1


def test_what_became_of_a_letter_is_told_with_its_number(shop, read):
    letters = read(event("campaign"), event("holder", own_id="evcus_2"))

    retried = retry(shop.ledger, letters[::-1], LENIENT, "retry-1", shop.clock)

    assert [(each.number, each.closed) for each in retried] == [
        (letters[1].number, False),
        (letters[0].number, True),
    ]


def test_a_row_of_the_customers_list_stays_with_its_reason(shop, again):
    shop.voucherify.happens("cust_1")
    shop.voucherify.invalid_rows = [Invalid("sha256:1", "no usable id", '{"customer": {}}')]
    run(shop.parts(), ALL)

    assert again() == [(False, "no usable id")]
    assert open_letters(shop.ledger)[0].reason == "no usable id"


def test_an_event_of_another_type_stays_with_its_reason(shop, item, again):
    shop.voucherify.happens(
        "cust_1", item("evcus_1", finding=Invalid("evcus_1", "odd", '{"type": "customer.updated"}'))
    )
    run(shop.parts(), ALL)

    assert again() == [(False, "odd")]


def test_a_delivery_is_tried_again_by_the_next_run(shop, ended, again):
    shop.voucherify.happens("cust_1", ended("rh_1"))
    shop.crm.answers["rh_1"] = [Outcome.rejected("several contacts match")]
    run(shop.parts(), ALL)

    assert again() == [(True, "will be delivered again by the next run")]

    report = run(shop.parts(), ALL)
    assert report.summary.outcomes.removed == 1
    assert report.summary.dead_letters == 0


@pytest.fixture
def gone(shop, begun):
    """Let cust_1 be deleted while it holds these."""

    def gone(*holders, **about):
        shop.voucherify.happens("cust_1", *(begun(each) for each in holders))
        for holder_id in about.get("without_code", ()):
            shop.voucherify.happens("cust_1", begun(holder_id, code=None))
        run(shop.parts(), ALL)
        shop.voucherify.gone.add("cust_1")
        run(shop.parts(), ALL)
        return open_letters(shop.ledger)

    return gone


def test_a_deleted_customer_s_assignments_end_once_the_policy_says_so(shop, gone, again):
    (letter,) = gone("rh_1", "rh_2")
    assert "rh_1, rh_2" in letter.reason
    assert again() == [(False, letter.reason)]

    assert again(UNASSIGN) == [(True, "2 assignments are ended; the next run delivers that")]

    run(shop.parts(), CustomerSource("none", ()))
    assert shop.crm.heard == ["rh_1", "rh_2"]


def test_the_letter_of_a_deleted_customer_who_is_back_unassigns_nobody(shop, gone, again):
    gone("rh_1")
    shop.voucherify.gone.clear()
    reading = RunProgress(shop.ledger, "run-back", shop.clock())
    reading.select_listed(["cust_1"], (), Listing(shop.clock()))

    assert again(UNASSIGN) == [(True, EXPLAINED)]

    run(shop.parts(), ALL)
    assert shop.crm.heard == []
    assert open_letters(shop.ledger) == []


def test_an_assignment_without_a_code_keeps_the_letter_of_its_customer_open(shop, gone, again):
    gone("rh_1", without_code=["rh_2"])

    ((closed, text),) = again(UNASSIGN)

    assert not closed
    assert "holding rh_2; their codes are not known" in text
    assert open_letters(shop.ledger)[0].reason == text
    assert [row["holder_id"] for row in shop.rows(unassignments)] == ["rh_1"]


@pytest.fixture
def listed(shop, read, gone, ended):
    """Give one open letter of each kind, as somebody listed it who is about to retry it."""

    def listed(kind):
        if kind == "event":
            read(event("campaign"))
        elif kind == "customer":
            gone("rh_1")
        else:
            shop.voucherify.happens("cust_1", ended("rh_1"))
            shop.crm.answers["rh_1"] = [Outcome.rejected("several contacts match")]
            run(shop.parts(), ALL)
        letters = open_letters(shop.ledger)
        assert [each.kind for each in letters] == [kind]
        return letters

    return listed


KINDS = pytest.mark.parametrize("kind", ["event", "customer", "delivery"])
ANYTHING = RetryRules(lenient=True, on_gone="unassign")
MEANWHILE = (True, "was closed by somebody else meanwhile")


@KINDS
def test_a_letter_discarded_since_it_was_listed_is_not_delivered(shop, listed, kind):
    letters = listed(kind)
    heard = list(shop.crm.heard)
    discard(shop.ledger, [each.number for each in letters], shop.clock())

    (retried,) = retry(shop.ledger, letters, ANYTHING, "retry-1", shop.clock)
    run(shop.parts(), CustomerSource("none", ()))

    assert (retried.closed, retried.text) == MEANWHILE
    assert shop.crm.heard == heard


@KINDS
def test_a_person_forgotten_since_a_letter_was_listed_does_not_come_back(shop, listed, kind):
    letters = listed(kind)
    forget(shop.ledger, "cust_1", shop.clock(), drop_pending=True)

    (retried,) = retry(shop.ledger, letters, ANYTHING, "retry-1", shop.clock)

    assert (retried.closed, retried.text) == MEANWHILE
    assert shop.rows(unassignments) == shop.rows(dead_letters) == []


def test_an_event_discarded_since_it_was_listed_gets_no_new_reason(shop, read):
    letters = read(event("campaign", voucher={"id": "v_1", "code": ""}))
    discard(shop.ledger, [each.number for each in letters], shop.clock())
    before = shop.rows(dead_letters)

    retry(shop.ledger, letters, LENIENT, "retry-1", shop.clock)

    assert shop.rows(dead_letters) == before


def test_a_closed_letter_keeps_no_event(shop, read, again):
    read(event("campaign"))
    again(LENIENT)

    assert [row["evidence"] for row in shop.rows(dead_letters)] == [None]
