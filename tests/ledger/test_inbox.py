"""What webhooks told is stored once, and handed to the next run."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
import sqlalchemy as sa

from sync.ledger.codes import name_codes
from sync.ledger.findings import remember_assignments, store_findings
from sync.ledger.forgotten import forget
from sync.ledger.inbox import (
    KEPT_FOR,
    count_unassigned_since,
    receiver_state,
    store,
    take_inbox,
)
from sync.ledger.tables import codes, customers, inbox
from sync.model.holding import Code
from sync.model.received import Received
from sync.voucherify.webhook import LONGEST_ID


@pytest.fixture
def told(ledger, now):
    ledger.bind("https://api.example", "app", now)
    ledger.set_horizon(now - timedelta(days=30))

    def of(number=1, kind="holder", **named):
        named = named or {"customer_id": f"cust_{number}", "holder_id": f"rh_{number}"}
        return Received(f"evcus_{number}", kind, now, **named)

    return of


def hinted(ledger, table=customers, key="customer_id"):
    with ledger.read_only() as connection:
        query = sa.select(table.c[key], table.c.hinted_at).where(table.c.hinted_at.is_not(None))
        return dict(tuple(row) for row in connection.execute(query))


def test_a_hint_is_handed_over_once(ledger, now, told):
    store(ledger, [told(1), told(2), None], now)

    assert take_inbox(ledger, "run-1", now) == 2
    assert hinted(ledger) == {"cust_1": now, "cust_2": now}
    assert take_inbox(ledger, "run-2", now) == 0


def test_the_longest_ids_are_stored_and_handed_over(ledger, now, told):
    # No two alike next to one another, or a server would keep them in less room.
    longest = "".join(chr(0x10000 + (7919 * each) % 60_000) for each in range(LONGEST_ID))
    store(ledger, [replace(told(1, customer_id=longest, holder_id=longest), key=longest)], now)

    assert take_inbox(ledger, "run-1", now) == 1
    assert hinted(ledger).keys() == {longest}


def test_many_are_handed_over_in_parts_and_none_is_left(ledger, now, told):
    for start in range(0, 1_200, 400):
        store(ledger, [told(each) for each in range(start, start + 400)], now)

    assert take_inbox(ledger, "run-1", now) == 1_200
    assert len(hinted(ledger)) == 1_200


def test_a_replay_changes_nothing_before_and_after_it_was_taken(ledger, now, told):
    store(ledger, [told(1), told(1)], now)
    take_inbox(ledger, "run-1", now)
    store(ledger, [told(1)], now)

    assert take_inbox(ledger, "run-2", now) == 0


def test_what_was_taken_long_ago_is_dropped_and_what_was_not_is_kept(ledger, now, told, rows):
    store(ledger, [told(1)], now)
    take_inbox(ledger, "run-1", now)
    store(ledger, [told(2)], now)

    take_inbox(ledger, "run-2", now + KEPT_FOR + timedelta(hours=1))

    assert [row["key"] for row in rows(ledger, inbox)] == ["evcus_2"]


def test_a_deleted_customer_is_asked_only_if_it_is_known(ledger, now, told, rows):
    with ledger.transaction() as connection:
        connection.execute(customers.insert().values(customer_id="cust_1", listed_at=now))
    gone = [told(each, "customer", customer_id=f"cust_{each}") for each in (1, 2)]

    store(ledger, gone, now)
    take_inbox(ledger, "run-1", now)

    assert hinted(ledger) == {"cust_1": now}
    assert len(rows(ledger, customers)) == 1


def test_a_deleted_customer_is_asked_whom_only_a_look_at_a_code_told_of(
    ledger, now, told, rows, assigned
):
    with ledger.transaction() as connection:
        seen = [assigned("rh_1"), assigned("rh_2", customer_id="cust_2")]
        store_findings(connection, seen, asked=None, run_id="run-1", now=now)
        connection.execute(customers.insert().values(customer_id="cust_2", gone_at=now))
    gone = [told(each, "customer", customer_id=f"cust_{each}") for each in (1, 2, 3)]

    store(ledger, gone, now)
    take_inbox(ledger, "run-1", now)

    assert hinted(ledger) == {"cust_1": now}
    assert len(rows(ledger, customers)) == 2


def test_a_deleted_campaign_lets_codes_be_looked_at_that_a_person_named(
    ledger, now, told, assigned
):
    name_codes(ledger, [Code(f"v_{each}", None, None) for each in (1, 2, 3)], now)
    of = [assigned("rh_1", campaign_id="camp_1"), assigned("rh_2", campaign_id="camp_2")]
    held = [replace(each.assignment, voucher_id=f"v_{n}") for n, each in enumerate(of, 1)]
    with ledger.transaction() as connection:
        remember_assignments(connection, held)
    store(ledger, [told(1, "campaign", campaign_id="camp_1")], now)

    take_inbox(ledger, "run-1", now)

    assert set(hinted(ledger, codes, "voucher_id")) == {"v_1"}


def test_deleted_codes_and_campaigns_let_codes_be_looked_at(ledger, now, told):
    named = [Code(f"v_{each}", None, f"camp_{each % 2}") for each in range(4)]
    name_codes(ledger, named, now)
    store(
        ledger,
        [told(1, "code", voucher_id="v_0"), told(2, "campaign", campaign_id="camp_1")],
        now,
    )

    take_inbox(ledger, "run-1", now)

    assert set(hinted(ledger, codes, "voucher_id")) == {"v_0", "v_1", "v_3"}


def test_a_receiver_whose_clock_is_ahead_keeps_no_code_hinted_at(ledger, now, told):
    name_codes(ledger, [Code("v_1", None, "camp_1"), Code("v_2", None, "camp_2")], now)
    ahead = now + timedelta(days=10)
    store(ledger, [told(1, "code", voucher_id="v_1")], ahead)
    store(ledger, [told(2, "campaign", campaign_id="camp_2")], ahead)

    take_inbox(ledger, "run-1", now)

    assert hinted(ledger, codes, "voucher_id") == {"v_1": now, "v_2": now}


def test_who_was_forgotten_is_not_asked_and_nothing_of_them_stays(ledger, now, told, rows):
    store(ledger, [told(1)], now)
    forget(ledger, "cust_1", now, drop_pending=False)
    assert rows(ledger, inbox) == []
    store(ledger, [told(1), told(2), told(3, "customer", customer_id="cust_1")], now)
    assert {row["customer_id"] for row in rows(ledger, inbox)} == {"cust_2"}

    take_inbox(ledger, "run-1", now)

    assert hinted(ledger).keys() == {"cust_2"}


def test_who_was_forgotten_while_a_webhook_was_stored_does_not_stay(ledger, now, told, rows):
    store(ledger, [told(1), told(2)], now)
    stored = rows(ledger, inbox)
    forget(ledger, "cust_1", now, drop_pending=False)
    with ledger.transaction() as connection:
        connection.execute(sa.delete(inbox))
        connection.execute(sa.insert(inbox), stored)

    take_inbox(ledger, "run-1", now)

    assert hinted(ledger).keys() == {"cust_2"}
    assert {row["customer_id"] for row in rows(ledger, inbox)} == {"cust_2"}


def test_what_came_is_counted_and_holders_for_themselves(ledger, now, told):
    assert receiver_state(ledger).received == 0
    store(ledger, [None, told(1, "code", voucher_id="v_0")], now)
    assert receiver_state(ledger).holder_first_at is None

    store(ledger, [told(2)], now + timedelta(hours=1))
    store(ledger, [told(3), None], now + timedelta(hours=2))

    state = receiver_state(ledger)
    assert (state.received, state.last_at) == (5, now + timedelta(hours=2))
    assert state.holder_first_at == now + timedelta(hours=1)
    assert state.holder_last_at == now + timedelta(hours=2)


def test_unassignments_that_no_event_told_of_are_no_sign_of_missing_webhooks(
    ledger, now, unassigned
):
    found = [unassigned("rh_1"), unassigned("rh_2", event_id="derived:customer_gone:rh_2")]
    with ledger.transaction() as connection:
        store_findings(connection, found, asked=None, run_id="run-1", now=now)

    assert count_unassigned_since(ledger, datetime(2020, 1, 1, tzinfo=UTC)) == 1


def test_unassignments_after_no_time_at_all_are_none(ledger, now):
    assert count_unassigned_since(ledger, None) == count_unassigned_since(ledger, now) == 0


@pytest.mark.on_a_server
def test_what_gets_its_number_first_and_is_stored_last_is_not_passed_over(ledger, now, told):
    """A receiver was given a number, and stores only while a run takes up what came behind it."""
    receiver = ledger.engine.connect()
    columns = {"kind": "holder", "at": now, "received_at": now}
    late = {"key": "late", "customer_id": "cust_late", "holder_id": "rh_late"}
    receiver.execute(sa.insert(inbox).values(**columns, **late))
    store(ledger, [told(1)], now)

    @sa.event.listens_for(ledger.engine, "before_cursor_execute")
    def stores(_connection, _cursor, statement, *_):
        if statement.startswith("UPDATE inbox") and receiver.in_transaction():
            receiver.commit()

    take_inbox(ledger, "run-1", now)
    sa.event.remove(ledger.engine, "before_cursor_execute", stores)
    receiver.close()
    take_inbox(ledger, "run-2", now)

    assert hinted(ledger).keys() == {"cust_1", "cust_late"}
