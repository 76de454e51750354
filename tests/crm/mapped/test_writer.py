"""Slots over any contacts: found by rule, decided in order, written in few calls."""

from dataclasses import replace

import pytest

from sync.crm.adapter import Change, CredentialsRefusedError, Outcome, Result, TellUserError
from sync.crm.mapped.mapping import RecordMapping, RecordPart, Slot, SlotMapping
from sync.crm.mapped.writer import LOST_RACE, CrmBusyError, MappedWriter, rules_of
from tests.crm.mapped.book import Book

RETRY = Outcome.retry("the CRM is down")
BY_CODE = Slot(code="code")


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


class Ruled(Book):
    """A CRM whose rule lets nobody empty one field."""

    def write(self, changes):
        told = super().write([each for each in changes if "gift" not in each.after])
        refused = Outcome.rejected("a rule forbids it")
        return [refused if "gift" in each.after else told.pop(0) for each in changes]


def test_a_refused_unassignment_of_a_contact_concerns_no_other_one_of_that_contact(unassignment):
    book = Ruled(holds("a", gift="G-1", third="T-1"))
    by = mapping(Slot(campaign="two", code="gift"), Slot(campaign="three", code="third"), BY_CODE)
    batch = [
        unassignment("rh_1", customer_id="a"),
        unassignment("rh_2", customer_id="a", campaign_name="two", code="G-1"),
        unassignment("rh_3", customer_id="a", campaign_name="three", code="T-1"),
        unassignment("rh_1", customer_id="a"),
    ]

    outcomes = MappedWriter(rules_of(by), book).unassign(batch)

    assert [each.result for each in outcomes] == [
        Result.REMOVED,
        Result.REJECTED,
        Result.REMOVED,
        Result.ALREADY_REMOVED,
    ]
    assert book.rows["0"] == holds("a", "", gift="G-1", third="")
    assert outcomes[2].change == Change("0", {"third": "T-1"}, {"third": ""})


def test_a_crm_that_is_down_while_it_is_read_takes_nothing(end):
    book = Book(*(holds(f"c{number}") for number in range(6)))
    book.errors["find", 2] = CrmBusyError(RETRY)

    assert end(book, *(f"c{number}" for number in range(6))) == [Result.RETRY] * 6
    assert book.calls["write"] == 0


def test_who_was_found_waits_too_where_a_later_rule_could_not_be_asked(end, unassignment):
    book = Book(holds("a"))
    book.errors["find", 2] = CrmBusyError(RETRY)
    by = mapping(find=("prop:vid = customer_id", "prop:shop = source_id"))

    assert end(book, "a", unassignment("rh_2", customer_id="b"), by=by) == [Result.RETRY] * 2
    assert book.rows["0"] == holds("a")


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


def test_what_was_written_is_not_lost_when_the_key_is_refused_after_it(end):
    book = Book(*(holds(f"c{number}") for number in range(5)))
    book.errors["write", 2] = CredentialsRefusedError("the token was refused")

    results = end(book, *(f"c{number}" for number in range(5)))

    assert results == [Result.REMOVED] * 3 + [Result.RETRY] * 2
    assert book.calls["write"] == 2


@pytest.mark.parametrize("error", [CredentialsRefusedError("refused"), TellUserError("wrong")])
def test_a_key_that_is_refused_before_anything_is_written_is_told(end, error):
    book = Book(holds("a"))
    book.errors["write", 1] = error

    with pytest.raises(type(error)):
        end(book, "a")


def lost_once(book, record_id, then=lambda: None):
    """Let the first write of a record be lost, and `then` happen before it is read again."""

    def won():
        book.refused.pop(record_id)
        then()

    book.refused[record_id] = LOST_RACE
    book.before["find", 2] = won


def test_a_lost_race_is_decided_anew_by_what_is_shown_then(end):
    book = Book(holds("a"), holds("b"), holds("c"))
    lost_once(book, "0", then=lambda: book.rows["0"].update(code="NEWER"))

    assert end(book, "a", "b", "c") == [Result.SUPERSEDED, Result.REMOVED, Result.REMOVED]
    assert [row["code"] for row in book.rows.values()] == ["NEWER", "", ""]
    assert book.calls == {"find": 2, "write": 1}


def test_a_race_that_is_lost_twice_waits_for_the_next_run(unassignment):
    book = Book(holds("a"))
    book.refused["0"] = LOST_RACE

    assert MappedWriter(rules_of(mapping()), book).unassign(
        [unassignment("rh_1", customer_id="a")]
    ) == [LOST_RACE]
    assert book.calls == {"find": 2, "write": 2}


def test_what_was_written_is_not_lost_when_the_key_is_refused_in_the_second_round(end):
    book = Book(holds("a"), holds("b"))
    book.refused["0"] = LOST_RACE
    book.errors["find", 2] = CredentialsRefusedError("the token was refused")

    assert end(book, "a", "b") == [Result.RETRY, Result.REMOVED]


def test_one_contact_that_two_rules_lead_to_is_written_once_by_its_latest_reading(
    end, unassignment
):
    book = Book({"vid": "a", "shop": "7", "code": "FRIEND-1"})
    book.before["find", 2] = lambda: book.rows["0"].update(code="NEWER")
    by = mapping(find=("prop:vid = customer_id", "prop:shop = source_id"))

    results = end(
        book,
        unassignment("rh_1", customer_id="a", source_id=None),
        unassignment("rh_2", customer_id="merged", source_id="7", code="OTHER"),
        by=by,
    )

    assert results == [Result.SUPERSEDED, Result.SUPERSEDED]
    assert book.rows["0"]["code"] == "NEWER"
    assert book.calls["write"] == 0


def test_one_contact_under_two_ids_is_written_once(end, unassignment):
    book = Book(holds("a", "A;B;C"))
    book.merged["9"] = "0"
    by = mapping(Slot(code="code", multi=";"), find=("record_id = source_id",))

    results = end(
        book,
        unassignment("rh_1", source_id="0", code="A"),
        unassignment("rh_2", source_id="9", code="B"),
        by=by,
    )

    assert results == [Result.REMOVED, Result.REMOVED]
    assert book.rows["0"]["code"] == "C"
    assert book.calls["write"] == 1


def test_one_contact_that_is_found_twice_is_one_hit(end):
    book = Book(holds("a"))
    find = book.find
    book.find = lambda *asked: {value: [*hits, *hits] for value, hits in find(*asked).items()}

    assert end(book, "a") == [Result.REMOVED]


def test_two_slots_of_one_contact_that_show_the_same_code_are_told_apart(end, unassignment):
    book = Book({"vid": "a", "one": "SAME", "two": "SAME"})
    by = mapping(Slot(campaign="camp_1", code="one"), Slot(campaign="camp_2", code="two"))
    of_first = unassignment("rh_1", customer_id="a", code="SAME", campaign_id="camp_1")
    of_second = unassignment("rh_2", customer_id="a", code="SAME", campaign_id="camp_2")

    assert end(book, of_second, by=by) == [Result.REMOVED]
    assert book.rows["0"] == {"vid": "a", "one": "SAME", "two": ""}
    assert end(book, of_first, of_second, by=by) == [Result.REMOVED, Result.ALREADY_REMOVED]
    assert book.calls["write"] == 2


def test_each_outcome_says_what_its_own_unassignment_changed(unassignment):
    book = Book(holds("a", "A;FRIEND-1"))
    writer = MappedWriter(rules_of(mapping(Slot(code="code", multi=";"))), book)
    batch = [unassignment(f"rh_{code}", customer_id="a", code=code) for code in ("A", "FRIEND-1")]

    assert [outcome.change for outcome in writer.unassign(batch)] == [
        Change("0", {"code": "A;FRIEND-1"}, {"code": "FRIEND-1"}),
        Change("0", {"code": "FRIEND-1"}, {"code": ""}),
    ]


def test_a_record_that_is_deleted_is_gone_for_the_rest_of_its_batch(end, unassignment):
    book = Book({"held": "rh_1", "note": "x"}, {"held": "rh_2"})
    by = RecordMapping(object="t", record=RecordPart(holder_id="held", delete=True))
    about = unassignment("rh_1")

    assert end(book, about, about, by=by) == [Result.REMOVED, Result.ASSIGNMENT_NOT_FOUND]
    assert book.rows == {"1": {"held": "rh_2"}}


def test_a_record_that_went_before_it_was_written_is_told_as_one_that_was_never_there(
    end, unassignment
):
    gone = Outcome(Result.CONTACT_NOT_FOUND)
    contacts, records = Book(holds("a")), Book({"held": "rh_1", "status": ""})
    contacts.refused["0"] = records.refused["0"] = gone
    by = RecordMapping(object="t", record=RecordPart(holder_id="held", status="status"))

    assert end(contacts, "a") == [Result.CONTACT_NOT_FOUND]
    assert end(records, unassignment("rh_1"), by=by) == [Result.ASSIGNMENT_NOT_FOUND]


class Asked:
    """Knows what customers hold now, and notes what it was asked about."""

    def __init__(self, **newer):
        self.newer = newer
        self.about = []

    def __call__(self, batch):
        self.about += [each.holder_id for each in batch]
        return [
            replace(each, superseded_by=self.newer.get(each.holder_id, each.superseded_by))
            for each in batch
        ]


def test_who_holds_what_is_asked_only_where_a_code_alone_would_be_cleared(unassignment):
    by = mapping(
        Slot(campaign="Friends", code="code", holder_id="held"), Slot(campaign="two", code="two")
    )
    book = Book(
        {"vid": "a", "code": "FRIEND-1", "held": "rh_1"},
        {"vid": "b", "code": "FRIEND-1"},
        {"vid": "c", "code": "OTHER"},
        {"vid": "d", "two": "FRIEND-1"},
        {"vid": "e", "two": "FRIEND-1"},
    )
    asked = Asked(rh_2="rh_20", rh_4="rh_40")
    writer = MappedWriter(rules_of(by), book)
    writer.ask_by(asked)

    outcomes = writer.unassign(
        [
            unassignment("rh_1", customer_id="a"),
            unassignment("rh_2", customer_id="b"),
            unassignment("rh_3", customer_id="c"),
            unassignment("rh_4", customer_id="d", campaign_name="two"),
            unassignment("rh_5", customer_id="e", campaign_name="two", superseded_by="rh_50"),
        ]
    )

    assert asked.about == ["rh_2", "rh_4"]
    assert [outcome.result for outcome in outcomes] == [
        Result.REMOVED,
        *[Result.SUPERSEDED] * 4,
    ]
