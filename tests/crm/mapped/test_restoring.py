"""What unassignments changed is written back where the CRM still shows what they left."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sync.crm.adapter import (
    Change,
    CredentialsRefusedError,
    Outcome,
    Restored,
    Result,
    Undone,
)
from sync.crm.mapped.mapping import Slot, SlotMapping
from sync.crm.mapped.restoring import restore
from sync.crm.mapped.writer import LOST_RACE, CrmBusyError, MappedWriter, rules_of
from tests.crm.mapped.book import Book

BY_CODE = Slot(code="code", clear=("discount",), set={"ended": "{unassigned_at}"})
IN_A_LIST = Slot(code="code", multi=";")


def rules(*slots):
    return rules_of(SlotMapping(find=("prop:vid = customer_id",), slot=slots or (BY_CODE,)))


def cleared(who="0", code="FRIEND-1", discount="9"):
    before = {"code": code, "discount": discount, "ended": ""}
    return Change(who, before, {"code": "", "discount": "", "ended": "2026-03-02T09:00:00.123Z"})


def left(**fields):
    return {"code": "", "discount": "", "ended": "2 March 2026"} | fields


def results(book, *changes, by=None, dry_run=False):
    return [each.result for each in restore(book, by or rules(), changes, dry_run=dry_run)]


def test_what_was_cleared_is_written_back_and_nothing_else():
    book = Book(left(name="Ann"), left(name="Bob"))

    assert results(book, cleared("0")) == [Undone.RESTORED]
    assert book.rows["0"] == {"code": "FRIEND-1", "discount": "9", "ended": "", "name": "Ann"}
    assert book.rows["1"] == left(name="Bob")


def test_a_second_time_changes_nothing():
    book = Book(left())
    results(book, cleared())

    assert results(book, cleared()) == [Undone.ALREADY_RESTORED]
    assert book.calls["write"] == 1


@pytest.mark.parametrize(
    "shown",
    [
        left(code="NEWER"),
        left(discount="5"),
        {"code": "FRIEND-1", "discount": "", "ended": ""},
        {"code": "friend-1", "discount": "9"},
    ],
)
def test_what_somebody_wrote_since_stays(shown):
    book = Book(shown)

    assert results(book, cleared()) == [Undone.CHANGED_SINCE]
    assert book.rows["0"] == shown
    assert book.calls["write"] == 0


def test_how_the_crm_spells_what_was_only_told_does_not_matter():
    book = Book(left(ended="anything"), {"code": " FRIEND-1", "discount": "9", "ended": "later"})

    assert results(book, cleared("0"), cleared("1")) == [Undone.RESTORED, Undone.ALREADY_RESTORED]


def test_what_somebody_wrote_into_a_field_that_was_only_told_stays_there():
    slot = Slot(code="code", set={"state": "over", "ended": "{unassigned_at}"})
    by_state = rules_of(SlotMapping(find=("prop:vid = customer_id",), slot=(slot,)))
    change = Change(
        "0",
        {"code": "FRIEND-1", "state": "held", "ended": ""},
        {"code": "", "state": "over", "ended": "today"},
    )
    book = Book({"code": "", "state": "dealt with", "ended": "TODAY"})

    (answer,) = restore(book, by_state, [change], dry_run=False)

    assert answer.result is Undone.RESTORED
    assert book.rows["0"] == {"code": "FRIEND-1", "state": "dealt with", "ended": ""}


def test_each_is_answered_in_its_place():
    book = Book(left(), left(code="NEWER"))
    gone, deleted = cleared("9"), Change("0", {"code": "X"}, {})

    answers = restore(book, rules(), [deleted, gone, cleared("1"), cleared("0")], dry_run=False)

    assert [each.result for each in answers] == [
        Undone.REJECTED,
        Undone.NOT_FOUND,
        Undone.CHANGED_SINCE,
        Undone.RESTORED,
    ]
    assert "deleted" in answers[0].reason


def test_a_dry_run_says_the_same_and_writes_nothing():
    book = Book(left(), left(code="NEWER"))
    changes = [cleared("0"), cleared("1"), cleared("9")]

    foretold = results(book, *changes, dry_run=True)

    assert book.calls["write"] == 0
    assert foretold == results(book, *changes)


def test_of_one_record_the_later_change_is_taken_back_before_the_earlier_one():
    book = Book({"code": "C"})
    first = Change("0", {"code": "A;B;C"}, {"code": "B;C"})
    second = Change("0", {"code": "B;C"}, {"code": "C"})

    assert results(book, second, first, by=rules(IN_A_LIST)) == [Undone.RESTORED] * 2
    assert book.rows["0"] == {"code": "A;B;C"}
    assert book.calls["write"] == 1


def test_an_earlier_change_alone_is_not_taken_back_over_a_later_one():
    book = Book({"code": "C"})
    first = Change("0", {"code": "A;B;C"}, {"code": "B;C"})

    assert results(book, first, by=rules(IN_A_LIST)) == [Undone.CHANGED_SINCE]


@pytest.mark.parametrize("asked_for", ["0", "7"], ids=["its id", "the id that it had"])
def test_who_is_asked_again_after_several_changes_of_a_record_says_that_all_are_done(asked_for):
    """As after a kill between the CRM's answer and the ledger: no change is like what is shown."""
    book = Book({"code": "A;B;C"})
    book.merged["7"] = "0"
    codes = ["A;B;C", "B;C", "C", ""]
    changes = [
        Change(asked_for, {"code": before}, {"code": after}) for before, after in pairwise(codes)
    ]

    newest_first = changes[::-1]
    assert results(book, *newest_first, by=rules(IN_A_LIST)) == [Undone.ALREADY_RESTORED] * 3
    assert book.calls["write"] == 0


def test_a_change_that_does_not_follow_from_what_is_shown_is_not_said_to_be_done():
    book = Book({"code": "A;B"})
    first = Change("0", {"code": "A;B"}, {"code": "B"})
    of_something_newer = Change("0", {"code": "NEWER"}, {"code": ""})

    assert results(book, of_something_newer, first, by=rules(IN_A_LIST)) == [
        Undone.CHANGED_SINCE,
        Undone.ALREADY_RESTORED,
    ]


def test_two_slots_of_one_record_are_taken_back_in_one_write_and_each_on_its_own():
    by = rules(Slot(campaign="one", code="one"), Slot(campaign="two", code="two"))
    book = Book({"one": "", "two": "NEWER"}, {"one": "", "two": ""})
    of_one = [Change(who, {"one": "SAME"}, {"one": ""}) for who in "01"]
    of_two = [Change(who, {"two": "SAME"}, {"two": ""}) for who in "01"]

    assert results(book, *of_one, *of_two, by=by) == [
        Undone.RESTORED,
        Undone.RESTORED,
        Undone.CHANGED_SINCE,
        Undone.RESTORED,
    ]
    assert book.rows == {"0": {"one": "SAME", "two": "NEWER"}, "1": {"one": "SAME", "two": "SAME"}}
    assert book.calls == {"find": 1, "write": 1}


def test_a_record_that_was_merged_into_another_is_written_under_its_new_id():
    book = Book(left())
    book.merged["7"] = "0"

    assert results(book, cleared("7")) == [Undone.RESTORED]
    assert book.rows["0"]["code"] == "FRIEND-1"


def test_a_field_that_the_mapping_no_longer_names_is_not_written_unseen():
    book = Book({"code": "", "old": "somebody's"})
    change = Change("0", {"code": "A", "old": "B"}, {"code": "", "old": ""})

    [answer] = restore(book, rules(Slot(code="code")), [change], dry_run=False)

    assert answer.result is Undone.REJECTED
    assert "mapping" in answer.reason
    assert book.rows["0"] == {"code": "", "old": "somebody's"}


@pytest.mark.parametrize(
    ("outcome", "result"),
    [
        (Outcome.rejected("a validation rule"), Undone.REJECTED),
        (Outcome.retry("busy"), Undone.RETRY),
        (LOST_RACE, Undone.RETRY),
        (Outcome(Result.CONTACT_NOT_FOUND), Undone.NOT_FOUND),
    ],
)
def test_what_could_not_be_written_is_told_for_each_that_rests_on_it(outcome, result):
    book = Book(left(), left(), left(code="FRIEND-1", discount="9"))
    book.refused |= {"0": outcome, "2": outcome}

    answers = restore(
        book, rules(), [cleared("0"), cleared("0"), cleared("1"), cleared("2")], dry_run=False
    )

    failed = Restored(result, outcome.reason)
    assert answers == [failed, failed, Restored(Undone.RESTORED), Restored(Undone.ALREADY_RESTORED)]


def test_what_is_there_already_stays_told_so_where_the_rest_of_its_record_is_refused():
    book = Book({"one": "A", "two": ""})
    book.refused["0"] = Outcome.rejected("a validation rule")
    changes = [Change("0", {"one": "A"}, {"one": ""}), Change("0", {"two": "B"}, {"two": ""})]
    by = rules(Slot(campaign="one", code="one"), Slot(code="two"))

    assert results(book, *changes, by=by) == [Undone.ALREADY_RESTORED, Undone.REJECTED]


def test_a_crm_that_is_down_takes_nothing_and_one_that_goes_down_keeps_what_it_took():
    busy = CrmBusyError(Outcome.retry("down"))
    changes = [cleared(f"{number}") for number in range(5)]
    book = Book(*[left()] * 5)
    book.errors["find", 2] = book.errors["write", 2] = busy

    assert results(book, *changes) == [Undone.RETRY] * 5
    assert results(book, *changes) == [Undone.RESTORED] * 3 + [Undone.RETRY] * 2


def test_a_refused_key_is_told_before_anything_is_written():
    book = Book(left())
    book.errors["write", 1] = CredentialsRefusedError("refused")

    with pytest.raises(CredentialsRefusedError):
        results(book, cleared())


CODES = ("A", "B", "A;B", "B;A;C", " A ", "", "Ä", "A;A")


@given(
    slot=st.sampled_from([BY_CODE, IN_A_LIST]),
    contacts=st.lists(st.sampled_from(CODES), min_size=1, max_size=3),
    ended=st.lists(st.tuples(st.integers(0, 2), st.sampled_from(["A", "B", "Ä"])), max_size=5),
)
def test_what_a_batch_changed_is_taken_back_to_the_letter(unassignment, slot, contacts, ended):
    book = Book(*({"vid": f"c{at}", "code": code} for at, code in enumerate(contacts)))
    before = {who: row["code"] for who, row in book.rows.items()}
    batch = [
        unassignment(f"rh_{at}", customer_id=f"c{which}", code=code)
        for at, (which, code) in enumerate(ended)
    ]
    outcomes = MappedWriter(rules(slot), book).unassign(batch)
    changes = [outcome.change for outcome in reversed(outcomes) if outcome.change]

    assert results(book, *changes, by=rules(slot)) == [Undone.RESTORED] * len(changes)
    assert {who: row["code"] for who, row in book.rows.items()} == before
    again = [Undone.ALREADY_RESTORED] * len(changes)
    assert results(book, *changes, by=rules(slot)) == again
