"""Looks at codes, on a real ledger: what they store, whom they name, and what ends them."""

from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from sync.errors import (
    CodeGoneError,
    CredentialsRefusedError,
    ParkError,
    PermissionRefusedError,
    UnavailableError,
    UnreadableError,
    VendorChangedError,
)
from sync.jobs.codes import CodeLooks, LookRules
from sync.ledger.codes import name_codes
from sync.ledger.due_codes import due
from sync.ledger.hints import take_up
from sync.ledger.letters import open_letters
from sync.ledger.planning import holding_of
from sync.ledger.reconciling import held_of_code
from sync.ledger.scheduled import RunProgress
from sync.ledger.tables import assignments, codes, customers, holders
from sync.model.event import Assigned, Hint
from sync.model.holding import Code
from sync.model.planning import DAY, Price, Shop
from sync.model.window import Window
from tests.inline import Inline
from tests.jobs.on_a_ledger.referrals import Referrals

NOW = datetime(2026, 3, 10, 12, 0, tzinfo=UTC)
WEEK = timedelta(days=7)
PRICE = Price(stretch=100.0, longest=7 * DAY, sweep=30 * DAY, part=0.1)


class Looking:
    def __init__(self, shop):
        self.shop = shop
        self.ledger = shop.ledger
        self.clock = shop.clock
        self.referrals = Referrals(shop.clock)
        self.rules = LookRules(in_line=4, longest=WEEK)
        self.runs = 0

    def name(self, *voucher_ids):
        self.ledger.set_horizon(self.clock() - timedelta(days=30))
        named = [Code(each, f"CODE-{each}", "camp_1") for each in voucher_ids]
        name_codes(self.ledger, named, self.clock())

    def __call__(self, *, at_most=1_000, hinted_at_most=None):
        self.runs += 1
        self.clock.wait(seconds=60)
        looks = CodeLooks(
            self.referrals,
            self.ledger,
            f"run-{self.runs}",
            Inline(),
            self.rules,
            shop=Shop(),
            price=PRICE,
            now=self.clock,
            watch=self.shop.watch,
        )
        codes = due(
            self.ledger,
            at_most,
            f"run-{self.runs}",
            self.clock(),
            doubted=self.rules.gone_at_most > 0,
            hinted_at_most=hinted_at_most,
        )
        return looks.look(codes)

    def rows(self, table):
        return self.shop.rows(table)

    def hinted(self):
        return {row["customer_id"] for row in self.rows(customers) if row["hinted_at"]}


@pytest.fixture
def looking(shop):
    return Looking(shop)


def test_the_first_look_remembers_all_who_hold_a_code_and_hints_at_nobody(looking):
    looking.name("v_1")
    looking.referrals.assign("v_1", 1, 2, 3)

    seen = looking()

    assert (seen.codes.looked, seen.codes.walked, seen.codes.vanished) == (1, 1, 0)
    assert len(looking.rows(holders)) == len(looking.rows(assignments)) == 3
    assert {row["code"] for row in looking.rows(assignments)} == {"CODE-v_1"}
    assert looking.hinted() == set()


def test_whoever_vanished_is_taken_into_the_run_and_read_back_to_the_look_before(looking):
    looking.name("v_1")
    looking.referrals.assign("v_1", 1, 2, 3)
    looking()
    before = looking.clock()
    looking.referrals.assign("v_1", 1, 3)

    seen = looking()

    assert seen.codes.vanished == 1
    (row,) = [row for row in looking.rows(customers) if row["customer_id"] == "cust_2"]
    assert (row["hinted_at"], row["selected_by"]) == (before, "run-2")
    assert looking.hinted() == {"cust_2"}


def test_whoever_vanished_is_read_though_a_webhook_that_told_of_it_was_followed_too_soon(looking):
    looking.name("v_1")
    looking.referrals.assign("v_1", 1, 2)
    looking()
    told = Hint("cust_2", "rh_v_1_002", looking.clock() - timedelta(seconds=30))
    reading = RunProgress(looking.ledger, "run-0", looking.clock())
    with looking.ledger.transaction() as connection:
        take_up(connection, told, "run-0")
    window = Window(looking.clock() - WEEK)
    reading.window_read("cust_2", window, (), looking.clock(), looking.clock())
    assert looking.hinted() == set()
    looking.referrals.assign("v_1", 1)

    looking()

    assert looking.hinted() == {"cust_2"}


def test_somebody_known_from_an_event_alone_vanishes_at_the_first_look(looking):
    looking.name("v_1")
    known = replace(looking.referrals.holder("v_1", 9), code="CODE-v_1")
    reading = RunProgress(looking.ledger, "run-0", looking.clock())
    reading.page_read("cust_9", [Assigned(known)], None, looking.clock())
    looking.referrals.assign("v_1", 1)

    seen = looking()

    assert seen.codes.vanished == 1
    assert looking.hinted() == {"cust_9"}


def test_a_code_whose_text_no_list_told_has_it_from_an_event(looking):
    looking.ledger.set_horizon(looking.clock() - timedelta(days=30))
    name_codes(looking.ledger, [Code("v_1", None, None)], looking.clock())
    looking.referrals.assign("v_1", 1)
    looking()
    assert [row["code"] for row in looking.rows(assignments)] == [None]
    told = replace(looking.referrals.holder("v_1", 1), code="CODE-v_1")

    reading = RunProgress(looking.ledger, "run-0", looking.clock())
    reading.page_read("cust_1", [Assigned(told)], None, looking.clock())

    assert [row["code"] for row in looking.rows(assignments)] == ["CODE-v_1"]
    assert [row["code"] for row in looking.rows(codes)] == ["CODE-v_1"]


def test_whoever_is_missing_still_is_hinted_at_no_second_time(looking):
    looking.name("v_1")
    looking.referrals.assign("v_1", 1, 2)
    looking()
    looking.referrals.assign("v_1", 1)
    looking()
    first = looking.clock()

    seen = looking()

    assert seen.codes.vanished == 0
    (row,) = [row for row in looking.rows(holders) if row["vanished_at"]]
    assert (row["vanished_at"], row["missed_at"]) == (first, looking.clock())


def test_whoever_comes_back_is_not_missing_any_more(looking):
    looking.name("v_1")
    looking.referrals.assign("v_1", 1, 2)
    looking()
    looking.referrals.assign("v_1", 1)
    looking()
    looking.referrals.assign("v_1", 1, 2)

    looking()

    assert [row["vanished_at"] for row in looking.rows(holders)] == [None, None]


@pytest.mark.parametrize("error", [UnavailableError("down"), UnreadableError("odd", signature="x")])
def test_one_code_that_can_not_be_read_stops_no_other_and_makes_nobody_vanish(looking, error):
    looking.name("v_1", "v_2", "v_3")
    for each in ("v_1", "v_2", "v_3"):
        looking.referrals.assign(each, 1)
    looking()
    looking.referrals.errors["v_2"] = error

    seen = looking()

    assert seen.codes.looked == 2
    assert seen.codes.failed + seen.codes.left == 1
    assert seen.stopped_by is None
    assert looking.hinted() == set()


def test_a_hint_stays_until_the_code_was_looked_at(looking):
    looking.name("v_1")
    looking.referrals.assign("v_1", 1)
    with looking.ledger.transaction() as connection:
        connection.execute(codes.update().values(hinted_at=looking.clock()))
    looking.referrals.errors["v_1"] = UnavailableError("down")

    looking(at_most=0)
    assert looking.rows(codes)[0]["hinted_at"] is not None

    looking.referrals.errors.clear()
    looking.clock.wait(minutes=20)
    looking(at_most=0)
    assert looking.rows(codes)[0]["hinted_at"] is None


@pytest.mark.parametrize("hinted", [False, True])
@pytest.mark.parametrize(
    "error", [UnavailableError("down"), UnreadableError("odd", signature="holders")]
)
def test_codes_that_can_never_be_read_keep_no_other_from_its_look(looking, error, hinted):
    bad, good = [f"v_{each}" for each in range(10)], [f"v_{each}" for each in range(10, 30)]
    looking.name(*bad, *good)
    for each in good:
        looking.referrals.assign(each, 1)
    looking.referrals.errors = dict.fromkeys(bad, error)
    if hinted:
        with looking.ledger.transaction() as connection:
            theirs = codes.c.voucher_id.in_(bad)
            connection.execute(codes.update().where(theirs).values(hinted_at=looking.clock()))

    for _ in range(24):
        looking(at_most=4)
        looking.clock.wait(hours=1)

    asked = Counter(looking.referrals.calls)
    assert min(asked[each] for each in good) >= 1
    assert max(asked[each] for each in bad) <= 14


def test_a_code_that_fails_is_looked_at_later_each_time_and_at_least_once_a_day(looking):
    looking.name("v_1")
    looking.referrals.errors["v_1"] = UnreadableError("odd", signature="holders")

    waits = []
    for _ in range(12):
        looking()
        waits.append(looking.rows(codes)[0]["due_at"] - looking.clock().timestamp())

    assert waits[:3] == [900, 1_800, 3_600]
    assert sorted(waits) == waits
    assert waits[-1] == DAY


def test_nothing_is_looked_at_twice_in_a_run_because_it_failed(looking):
    looking.name("v_1", "v_2")
    looking.referrals.assign("v_2", 1)
    looking.referrals.errors["v_1"] = UnreadableError("odd", signature="holders")
    with looking.ledger.transaction() as connection:
        connection.execute(codes.update().values(hinted_at=looking.clock()))

    looking()

    assert sorted(looking.referrals.calls) == ["v_1", "v_2"]


def test_holders_of_a_code_that_can_not_be_read_are_followed_one_by_one(looking):
    looking.name("v_1")
    looking.referrals.assign("v_1", 1)
    looking()
    looking.referrals.errors["v_1"] = UnreadableError("odd", signature="holders")
    followed = []

    for _ in range(4):
        with looking.ledger.read_only() as connection:
            followed.append(holding_of(connection, "cust_1", covered=True))
        looking()

    assert followed == [0, 0, 0, 1]


def test_a_deleted_code_is_one_letter_however_many_held_it(looking):
    looking.name("v_1", "v_2")
    looking.referrals.assign("v_1", *range(50))
    looking.referrals.assign("v_2", 1)
    looking()
    looking.referrals.errors["v_1"] = CodeGoneError("gone", signature="404 not_found")

    seen = looking()

    assert (seen.codes.gone, seen.new_letters) == (1, 1)
    (letter,) = open_letters(looking.ledger)
    assert (letter.kind, "while 50 held it" in letter.reason) == ("code", True)
    assert looking.hinted() == set()
    assert looking().codes.selected == 1


def test_a_deleted_code_whose_holders_only_events_told_of_is_a_letter_too(looking):
    looking.name("v_1", "v_2")
    known = replace(looking.referrals.holder("v_1", 9), code="CODE-v_1")
    reading = RunProgress(looking.ledger, "run-0", looking.clock())
    reading.page_read("cust_9", [Assigned(known)], None, looking.clock())
    looking.referrals.assign("v_2", 1)
    looking.referrals.errors["v_1"] = CodeGoneError("gone", signature="404 not_found")

    looking()

    (letter,) = open_letters(looking.ledger)
    assert "while 1 held it" in letter.reason
    assert [each.holder_id for each in held_of_code(looking.ledger, "v_1")] == ["rh_v_1_009"]


def test_a_deleted_code_that_nobody_held_is_no_letter(looking):
    looking.name("v_1", "v_2")
    looking.referrals.assign("v_1")
    looking.referrals.assign("v_2", 1)
    looking()
    looking.referrals.errors["v_1"] = CodeGoneError("gone", signature="404 not_found")

    assert (looking().codes.gone, open_letters(looking.ledger)) == (1, [])


def test_more_deletions_than_codes_that_were_found_are_believed_on_a_persons_word_only(looking):
    names = [f"v_{each}" for each in range(8)]
    looking.name(*names)
    for each in names:
        looking.referrals.assign(each, 1)
    looking()
    for each in names[:6]:
        looking.referrals.errors[each] = CodeGoneError("gone", signature="404 not_found")

    seen = looking()

    assert (seen.doubted.by, seen.codes.gone, open_letters(looking.ledger)) == ("brake", 0, [])
    assert "6 codes, more than were found" in str(seen.doubted)

    assert looking(at_most=0).codes.selected == 0
    looking.rules = replace(looking.rules, gone_at_most=6)
    assert looking(at_most=0).codes.gone == 6


def test_a_voucherify_that_finds_no_code_at_all_is_asked_no_further(looking):
    names = [f"v_{each:03}" for each in range(80)]
    looking.name(*names)
    gone = CodeGoneError("gone", signature="404 not_found")
    looking.referrals.errors = dict.fromkeys(names, gone)

    seen = looking()

    assert (seen.ended_by.by, open_letters(looking.ledger)) == ("brake", [])
    assert len(looking.referrals.calls) < 60


def among(looking, number, error, **marks):
    """Make twenty codes that can be looked at, behind so many that can't; give the twenty."""
    bad, good = [f"a_{each:04}" for each in range(number)], [f"v_{each}" for each in range(20)]
    looking.name(*bad, *good)
    for each in good:
        looking.referrals.assign(each, 1)
    looking.referrals.errors = dict.fromkeys(bad, error)
    with looking.ledger.transaction() as connection:
        theirs = codes.c.voucher_id.in_(bad)
        connection.execute(codes.update().where(theirs).values(marks))
    return good


def test_a_campaign_of_thousands_that_was_deleted_keeps_no_other_code_waiting(looking):
    gone = CodeGoneError("gone", signature="404 not_found")
    others = among(looking, 2_000, gone, hinted_at=looking.clock())

    for _ in range(2):
        looking(at_most=20, hinted_at_most=20)

    asked = Counter(looking.referrals.calls)
    assert min(asked[each] for each in others) >= 1
    assert len(looking.referrals.calls) <= 80


def test_hundreds_of_codes_that_can_not_be_read_keep_no_other_waiting(looking):
    good = among(looking, 300, UnreadableError("odd", signature="holders"), failures=4)

    looking()

    asked = Counter(looking.referrals.calls)
    assert [asked[each] for each in good] == [1] * 20


def test_a_key_that_may_not_read_holders_ends_the_looks_and_no_more(looking):
    looking.name("v_1", "v_2", "v_3")
    refused = PermissionRefusedError("not allowed")
    looking.referrals.errors = dict.fromkeys(("v_1", "v_2", "v_3"), refused)

    seen = looking()

    assert isinstance(seen.ended_by, PermissionRefusedError)
    assert "no more codes are looked at in this run: not allowed" in str(seen.ended_by)
    assert seen.stopped_by is None
    assert len(looking.referrals.calls) == 1


@pytest.mark.parametrize("error", [CredentialsRefusedError("no"), ParkError("budget", by="budget")])
def test_what_ends_all_calls_ends_the_looks_after_one(looking, error):
    looking.name("v_1", "v_2", "v_3")
    looking.referrals.errors = dict.fromkeys(("v_1", "v_2", "v_3"), error)

    assert looking().stopped_by is error
    assert len(looking.referrals.calls) == 1


def test_five_lists_in_a_row_that_can_not_be_read_alike_end_the_looks(looking):
    names = [f"v_{each}" for each in range(20)]
    looking.name(*names)
    odd = UnreadableError("odd", signature="holders")
    looking.referrals.errors = dict.fromkeys(names, odd)

    assert isinstance(looking().ended_by, VendorChangedError)
    assert len(looking.referrals.calls) < 12


def test_the_first_codes_that_are_due_are_looked_at_and_each_once(looking):
    names = [f"v_{each}" for each in range(6)]
    looking.name(*names)
    for each in names:
        looking.referrals.assign(each, 1)

    looking(at_most=4)
    assert looking.referrals.calls == names[:4]
    looking(at_most=4)
    assert looking.referrals.calls[4:] == [*names[4:], *names[:2]]


def test_a_code_that_was_looked_at_by_a_clock_ahead_is_looked_at_again_and_once_in_a_run(looking):
    looking.name("v_1")
    looking.referrals.assign("v_1", 1)
    looking.clock.wait(days=400)
    looking()
    looking.clock.wait(days=-400)

    assert looking().codes.looked == 1
    assert looking.referrals.calls == ["v_1", "v_1"]


def test_codes_of_a_campaign_that_is_ending_are_due_at_once(looking):
    looking.name("v_1", "v_2")
    looking.referrals.assign("v_1", *range(20))
    looking.referrals.assign("v_2", *range(5))
    looking()
    later = looking.rows(codes)[1]["due_at"]
    looking.referrals.assign("v_1")

    looking(at_most=1)

    pulled = looking.rows(codes)[1]["due_at"]
    assert pulled == looking.clock().timestamp() < later


@pytest.mark.parametrize("kept", [{"failures": 2}, {"doubted": True}, {"gone_at": NOW}])
def test_a_campaign_that_is_ending_hurries_no_code_that_can_not_be_read(looking, kept):
    looking.name("v_1", "v_2")
    looking.referrals.assign("v_1", *range(20))
    looking.referrals.assign("v_2", *range(5))
    looking()
    with looking.ledger.transaction() as connection:
        theirs = codes.c.voucher_id == "v_2"
        connection.execute(codes.update().where(theirs).values(**kept))
    later = looking.rows(codes)[1]["due_at"]
    looking.referrals.assign("v_1")

    looking(at_most=1)

    assert looking.rows(codes)[1]["due_at"] == later


def test_a_stop_stores_what_was_read_and_leaves_the_rest(looking):
    names = [f"v_{each}" for each in range(20)]
    looking.name(*names)
    for each in names:
        looking.referrals.assign(each, 1)
    looking.shop.watch.patience = 0

    seen = looking()

    assert seen.stopped_by.by == "signal"
    assert seen.codes.looked == len({row["voucher_id"] for row in looking.rows(holders)}) < 20
