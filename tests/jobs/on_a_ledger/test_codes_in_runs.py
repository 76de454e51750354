"""Runs that look at codes and at nothing else: who is read, and when again."""

from collections import Counter
from dataclasses import replace
from datetime import timedelta

import pytest

from sync.errors import (
    CodeGoneError,
    ParkError,
    PermissionRefusedError,
    UnavailableError,
    UnreadableError,
)
from sync.jobs.letters import EXPLAINED, RetryRules, retry
from sync.jobs.parts import CodeParts
from sync.jobs.run import run
from sync.jobs.sources import CustomerSource
from sync.ledger.codes import name_codes
from sync.ledger.hints import take_up
from sync.ledger.letters import discard, open_letters
from sync.ledger.planning import read_planned
from sync.ledger.scheduled import RunProgress
from sync.ledger.tables import customers, unassignments
from sync.model.event import Assigned, Hint, Unassigned
from sync.model.holding import Code
from tests.jobs.on_a_ledger.referrals import Referrals

CODES = CustomerSource("holders", codes=True)
NAMES = ("v_1", "v_2", "v_3")


class Friends:
    """A shop whose three codes five friends hold each."""

    def __init__(self, shop):
        self.shop = shop
        self.referrals = Referrals(shop.clock)
        self.source = replace(CODES, code_ids=NAMES)
        for each in NAMES:
            self.referrals.assign(each, *range(5))

    def __call__(self, **wait):
        self.shop.clock.wait(**wait)
        parts = self.shop.parts()
        rules = self.shop.look_rules
        return run(
            replace(parts, codes=CodeParts(self.referrals, self.referrals, rules)), self.source
        )

    def asked(self):
        asked = [who for who, *_ in self.shop.voucherify.asked]
        self.shop.voucherify.asked.clear()
        return asked

    def found(self):
        return [row["holder_id"] for row in self.shop.rows(unassignments)]


@pytest.fixture
def friends(shop):
    return Friends(shop)


def test_an_event_that_is_listed_after_its_customer_was_read_is_read_one_lookback_later(
    friends, shop, unassignment, item
):
    friends()
    friends.referrals.assign("v_1", 0, 1, 2, 3)
    friends(minutes=5)
    assert friends.asked() == ["cust_4"]
    fact = unassignment(
        "rh_v_1_004", customer_id="cust_4", unassigned_at=shop.clock() - timedelta(minutes=1)
    )
    late = replace(item("evcus_1", finding=Unassigned(fact)), at=fact.unassigned_at)
    shop.voucherify.happens("cust_4", late)

    friends(hours=2)

    assert friends.found() == ["rh_v_1_004"]
    assert open_letters(shop.ledger) == []
    friends.asked()
    assert [friends(hours=2) and friends.asked() for _ in range(3)] == [[], [], []]
    assert [row["seen"] for row in shop.rows(customers)] == [False]


def test_whom_no_event_explains_is_read_for_a_lookback_and_then_is_a_letter(friends, shop):
    friends()
    friends.referrals.assign("v_1", 0, 1, 2, 3)

    asked = [friends(minutes=30) and friends.asked() for _ in range(12)]

    assert {who for each in asked[1:4] for who in each} == {"cust_4"}
    assert asked[4:] == [[]] * 8
    assert [letter.kind for letter in open_letters(shop.ledger)] == ["holder"]


ODD = UnreadableError("odd", signature="holders")
GONE = CodeGoneError("gone", signature="404 not_found")


@pytest.mark.parametrize(
    ("errors", "holders"),
    [
        ({"v_1": ODD}, 5),
        (dict.fromkeys(NAMES, PermissionRefusedError("not allowed")), 7),
    ],
)
def test_whoever_holds_what_can_not_be_looked_at_is_read_one_by_one(friends, errors, holders):
    friends.referrals.assign("v_3", 5, 6)
    friends()
    friends.referrals.errors = errors

    asked = {who for _ in range(40) for who in friends(hours=6) and friends.asked()}

    assert len(asked) == holders


def test_whoever_holds_a_code_whose_deletion_is_doubted_is_read_one_by_one(friends):
    names = [f"v_{each}" for each in range(8)]
    friends.source = replace(CODES, code_ids=names)
    for number, each in enumerate(names):
        friends.referrals.assign(each, number)
    friends()
    friends.referrals.errors = dict.fromkeys(names[:6], GONE)

    asked = {who for _ in range(40) for who in friends(hours=6) and friends.asked()}

    assert asked == {f"cust_{each}" for each in range(6)}


def test_whoever_held_a_deleted_code_is_read_once_more_and_not_for_ever(friends):
    friends.referrals.assign("v_1", *range(10, 14))
    friends()
    friends.referrals.errors["v_1"] = GONE

    asked = Counter(who for _ in range(80) for who in friends(hours=6) and friends.asked())

    assert asked == {f"cust_{each}": 1 for each in range(10, 14)}


def retried(shop):
    (letter,) = open_letters(shop.ledger)
    rules = RetryRules(lenient=False, on_gone="unassign")
    return retry(shop.ledger, [letter], rules, "retry-1", shop.clock)


def test_a_letter_about_somebody_who_is_back_unassigns_nobody(friends, shop):
    friends()
    friends.referrals.assign("v_1", 0, 1, 2, 3)
    for _ in range(6):
        friends(hours=1)
    friends.referrals.assign("v_1", *range(5))
    friends(hours=1)

    (done,) = retried(shop)

    assert (done.closed, done.text) == (True, EXPLAINED)
    assert friends.found() == []


def test_a_letter_about_somebody_whose_event_came_late_changes_nothing(friends, shop, unassignment):
    friends()
    friends.referrals.assign("v_1", 0, 1, 2, 3)
    for _ in range(6):
        friends(hours=1)
    fact = unassignment("rh_v_1_004", customer_id="cust_4", unassigned_at=shop.clock())
    reading = RunProgress(shop.ledger, "run-0", shop.clock())
    reading.page_read("cust_4", [Unassigned(fact)], None, shop.clock())

    (done,) = retried(shop)

    assert (done.closed, done.text) == (True, EXPLAINED)
    assert [row["event_id"] for row in shop.rows(unassignments)] == [fact.event_id]


def test_a_letter_about_a_deleted_code_that_is_there_again_unassigns_nobody(friends, shop):
    friends()
    friends.referrals.errors["v_1"] = GONE
    friends(hours=1)
    friends.referrals.errors.clear()
    friends(hours=24 * 8)
    friends(hours=1)

    (done,) = retried(shop)

    assert (done.closed, done.text) == (True, EXPLAINED)
    assert friends.found() == []


def test_a_code_that_somebody_was_given_since_it_was_gone_is_looked_at_again(
    friends, shop, assignment
):
    friends.source = CODES
    name_codes(shop.ledger, [Code(each, None, None) for each in NAMES], shop.clock())
    friends()
    friends.referrals.errors["v_1"] = GONE
    friends(hours=1)
    friends.referrals.errors.clear()
    given = assignment("rh_new", voucher_id="v_1", assigned_at=shop.clock() + timedelta(hours=1))
    reading = RunProgress(shop.ledger, "run-0", shop.clock())
    reading.page_read("cust_1", [Assigned(given)], None, shop.clock())
    friends.referrals.calls.clear()

    friends(hours=2)

    assert "v_1" in friends.referrals.calls


def test_a_person_who_discarded_the_letter_of_a_deleted_code_hears_of_it_no_more(friends, shop):
    friends()
    friends.referrals.errors["v_1"] = GONE
    friends(hours=1)
    discard(shop.ledger, [letter.number for letter in open_letters(shop.ledger)], shop.clock())
    friends.referrals.calls.clear()

    shop.plan_rules = replace(shop.plan_rules, longest=timedelta(days=1))
    told = [friends(hours=24).exit_code for _ in range(30)]

    assert (set(told), open_letters(shop.ledger)) == ({0}, [])
    assert 3 <= friends.referrals.calls.count("v_1") <= 5


@pytest.fixture
def went(friends, shop):
    """Let a code go that nobody held, as far as was known."""
    friends.referrals.assign("v_1")
    friends()
    friends.referrals.errors["v_1"] = GONE
    friends(hours=1)
    assert open_letters(shop.ledger) == []
    friends.source = replace(friends.source, ids=("cust_9",))
    return friends


def test_an_assignment_that_shows_after_its_code_went_is_a_letter_and_only_once(went, shop, begun):
    shop.voucherify.happens("cust_9", begun("rh_late", customer_id="cust_9", voucher_id="v_1"))

    told = [went(hours=1).exit_code for _ in range(3)]

    (letter,) = open_letters(shop.ledger)
    assert (letter.key, "while 1 held it" in letter.reason) == ("code:v_1", True)
    assert told == [65, 0, 0]
    discard(shop.ledger, [letter.number], shop.clock())
    went(hours=1)
    assert open_letters(shop.ledger) == []


def test_another_one_that_shows_later_opens_the_letter_again(went, shop, begun):
    went.source = replace(went.source, ids=("cust_8", "cust_9"))
    shop.voucherify.happens("cust_9", begun("rh_late", customer_id="cust_9", voucher_id="v_1"))
    went(hours=1)
    discard(shop.ledger, [letter.number for letter in open_letters(shop.ledger)], shop.clock())
    shop.voucherify.happens("cust_8", begun("rh_later", 12, customer_id="cust_8", voucher_id="v_1"))

    assert went(hours=1).exit_code == 65

    (letter,) = open_letters(shop.ledger)
    assert "while 2 held it" in letter.reason


def test_one_that_shows_with_its_end_is_no_letter(went, shop, begun, ended):
    holder = {"customer_id": "cust_9", "voucher_id": "v_1"}
    shop.voucherify.happens("cust_9", begun("rh_1", 24, **holder), ended("rh_1", 12, **holder))

    went(hours=1)

    assert (went.found(), open_letters(shop.ledger)) == (["rh_1"], [])


def test_one_that_only_another_customers_list_shows_is_a_letter_if_its_own_was_read(
    went, shop, begun
):
    went.source = replace(went.source, ids=("cust_8",))
    went(hours=1)
    went.source = replace(went.source, ids=("cust_9",))
    shop.voucherify.happens("cust_9", begun("rh_late", customer_id="cust_8", voucher_id="v_1"))

    assert [went(hours=1).exit_code for _ in range(3)] == [65, 0, 0]

    (letter,) = open_letters(shop.ledger)
    assert (letter.key, "while 1 held it" in letter.reason) == ("code:v_1", True)


def test_one_that_another_customers_list_shows_is_looked_for_in_its_own_before_a_letter(
    went, shop, begun, ended
):
    theirs = {"customer_id": "cust_7", "voucher_id": "v_1"}
    shop.voucherify.happens("cust_7", begun("rh_1", 24, **theirs), ended("rh_1", 12, **theirs))
    shop.voucherify.happens("cust_9", begun("rh_1", 24, **theirs))

    for _ in range(12):
        went(hours=1)

    assert (went.found(), open_letters(shop.ledger)) == (["rh_1"], [])


def test_where_codes_are_down_one_customer_who_is_too_keeps_no_other_from_being_read(friends, shop):
    people = tuple(f"cust_{each}" for each in range(8, 12))
    friends.source = replace(friends.source, ids=people)
    friends()
    friends.asked()
    friends.referrals.errors = dict.fromkeys(NAMES, UnavailableError("500"))
    shop.voucherify.faults["cust_10"] = [UnavailableError("500")]  # who is asked first

    friends(hours=24 * 8)

    assert set(friends.asked()) >= set(people)


@pytest.fixture
def many(friends):
    """Let there be more codes than a week's failing looks could come to."""
    names = tuple(f"v_{each}" for each in range(60))
    for number, each in enumerate(names):
        friends.referrals.assign(each, number)
    friends.source = replace(friends.source, code_ids=names)
    return names


@pytest.mark.parametrize("ahead", [timedelta(), timedelta(days=40)])
def test_where_no_code_can_be_looked_at_for_days_its_holders_are_read_instead(
    friends, shop, many, ahead
):
    shop.clock.wait(seconds=ahead.total_seconds())
    assert friends().summary.codes.looked == len(many)
    shop.clock.wait(seconds=-ahead.total_seconds())
    friends.referrals.errors = dict.fromkeys(many, UnavailableError("500"))

    for _ in range(21):
        friends(hours=12)

    assert {f"cust_{each}" for each in range(len(many))} <= set(friends.asked())


def test_what_was_told_of_somebody_who_seemed_deleted_is_looked_for_once_they_are_back(
    friends, shop, begun, ended
):
    friends.source = replace(friends.source, ids=("cust_8",))
    friends()
    friends(hours=48)
    shop.voucherify.happens("cust_8", begun("rh_new", 0.5, customer_id="cust_8"))
    friends(hours=1)  # the cursor is beyond what comes late
    late = ended("rh_old", 24, customer_id="cust_8", voucher_id="v_1")
    shop.voucherify.happens("cust_8", late)
    with shop.ledger.transaction() as connection:
        take_up(connection, Hint("cust_8", "rh_old", late.at))
    shop.voucherify.gone.add("cust_8")
    assert friends(minutes=5).exit_code == 65
    shop.voucherify.gone.clear()

    for _ in range(3):
        friends(hours=3)

    assert friends.found() == ["rh_old"]


def test_a_newer_end_of_somebody_whose_older_one_is_known_is_told_too(shop, unassignment):
    now = shop.clock()
    reading = RunProgress(shop.ledger, "run-0", now)
    older = unassignment("rh_1", customer_id="cust_1", unassigned_at=now - timedelta(days=2))
    reading.page_read("cust_1", [Unassigned(older)], None, now)
    with shop.ledger.transaction() as connection:
        take_up(connection, Hint("cust_1", "rh_1", now - timedelta(hours=1)))

    assert reading.told_of("cust_1") == ("rh_1",)


def test_whoever_vanished_before_their_code_went_is_a_letter(friends, shop):
    friends()
    friends.referrals.assign("v_1", 0, 1, 2, 3)
    friends(minutes=10)
    friends.referrals.assign("v_1")
    friends.referrals.errors["v_1"] = GONE

    for _ in range(4):
        friends(minutes=40)

    told = {letter.kind: letter for letter in open_letters(shop.ledger)}
    assert told["holder"].holder_id == "rh_v_1_004"
    assert "while 4 held it" in told["code"].reason


def test_a_clock_that_was_ahead_when_somebody_vanished_delays_no_letter(friends, shop):
    friends()
    shop.clock.wait(days=40)
    friends.referrals.assign("v_1", 0, 1, 2, 3)
    friends()
    shop.clock.wait(days=-40)

    for _ in range(6):
        friends(hours=12)

    assert [letter.kind for letter in open_letters(shop.ledger)] == ["holder"]


def test_a_read_by_a_clock_that_was_ahead_is_none_that_came_after(friends, shop):
    shop.clock.wait(days=40)
    friends.source = replace(friends.source, ids=("cust_4",))
    friends()
    friends.source = replace(friends.source, ids=())
    shop.clock.wait(days=-40)
    shop.voucherify.faults["cust_4"] = [UnavailableError("down")] * 2
    friends.referrals.assign("v_1", 0, 1, 2, 3)

    told = [friends(hours=2) and open_letters(shop.ledger) for _ in range(2)]
    assert told == [[], []]
    for _ in range(2):
        friends(hours=12)

    assert [letter.kind for letter in open_letters(shop.ledger)] == ["holder"]


def test_whoever_was_read_by_a_clock_that_jumped_ahead_is_read_again_before_a_letter(
    friends, shop, monkeypatch
):
    fetch = shop.voucherify.fetch

    def jumping(*asked):
        shop.clock.wait(days=40)
        return fetch(*asked)

    friends()
    friends.referrals.assign("v_1", 0, 1, 2, 3)
    monkeypatch.setattr(shop.voucherify, "fetch", jumping)
    friends()
    monkeypatch.undo()
    shop.clock.wait(days=-40)
    friends.asked()

    friends(hours=12)

    assert (friends.asked(), len(open_letters(shop.ledger))) == (["cust_4"], 1)


def test_a_run_that_is_parked_while_it_looks_at_codes_pays_for_its_calls(friends, shop):
    friends.referrals.errors = dict.fromkeys(NAMES, ParkError("budget", by="budget"))
    friends()
    before = read_planned(shop.ledger).tokens

    assert friends(seconds=1).exit_code == 75

    made = shop.meter.count().made
    assert before - made <= read_planned(shop.ledger).tokens <= before - made + 1
