"""Looks at codes that thousands hold: stored in parts, each of them short."""

from contextlib import contextmanager
from datetime import timedelta

import pytest

from sync.ledger.codes import known_holders, name_codes
from sync.ledger.looks import StoredLook, store_look
from sync.ledger.tables import codes, customers
from sync.model.holding import Code
from sync.model.planning import CodeHistory

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
