"""What customers hold by their own list: who is asked for, and what a missing one means."""

from datetime import timedelta

import pytest

from sync.ledger.believed import store_believed
from sync.ledger.codes import name_codes
from sync.ledger.forgotten import forget
from sync.ledger.holdings import ToAsk, store_held, to_ask
from sync.ledger.reconciling import known_of
from sync.ledger.tables import codes, customers
from sync.model.believed import BelievedHolder
from sync.model.event import Gone
from sync.model.holding import Code

WEEK = timedelta(days=7)
HOUR = timedelta(hours=1)
BY_ID = BelievedHolder("1", "cust_1", "rh_1", None)
BY_CODE = BelievedHolder("2", "cust_2", None, "CODE")


@pytest.fixture
def held(assigned):
    """Give one assignment."""
    return lambda holder_id, **about: assigned(holder_id, **about).assignment


@pytest.fixture
def asking(ledger, now):
    """Give whom a page names to be asked, so many hours after the beginning."""
    ledger.bind("https://api.example", "app", now)
    ledger.set_horizon(now - timedelta(days=30))

    def asking(*page, hours=0):
        at = now + timedelta(hours=hours)
        found = to_ask(ledger, page, asked_since=at - WEEK, missed_until=at - HOUR)
        return [(each.customer_id, *each.holder_ids) for each in found]

    return asking


@pytest.fixture
def looked_at(ledger, now):
    """Let a code be looked at."""

    def looked_at(voucher_id):
        name_codes(ledger, [Code(voucher_id, None, None)], now)
        with ledger.transaction() as connection:
            connection.execute(codes.update().values(looked_at=now, walked_at=now))

    return looked_at


@pytest.fixture
def missing(ledger, now):
    """Give the records that show what nobody holds, for what was asked since the beginning."""

    def missing(*page, since=now):
        known = known_of(ledger, "memory-1", page, since)
        return [record for record, each in known.items() if each.missing]

    return missing


@pytest.mark.usefixtures("asking")
def test_a_code_without_a_holder_s_id_is_missing_if_its_customer_does_not_hold_it(
    ledger, now, held, missing
):
    assert missing(BY_CODE) == []
    other = held("rh_2", customer_id="cust_2", code="OTHER")
    store_held(ledger, ToAsk("cust_2", ()), [other], now)

    assert missing(BY_CODE) == ["2"]
    assert missing(BY_CODE, since=now + HOUR) == []
    same = held("rh_3", customer_id="cust_2", code="CODE", voucher_id="v_3")
    store_held(ledger, ToAsk("cust_2", ()), [other, same], now + HOUR)
    assert missing(BY_CODE) == []


def test_what_was_there_is_asked_for_after_a_week_and_what_was_not_after_a_lookback(
    ledger, now, held, asking
):
    there = held("rh_2", customer_id="cust_2", code="CODE")
    store_held(ledger, ToAsk("cust_1", ("rh_1",)), [], now)
    store_held(ledger, ToAsk("cust_2", ()), [there], now)

    assert asking(BY_ID, BY_CODE) == []
    assert asking(BY_ID, BY_CODE, hours=1) == [("cust_1", "rh_1")]
    store_held(ledger, ToAsk("cust_1", ("rh_1",)), [], now + HOUR)
    assert asking(BY_ID, BY_CODE, hours=2) == []
    assert asking(BY_ID, BY_CODE, hours=170) == [("cust_1", "rh_1"), ("cust_2",)]


def test_what_is_believed_anew_is_asked_for_though_its_customer_was(ledger, now, asking):
    store_held(ledger, ToAsk("cust_1", ()), [], now)

    assert asking(BY_ID) == [("cust_1", "rh_1")]


def test_what_looks_at_codes_follow_needs_no_call(ledger, now, held, asking, looked_at):
    both = [held("rh_1"), held("rh_2", code="CODE")]
    store_held(ledger, ToAsk("cust_1", ()), both, now)
    by_code = BelievedHolder("2", "cust_1", None, "CODE")
    assert asking(BY_ID, by_code, hours=200) == [("cust_1", "rh_1")]
    looked_at(held("rh_1").voucher_id)

    assert asking(BY_ID, by_code, hours=200) == []


def test_whom_a_person_wants_forgotten_and_who_is_gone_are_not_asked_for(ledger, now, asking, at):
    forget(ledger, "cust_1", now, drop_pending=True)
    at().select_named(["cust_2"])
    at().gone(Gone("cust_2"), now)

    assert asking(BY_ID, BY_CODE) == []


@pytest.mark.usefixtures("asking")
def test_an_owner_is_never_missing_since_only_a_friend_can_be_taken_off(ledger, now, held, missing):
    store_held(ledger, ToAsk("cust_1", ("rh_1",)), [held("rh_1", role="OWNER")], now)

    assert missing(BY_ID) == []


@pytest.mark.usefixtures("asking")
def test_their_own_list_lets_nobody_count_as_followed_by_looks_at_codes(ledger, now, rows, held):
    store_held(ledger, ToAsk("cust_1", ("rh_1",)), [held("rh_1")], now)

    store_believed(ledger, [BY_ID], now)

    assert [row["believed_at"] for row in rows(ledger, customers)] == [now]


@pytest.mark.usefixtures("asking")
def test_whoever_is_there_again_is_not_missing_any_more(ledger, now, held, missing):
    store_held(ledger, ToAsk("cust_1", ("rh_1",)), [], now)
    assert missing(BY_ID) == ["1"]

    store_held(ledger, ToAsk("cust_1", ("rh_1",)), [held("rh_1")], now + HOUR)

    assert missing(BY_ID) == []
