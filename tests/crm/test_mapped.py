"""Slots over any contacts: found by rule, decided in order, written in few calls."""

from collections import Counter

import pytest

from sync.crm.adapter import CredentialsRefusedError, Outcome, Result
from sync.crm.mapped import CrmBusyError, MappedWriter, Record, rules_of
from sync.crm.mapping import Slot, SlotMapping

RETRY = Outcome.retry("the CRM is down")
BY_CODE = Slot(code="code")


class Book:
    """Contacts in memory, a dictionary each, in the place of a CRM."""

    at_once = 3

    def __init__(self, *contacts):
        self.rows = {str(number): dict(row) for number, row in enumerate(contacts)}
        self.calls = Counter()
        self.refused = {}
        self.errors = {}

    def _call(self, kind):
        self.calls[kind] += 1
        if error := self.errors.get((kind, self.calls[kind])):
            raise error

    def find(self, where, values, fields):
        self._call("find")
        assert len(values) <= self.at_once
        found = {value: [] for value in values}
        for record_id, row in self.rows.items():
            value = record_id if where is None else row.get(where)
            if value in found:
                shown = {name: row.get(name, "") for name in fields}
                found[value].append(Record(record_id, shown))
        return found

    def write(self, changes):
        self._call("write")
        assert len(changes) <= self.at_once
        told = [self.refused.get(each.record_id) for each in changes]
        for change, outcome in zip(changes, told, strict=True):
            if outcome is None:
                self.rows[change.record_id] |= change.after
        return told


def mapping(*slots, find=("prop:vid = customer_id",)):
    return SlotMapping(find=find, slot=slots or (BY_CODE,))


def holds(customer_id, code="FRIEND-1", **fields):
    return {"vid": customer_id, "code": code, **fields}


@pytest.fixture
def end(unassignment):
    """Unassign FRIEND-1 of these customers, or these unassignments; give the results."""

    def end(book, *about, by=None):
        batch = [
            unassignment(f"rh_{number}", customer_id=each) if isinstance(each, str) else each
            for number, each in enumerate(about)
        ]
        return [
            each.result for each in MappedWriter(rules_of(by or mapping()), book).unassign(batch)
        ]

    return end


def test_each_is_answered_in_its_place_and_only_what_shows_it_is_changed(end):
    book = Book(holds("a"), holds("b", "OTHER"), holds("c", ""), holds("d", name="Dan"))

    results = end(book, "d", "nobody", "b", "c")

    assert results == [
        Result.REMOVED,
        Result.CONTACT_NOT_FOUND,
        Result.SUPERSEDED,
        Result.ALREADY_REMOVED,
    ]
    assert list(book.rows.values()) == [
        holds("a"),
        holds("b", "OTHER"),
        holds("c", ""),
        holds("d", "", name="Dan"),
    ]


def test_a_batch_costs_one_read_and_one_write_per_so_many_at_once(end):
    book = Book(*(holds(f"c{number}") for number in range(7)))

    assert end(book, *(f"c{number}" for number in range(7))) == [Result.REMOVED] * 7
    assert book.calls == {"find": 3, "write": 3}


def test_what_changes_nothing_is_not_written(end):
    book = Book(holds("a", ""), holds("b", "OTHER"))

    end(book, "a", "b", "nobody")

    assert book.calls == {"find": 1}


def test_the_rules_are_tried_in_order_until_one_hits(end, unassignment):
    book = Book({"shop": "7", "code": "FRIEND-1"}, {"vid": "b", "shop": "7x", "code": "FRIEND-1"})
    by = mapping(find=("prop:vid = customer_id", "prop:shop = source_id", "record_id = source_id"))

    results = end(
        book,
        unassignment("rh_1", customer_id="a", source_id="7"),
        unassignment("rh_2", customer_id="b", source_id="7"),
        unassignment("rh_3", customer_id="c", source_id="1"),
        unassignment("rh_4", customer_id="d", source_id=None),
        by=by,
    )

    assert results == [
        Result.REMOVED,
        Result.REMOVED,
        Result.ALREADY_REMOVED,
        Result.CONTACT_NOT_FOUND,
    ]


@pytest.mark.parametrize("value", [None, "", "  "])
def test_what_is_not_known_finds_nobody(end, unassignment, value):
    book = Book({"vid": value or "", "code": "FRIEND-1"})
    by = mapping(find=("prop:vid = source_id", "email = email"))

    about = unassignment("rh_1", source_id=value, email=value)

    assert end(book, about, by=by) == [Result.CONTACT_NOT_FOUND]
    assert book.calls == {}


def test_several_hits_are_left_to_a_person_though_a_later_rule_has_one(end):
    book = Book(holds("a"), holds("a"), {"mail": "ann@example.com", "code": "FRIEND-1"})
    by = mapping(find=("prop:vid = customer_id", "prop:mail = email"))

    assert end(book, "a", by=by) == [Result.REJECTED]
    assert book.calls == {"find": 1}


def test_two_unassignments_of_one_contact_become_one_write(end, unassignment):
    book = Book(holds("a", "A;FRIEND-1;B;C"))
    by = mapping(Slot(code="code", multi=";"))

    results = end(
        book,
        *(unassignment(f"rh_{code}", customer_id="a", code=code) for code in ("B", "A", "B")),
        by=by,
    )

    assert results == [Result.REMOVED, Result.REMOVED, Result.ALREADY_REMOVED]
    assert book.rows["0"]["code"] == "FRIEND-1;C"
    assert book.calls["write"] == 1


def test_a_contact_that_can_not_be_written_concerns_only_its_own(end, unassignment):
    book = Book(holds("a", other=""), holds("b"))
    book.refused["0"] = Outcome.rejected("a validation rule forbids it")
    by = mapping(Slot(campaign="other", code="other"), BY_CODE)

    results = end(
        book,
        unassignment("rh_1", customer_id="a"),
        unassignment("rh_2", customer_id="b"),
        unassignment("rh_1", customer_id="a"),
        unassignment("rh_3", customer_id="a", campaign_name="other"),
        by=by,
    )

    assert results == [Result.REJECTED, Result.REMOVED, Result.REJECTED, Result.ALREADY_REMOVED]
    assert book.rows == {"0": holds("a", other=""), "1": holds("b", "")}


def test_a_crm_that_is_down_while_it_is_read_takes_nothing(end):
    book = Book(*(holds(f"c{number}") for number in range(6)))
    book.errors["find", 2] = CrmBusyError(RETRY)

    assert end(book, *(f"c{number}" for number in range(6))) == [Result.RETRY] * 6
    assert book.calls["write"] == 0


def test_a_crm_that_goes_down_while_it_is_written_keeps_what_it_took(end):
    book = Book(*(holds(f"c{number}") for number in range(7)))
    book.errors["write", 2] = CrmBusyError(RETRY)

    results = end(book, *(f"c{number}" for number in range(7)))

    assert results == [Result.REMOVED] * 3 + [Result.RETRY] * 4
    assert [row["code"] for row in book.rows.values()] == [""] * 3 + ["FRIEND-1"] * 4
    assert book.calls["write"] == 2


def test_what_a_person_has_to_do_is_not_swallowed(end):
    book = Book(holds("a"))
    book.errors["find", 1] = CredentialsRefusedError("the token was refused")

    with pytest.raises(CredentialsRefusedError):
        end(book, "a")


def test_a_preview_says_what_follows_and_writes_nothing(unassignment):
    book = Book(holds("a"), holds("b", "OTHER"))
    batch = [unassignment(f"rh_{who}", customer_id=who) for who in ("a", "b", "a", "nobody")]
    writer = MappedWriter(rules_of(mapping()), book)

    foretold = writer.preview(batch)

    assert book.calls["write"] == 0
    assert foretold == writer.unassign(batch)
