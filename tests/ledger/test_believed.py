"""Whom the CRM believes to hold something: who is followed for that, and how soon."""

from datetime import timedelta

import pytest

from sync.ledger.believed import store_believed
from sync.ledger.codes import name_codes
from sync.ledger.looks import keep_holders
from sync.ledger.planning import mark_seen
from sync.ledger.scheduled import RunProgress
from sync.ledger.tables import codes, customers
from sync.model.believed import BelievedHolder
from sync.model.holding import Code
from sync.model.window import Window

LONGEST = 7 * 86_400.0
SWEEP = 90 * 86_400.0
IN_V_1 = BelievedHolder("1", "cust_1", "rh_1", "ONE")


@pytest.fixture
def followed(ledger, now, assigned, rows):
    """Give who is followed of those whom the CRM names; a look covers rh_1 of cust_1."""
    ledger.bind("https://api.example", "app", now)
    name_codes(ledger, [Code("v_1", "ONE", None)], now)
    with ledger.transaction() as connection:
        connection.execute(codes.update().values(looked_at=now))
        keep_holders(connection, [assigned("rh_1", customer_id="cust_1").assignment])

    def followed(*page):
        store_believed(ledger, page, now)
        mark_seen(ledger, now.timestamp(), LONGEST, covered=True)
        return {row["customer_id"] for row in rows(ledger, customers) if row["seen"]}

    return followed


def test_what_a_look_covers_is_not_followed_and_whatever_else_the_same_customer_holds_is(followed):
    assert followed(IN_V_1, BelievedHolder("2", "cust_1", None, "ONE")) == set()
    assert followed(IN_V_1, BelievedHolder("3", "cust_1", "rh_2", "TWO")) == {"cust_1"}


def test_a_code_that_no_look_covers_is_followed_though_its_holders_id_is_not_told(followed):
    assert followed(IN_V_1, BelievedHolder("3", "cust_1", None, "TWO")) == {"cust_1"}


def test_a_customer_alone_is_covered_by_any_look(followed):
    assert followed(BelievedHolder("1", "cust_1")) == set()
    assert followed(BelievedHolder("2", "cust_2")) == {"cust_2"}


def test_whom_a_crm_alone_believes_to_hold_something_is_read_as_often_as_other_holders(
    ledger, now, rows, followed
):
    followed(BelievedHolder("2", "cust_2", "rh_2", None))
    reading = RunProgress(
        ledger,
        "run-1",
        now,
        due=lambda holding, _, at: at.timestamp() + (LONGEST if holding else SWEEP),
    )

    reading.window_read("cust_2", Window(now - timedelta(days=1)), (), now, now)

    (row,) = rows(ledger, customers)
    assert row["due_at"] == now.timestamp() + LONGEST


def test_many_who_are_followed_at_once_are_due_one_after_the_other(ledger, now, rows, followed):
    followed(*(BelievedHolder(f"{each}", f"cust_{each:04}") for each in range(1_000)))

    due = sorted(row["due_at"] - now.timestamp() for row in rows(ledger, customers))
    assert (due[0], due[-1]) == (0, pytest.approx(LONGEST * 0.999))
    assert due[500] == pytest.approx(LONGEST / 2)
