"""What an unassignment means for the record that is its assignment."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sync.crm.adapter import Outcome, Result
from sync.crm.mapped.mapping import FindRule, RecordMapping, RecordPart
from sync.crm.mapped.records import RecordRules
from sync.crm.mapped.writer import MappedWriter, rules_of
from tests.crm.mapped.book import Book

WITH_STATUS = RecordPart(
    holder_id="held",
    status="status",
    clear=("discount",),
    set={"ended_on": "{unassigned_on}", "by": "{event_id}"},
)
NULLED = RecordPart(holder_id="held", clear=("code", "discount"))
DELETED = RecordPart(holder_id="held", delete=True)
PARTS = (WITH_STATUS, NULLED, DELETED)


def mapping(part):
    return RecordMapping(object="assignments", record=part)


def becomes(part, about, shown):
    """Give the result, and what the record shows afterwards; None once it is deleted."""
    decision = RecordRules(mapping(part)).decide(about, shown)
    return decision.outcome.result, None if decision.deletes else {**shown, **decision.changes}


@pytest.fixture
def end():
    def end(part, book, *batch):
        outcomes = MappedWriter(rules_of(mapping(part)), book).unassign(batch)
        return [outcome.result for outcome in outcomes]

    return end


@pytest.mark.parametrize(
    ("part", "shown", "result"),
    [
        (WITH_STATUS, {"status": "assigned"}, Result.REMOVED),
        (WITH_STATUS, {"status": ""}, Result.REMOVED),
        (WITH_STATUS, {}, Result.REMOVED),
        (WITH_STATUS, {"status": "Unassigned"}, Result.REMOVED),
        (WITH_STATUS, {"status": "unassigned", "discount": "9"}, Result.ALREADY_REMOVED),
        (WITH_STATUS, {"status": " unassigned\n"}, Result.ALREADY_REMOVED),
        (NULLED, {"code": "FRIEND-1", "discount": ""}, Result.REMOVED),
        (NULLED, {"code": "OTHER", "discount": ""}, Result.REMOVED),
        (NULLED, {"code": "", "discount": "9"}, Result.REMOVED),
        (NULLED, {"code": " ", "discount": "\n"}, Result.ALREADY_REMOVED),
        (NULLED, {}, Result.ALREADY_REMOVED),
        (DELETED, {}, Result.REMOVED),
    ],
)
def test_a_record_ends_unless_it_shows_that_it_has(part, shown, result, unassignment):
    assert becomes(part, unassignment(), shown)[0] is result


def test_a_record_that_ends_says_so_in_the_fields_that_the_mapping_names(unassignment):
    shown = {"status": "assigned", "discount": "9", "note": "x"}

    _, after = becomes(WITH_STATUS, unassignment(), shown)

    assert after == {
        "status": "unassigned",
        "discount": "",
        "ended_on": "2026-03-02",
        "by": "evcus_rh_1",
        "note": "x",
    }


@pytest.mark.parametrize("part", PARTS)
def test_a_newer_assignment_is_another_record_and_changes_nothing_here(part, unassignment):
    shown = {"status": "assigned", "code": "FRIEND-1"}
    about = unassignment()

    assert becomes(part, replace(about, superseded_by="rh_2"), shown) == becomes(part, about, shown)


@pytest.mark.parametrize("part", PARTS)
def test_nobody_is_asked_about_a_record_and_none_is_answered_unseen(part, unassignment):
    rules = RecordRules(mapping(part))

    assert rules.answered(unassignment()) is None
    assert not rules.rests_on_code(unassignment(), {"code": "FRIEND-1"})
    assert rules.find == (FindRule("held", "holder_id"),)
    assert rules.nobody == Outcome(Result.ASSIGNMENT_NOT_FOUND)


def test_what_only_tells_is_not_compared_when_it_is_taken_back():
    assert RecordRules(mapping(WITH_STATUS)).told == {"ended_on", "by"}


@pytest.mark.parametrize("part", PARTS)
def test_two_records_of_one_assignment_are_left_to_a_person(part, end, unassignment):
    twin = {"held": "rh_1", "status": "assigned", "code": "FRIEND-1"}
    book = Book(twin, twin)

    assert end(part, book, unassignment("rh_1")) == [Result.REJECTED]
    assert book.rows == {"0": twin, "1": twin}


def test_an_unassignment_twice_in_a_batch_is_written_once(end, unassignment):
    book = Book({"held": "rh_1", "status": "assigned"})

    results = end(WITH_STATUS, book, unassignment("rh_1"), unassignment("rh_1"))

    assert results == [Result.REMOVED, Result.ALREADY_REMOVED]
    assert book.calls["write"] == 1


IDS = ("rh_1", "rh_10", "RH_1", "rh_2")


@given(
    part=st.sampled_from(PARTS),
    rows=st.lists(
        st.fixed_dictionaries(
            {
                "held": st.sampled_from([*IDS, "", "rh_ü"]),
                "status": st.sampled_from(["assigned", "unassigned", "", "x"]),
                "code": st.sampled_from(["A", "", " ", "Ä"]) | st.text(max_size=4),
                "discount": st.sampled_from(["", "9"]),
                "note": st.text(max_size=4),
            }
        ),
        max_size=6,
    ),
    batches=st.lists(st.lists(st.sampled_from(IDS), max_size=4), max_size=3),
)
def test_only_the_records_of_the_named_assignments_change_and_a_repeat_changes_nothing(
    unassignment, part, rows, batches
):
    book = Book(*rows)
    writer = MappedWriter(rules_of(mapping(part)), book)
    for ids in batches:
        before = {who: dict(row) for who, row in book.rows.items()}
        batch = [unassignment(id_, customer_id="anybody") for id_ in ids]

        foretold = writer.preview(batch)
        assert [each.result for each in writer.unassign(batch)] == [
            each.result for each in foretold
        ]

        shown = [row["held"] for row in before.values()]
        for who, row in before.items():
            left = book.rows.get(who)
            if left != row:
                assert row["held"] in ids
                assert shown.count(row["held"]) == 1
            if left is None:
                assert part.delete
                continue
            assert {name for name in left if left[name] != row.get(name, "")} <= set(part.written())
        after = {who: dict(row) for who, row in book.rows.items()}
        writer.unassign(batch)
        assert book.rows == after
