"""Looks at codes, stored: of thousands in parts, each of them short; and who is read for them."""

from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta

import pytest

from sync.ledger.codes import known_holders, name_codes
from sync.ledger.looks import StoredLook, store_look
from sync.ledger.scheduled import RunProgress
from sync.ledger.tables import codes, customers
from sync.model.holding import Code
from sync.model.planning import CodeHistory
from sync.model.window import Window

MANY = 1_200


class StoppedError(Exception):
    """The process was killed."""


@pytest.fixture
def look(ledger, now, assigned):
    """Make a look at a code whose first so many holders came or went."""
    ledger.bind("https://api.example", "app", now)
    name_codes(ledger, [Code("v_1", "ONE", None)], now)
    held = [
        assigned(f"rh_{each}", customer_id=f"cust_{each}", voucher_id="v_1").assignment
        for each in range(MANY)
    ]

    def look(came=(), went=()):
        return StoredLook(
            voucher_id="v_1",
            began=now + timedelta(hours=1),
            since=now,
            total=len(came),
            newest=None,
            walked=True,
            history=CodeHistory(),
            due_at=0.0,
            appeared=held[: len(came)],
            vanished=[each.holder_id for each in held[: len(went)]],
            missing=(),
            back=(),
        )

    return look


def test_thousands_who_come_and_go_are_stored_and_hinted_at(ledger, rows, look):
    store_look(ledger, look(came=range(MANY)), "run-1")
    assert len(known_holders(ledger, "v_1")) == MANY

    store_look(ledger, look(went=range(MANY)), "run-2")

    assert set(known_holders(ledger, "v_1").values()) == {True}
    assert {row["selected_by"] for row in rows(ledger, customers)} == {"run-2"}
    assert len(rows(ledger, customers)) == MANY


def test_a_look_that_is_cut_off_between_its_parts_was_not_made(ledger, rows, look, monkeypatch):
    whole, left = ledger.transaction, [2]

    @contextmanager
    def until_killed():
        if not left[0]:
            raise StoppedError
        left[0] -= 1
        with whole() as connection:
            yield connection

    monkeypatch.setattr(type(ledger), "transaction", lambda _: until_killed())
    with pytest.raises(StoppedError):
        store_look(ledger, look(came=range(MANY)), "run-1")
    monkeypatch.undo()
    (code,) = rows(ledger, codes)
    assert (code["total"], code["looked_at"]) == (None, None)
    assert len(known_holders(ledger, "v_1")) == 1_000

    store_look(ledger, look(came=range(MANY)), "run-2")

    assert len(known_holders(ledger, "v_1")) == MANY


def test_thousands_are_stored_in_transactions_of_five_hundred(ledger, look, monkeypatch):
    whole, sizes = ledger.transaction, []

    @contextmanager
    def counted():
        with whole() as connection:
            yield connection
            sizes.append(sum(known_holders(ledger, "v_1").values()))

    store_look(ledger, look(came=range(MANY)), "run-1")
    monkeypatch.setattr(type(ledger), "transaction", lambda _: counted())
    store_look(ledger, look(went=range(MANY)), "run-2")

    # Before each commit, as somebody else sees it.
    assert sizes == [0, 500, 1_000]


@pytest.mark.parametrize("clock_off", [timedelta(days=-41), timedelta(), timedelta(days=41)])
def test_whoever_vanished_is_looked_for_once_more_after_a_read_that_was_resumed(
    ledger, rows, look, now, clock_off
):
    gone = look(went=range(1))
    gone = replace(gone, since=gone.since + clock_off, began=gone.began + clock_off)
    store_look(ledger, look(came=range(1)), "run-1")
    store_look(ledger, gone, "run-2")
    window, later = Window(now - timedelta(days=1)), now + timedelta(days=2)
    reading = RunProgress(ledger, "run-2", gone.began)

    reading.window_read("cust_0", window, (), None, later, began=now, looked_from=now)
    hinted_after_resumed = [row["hinted_at"] is not None for row in rows(ledger, customers)]
    reading.window_read("cust_0", window, (), None, later, began=later)

    assert hinted_after_resumed == [True]
    assert [row["hinted_at"] for row in rows(ledger, customers)] == [None]
