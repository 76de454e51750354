"""A user's own table in each kind of database: what is written, and what is left alone."""

from contextlib import closing

import pytest
import sqlalchemy as sa

from sync.crm.adapter import Capability, HolderId, Result, Undone
from sync.crm.mapped.mapping import RecordMapping, SlotMapping
from sync.crm.sql.adapter import CHUNK, SqlAdapter

BY_CODE = SlotMapping(
    object="contacts", find=("prop:vid = customer_id",), slot=({"code": "code", "clear": ["gift"]},)
)
BY_STATUS = RecordMapping(
    object="given",
    key="number",
    record={
        "holder_id": "rh",
        "status": "state",
        "clear": ["code"],
        "set": {"ended_by": "{event_id}"},
    },
)
DELETED = RecordMapping(object="given", key="number", record={"holder_id": "rh", "delete": True})
EMPTIED = RecordMapping(object="given", key="number", record={"holder_id": "rh", "clear": ["code"]})
WORD = sa.String(100)


def results(outcomes):
    return [outcome.result for outcome in outcomes]


@pytest.fixture
def adapter(own):
    """Make adapters for the database."""
    made = []

    def make(mapping, **options):
        made.append(SqlAdapter(own.url, mapping, busy_timeout=0.2, **options))
        return made[-1]

    yield make
    for each in made:
        each.close()


def contact(number, vid="cust_1", code="FRIEND-1", **fields):
    return {"id": number, "vid": vid, "code": code, "gift": "5 off", "note": "mine"} | fields


@pytest.fixture
def contacts(own):
    """Make the table of contacts, with rows."""

    def make(*rows, **code):
        columns = (
            sa.Column("id", sa.Integer, primary_key=True),
            sa.Column("vid", WORD),
            sa.Column("code", WORD, **code),
            sa.Column("gift", WORD),
            sa.Column("note", WORD),
        )
        return own.make("contacts", *columns, rows=rows)

    return make


def assignment(number, rh="rh_1", state="assigned", code="FRIEND-1"):
    return {"number": number, "rh": rh, "state": state, "code": code, "ended_by": None}


@pytest.fixture
def given(own):
    """Make the table of assignments, with rows; its key is a text."""

    def make(*rows):
        columns = (
            sa.Column("number", WORD, primary_key=True),
            sa.Column("rh", WORD),
            sa.Column("state", sa.String(20)),
            sa.Column("code", WORD),
            sa.Column("ended_by", WORD),
        )
        return own.make("given", *columns, rows=rows)

    return make


def test_a_slot_is_emptied_and_nothing_else_is_touched(own, adapter, contacts, unassignment):
    others = [contact(2, "cust_2"), contact(3, "cust_3", "OTHER"), contact(4, None, None)]
    table = contacts(contact(1), *others)

    outcomes = adapter(BY_CODE).unassign(
        [
            unassignment("rh_1"),
            unassignment("rh_3", customer_id="cust_3"),
            unassignment("rh_4", customer_id="cust_4"),
        ]
    )

    assert results(outcomes) == [Result.REMOVED, Result.SUPERSEDED, Result.CONTACT_NOT_FOUND]
    assert own.rows(table) == [contact(1, code=None, gift=None), *others]


def test_a_row_without_nulls_is_emptied_by_an_empty_text(own, adapter, contacts, unassignment):
    table = contacts(contact(1), nullable=False)
    crm = adapter(BY_CODE)

    assert results(crm.unassign([unassignment()])) == [Result.REMOVED]
    assert own.rows(table) == [contact(1, code="", gift=None)]
    assert results(crm.unassign([unassignment()])) == [Result.ALREADY_REMOVED]


def test_an_outcome_tells_what_it_changed_and_a_preview_tells_the_same(
    own, adapter, contacts, unassignment
):
    table = contacts(contact(1), contact(2, "cust_2", "OTHER"))
    batch = [
        unassignment("rh_1"),
        unassignment("rh_2", customer_id="cust_2"),
        unassignment("rh_1"),
        unassignment("rh_3", customer_id="nobody"),
    ]
    crm, before = adapter(BY_CODE), own.rows(table)

    foretold = crm.preview(batch)

    assert own.rows(table) == before
    assert foretold == crm.unassign(batch)
    assert foretold[0].change.record_id == "1"
    assert foretold[0].change.before == {"code": "FRIEND-1", "gift": "5 off"}
    assert foretold[0].change.after == {"code": "", "gift": ""}


def test_neither_case_nor_space_nor_accents_make_another_contact_the_same(
    own, adapter, contacts, unassignment
):
    like_it = [
        contact(number, vid)
        for number, vid in enumerate(["CUST_1", "cust_1 ", " cust_1", "cüst_1"], 2)
    ]
    table = contacts(contact(1), *like_it)

    assert results(adapter(BY_CODE).unassign([unassignment()])) == [Result.REMOVED]
    assert own.rows(table) == [contact(1, code=None, gift=None), *like_it]


def test_a_code_in_another_spelling_is_another_code(own, adapter, contacts, unassignment):
    table = contacts(contact(1, code="friend-1"))

    assert results(adapter(BY_CODE).unassign([unassignment()])) == [Result.SUPERSEDED]
    assert own.rows(table) == [contact(1, code="friend-1")]


def test_several_contacts_are_left_to_a_person(own, adapter, contacts, unassignment):
    table = contacts(contact(1), contact(2))

    assert results(adapter(BY_CODE).unassign([unassignment()])) == [Result.REJECTED]
    assert own.rows(table) == [contact(1), contact(2)]


def test_a_record_is_ended_by_its_status_alone(own, adapter, given, unassignment):
    table = given(assignment("a"), assignment("b", "rh_2"), assignment("c", "RH_1"))
    crm = adapter(BY_STATUS)

    outcomes = crm.unassign(
        [unassignment("rh_1", superseded_by=HolderId("rh_2")), unassignment("rh_0")]
    )

    assert results(outcomes) == [Result.REMOVED, Result.ASSIGNMENT_NOT_FOUND]
    ended = assignment("a", state="unassigned", code=None) | {"ended_by": "evcus_rh_1"}
    after = own.rows(table)
    assert after == [ended, assignment("b", "rh_2"), assignment("c", "RH_1")]
    assert results(crm.unassign([unassignment("rh_1")])) == [Result.ALREADY_REMOVED]
    assert own.rows(table) == after


def test_a_record_can_be_deleted_and_then_it_is_gone_for_good(own, adapter, given, unassignment):
    table = given(assignment("a"), assignment("b", "rh_2"))
    crm = adapter(DELETED)

    foretold = crm.preview([unassignment("rh_1")])
    outcomes = crm.unassign([unassignment("rh_1")])

    assert results(outcomes) == [Result.REMOVED]
    assert outcomes == foretold
    assert outcomes[0].change.deletes
    assert own.rows(table) == [assignment("b", "rh_2")]
    assert results(crm.unassign([unassignment("rh_1")])) == [Result.ASSIGNMENT_NOT_FOUND]
    back = crm.restore([outcomes[0].change], dry_run=False)
    assert [each.result for each in back] == [Undone.REJECTED]


def test_a_record_without_a_status_ends_by_being_emptied(own, adapter, given, unassignment):
    table = given(assignment("a"))
    crm = adapter(EMPTIED)

    assert results(crm.unassign([unassignment("rh_1")])) == [Result.REMOVED]
    assert own.rows(table) == [assignment("a", code=None)]
    assert results(crm.unassign([unassignment("rh_1")])) == [Result.ALREADY_REMOVED]


def test_a_batch_of_any_length_costs_a_read_and_a_write_for_each_chunk(
    own, adapter, contacts, unassignment
):
    ids = range(1, 2 * CHUNK + 2)
    table = contacts(*(contact(number, f"cust_{number}") for number in ids))
    crm = adapter(BY_CODE)
    connections = []
    sa.event.listen(crm._engine, "connect", lambda *told: connections.append(told))

    outcomes = crm.unassign(
        [unassignment(f"rh_{number}", customer_id=f"cust_{number}") for number in ids]
    )

    assert results(outcomes) == [Result.REMOVED] * len(ids)
    assert {row["code"] for row in own.rows(table)} == {None}
    assert len(connections) == 6


def test_what_was_cleared_is_written_back_where_it_still_shows_it(
    own, adapter, contacts, unassignment
):
    table = contacts(contact(1), contact(2, "cust_2"), contact(3, "cust_3"))
    crm, before = adapter(BY_CODE), own.rows(table)
    batch = [unassignment(f"rh_{who}", customer_id=f"cust_{who}") for who in (1, 2, 3)]
    changes = [outcome.change for outcome in crm.unassign(batch)]
    own.do("UPDATE contacts SET code = 'NEW' WHERE id = 2", "DELETE FROM contacts WHERE id = 3")
    left = own.rows(table)

    foretold = crm.restore(changes, dry_run=True)

    assert own.rows(table) == left
    assert foretold == crm.restore(changes, dry_run=False)
    expected = [Undone.RESTORED, Undone.CHANGED_SINCE, Undone.NOT_FOUND]
    assert [each.result for each in foretold] == expected
    assert own.rows(table) == [before[0], contact(2, "cust_2", "NEW", gift=None)]
    again = crm.restore(changes[:1], dry_run=False)
    assert [each.result for each in again] == [Undone.ALREADY_RESTORED]


ODD = ["Früh '\";--", "日本-1", "\U0001f600\U0001f600", "a\\b%s:x?$1", "A\nB"]


@pytest.mark.parametrize("code", ODD, ids=map(ascii, ODD))
def test_any_code_is_found_cleared_and_written_back(own, adapter, contacts, unassignment, code):
    table = contacts(contact(1, code, code), contact(2))
    crm, before = adapter(BY_CODE), own.rows(table)

    [outcome] = crm.unassign([unassignment(customer_id=code, code=code)])

    assert outcome.result is Result.REMOVED
    assert own.rows(table) == [contact(1, code, None, gift=None), contact(2)]
    crm.restore([outcome.change], dry_run=False)
    assert own.rows(table) == before


@pytest.mark.parametrize("text", ["A\0B", "A\udc80"])
def test_what_no_database_can_hold_finds_nobody(own, adapter, contacts, unassignment, text):
    table = contacts(contact(1))

    outcomes = adapter(BY_CODE).unassign(
        [unassignment("rh_1", customer_id=text), unassignment("rh_2", code=text)]
    )

    assert results(outcomes) == [Result.CONTACT_NOT_FOUND, Result.SUPERSEDED]
    assert own.rows(table) == [contact(1)]


def test_names_that_need_quotes_are_quoted(own, adapter, unassignment):
    columns = [
        sa.Column("Primary", sa.Integer, primary_key=True),
        *(sa.Column(name, WORD) for name in ("Select", "co de", "per%cent", "übrig")),
    ]
    row = {"Primary": 7, "Select": "cust_1", "co de": "FRIEND-1", "per%cent": "%", "übrig": "x"}
    table = own.make("Group By", *columns, rows=[row])
    mapping = SlotMapping(
        object="Group By",
        key="Primary",
        find=("prop:Select = customer_id",),
        slot=({"code": "co de", "clear": ["per%cent"], "set": {"übrig": "{code}"}},),
    )
    crm = adapter(mapping)

    crm.check()

    assert results(crm.unassign([unassignment()])) == [Result.REMOVED]
    assert own.rows(table) == [row | {"co de": None, "per%cent": None, "übrig": "FRIEND-1"}]


def test_it_declares_what_a_row_allows(own):
    always = {
        Capability.READS_BACK,
        Capability.REPORTS_NOT_FOUND,
        Capability.COMPARES_ON_SERVER,
        Capability.RESTORES,
        Capability.LISTS_ASSIGNED,
    }

    with closing(SqlAdapter(own.url, BY_STATUS)) as records:
        assert records.capabilities == always
    with closing(SqlAdapter(own.url, BY_CODE)) as slots:
        assert slots.capabilities == always | {Capability.CLEARS_BY_CODE}


def everybody(adapter, at_most=2):
    after, listed = None, []
    while page := adapter.assigned(after, at_most):
        listed += page
        after = page[-1].record_id
    return [(each.record_id, each.customer_id, each.holder_id, each.code) for each in listed]


def test_rows_that_show_a_code_are_listed_in_the_order_of_a_number(adapter, contacts):
    numbers = (9, 10, 2, 100, 33)
    rows = [contact(each, f"cust_{each}", f"CODE-{each}") for each in numbers]
    empty = [contact(1, "cust_1", None), contact(50, "cust_50", ""), contact(60, "cust_60", " ")]
    contacts(*rows, *empty)

    listed = everybody(adapter(BY_CODE))

    wanted = [(str(each), f"cust_{each}", None, f"CODE-{each}") for each in sorted(numbers)]
    assert listed == wanted


@pytest.mark.parametrize(
    "mapping", [BY_STATUS, EMPTIED, DELETED], ids=["status", "clear", "delete"]
)
def test_rows_of_assignments_are_listed_by_a_key_that_is_a_text(adapter, given, mapping):
    rows = [assignment(f"k {each}'", f"rh_{each}") for each in range(7)]
    ended = assignment("k ended", "rh_ended", state="unassigned", code=None)
    given(*rows, ended)

    listed = {each[2] for each in everybody(adapter(mapping))}

    told_by_row = {"rh_ended"} if mapping is DELETED else set()
    assert listed == {f"rh_{each}" for each in range(7)} | told_by_row


def test_a_row_that_comes_while_it_is_listed_makes_no_other_come_twice_or_not_at_all(
    adapter, contacts, own
):
    table = contacts(*(contact(each, f"cust_{each}", "CODE") for each in (10, 20, 30)))
    crm = adapter(BY_CODE)
    first = crm.assigned(None, 2)
    own.put_in(table, contact(5, "cust_5"), contact(25, "cust_25"))

    rest = crm.assigned(first[-1].record_id, 9)

    assert [each.record_id for each in [*first, *rest]] == ["10", "20", "25", "30"]
