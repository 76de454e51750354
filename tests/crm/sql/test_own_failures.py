"""A user's own table among other writers, rules and rights; and what `check` says beforehand."""

from concurrent.futures import ThreadPoolExecutor

import pytest
import sqlalchemy as sa

from sync.crm.adapter import CredentialsRefusedError, HolderId, Result, TellUserError, Undone
from sync.crm.mapped.mapping import RecordMapping, SlotMapping
from sync.crm.sql.adapter import SqlAdapter

WORD = sa.String(100)
BY_CODE = SlotMapping(
    object="contacts",
    find=("prop:vid = customer_id",),
    slot=({"code": "code", "clear": ["gift"], "set": {"told": "{event_id}"}},),
)
BY_STATUS = RecordMapping(object="contacts", record={"holder_id": "rh", "status": "gift"})
DELETED = RecordMapping(object="contacts", record={"holder_id": "rh", "delete": True})
PERSONAL = ("FRIEND", "cust_", "ann@", "evcus")


def results(outcomes):
    return [outcome.result for outcome in outcomes]


def row(number, vid="cust_1", code="FRIEND-1", **fields):
    made = {"id": number, "vid": vid, "rh": f"rh_{number}", "code": code, "gift": "5 off"}
    return made | {"told": None} | fields


@pytest.fixture
def adapter(own):
    """Make adapters for the database."""
    made = []

    def make(mapping=BY_CODE, **changes):
        made.append(SqlAdapter(own.url.set(**changes), mapping, busy_timeout=0.2))
        return made[-1]

    yield make
    for each in made:
        each.close()


def columns(**kinds):
    named = dict.fromkeys(("vid", "rh", "code", "gift", "told"), WORD) | kinds
    return [
        sa.Column("id", sa.Integer, primary_key=True),
        *(sa.Column(name, kind) for name, kind in named.items()),
    ]


@pytest.fixture
def contacts(own):
    def make(*rows):
        return own.make("contacts", *columns(), rows=rows)

    return make


def test_a_code_that_comes_between_reading_and_writing_stays(own, adapter, contacts, unassignment):
    table = contacts(row(1), row(2, "cust_2"))
    crm = adapter()
    own.comes_first(crm, "UPDATE contacts SET code = 'NEW' WHERE id = 1")

    outcomes = crm.unassign([unassignment("rh_1"), unassignment("rh_2", customer_id="cust_2")])

    assert results(outcomes) == [Result.SUPERSEDED, Result.REMOVED]
    assert own.rows(table)[0] == row(1, code="NEW")


def test_a_code_that_comes_while_somebody_is_asked_what_is_held_now_stays(
    own, adapter, contacts, unassignment
):
    table = contacts(row(1))
    crm = adapter()

    def held_now(batch):
        own.do("UPDATE contacts SET code = 'NEW' WHERE id = 1")
        return batch

    crm.ask_by(held_now)

    assert results(crm.unassign([unassignment("rh_1")])) == [Result.SUPERSEDED]
    assert own.rows(table) == [row(1, code="NEW")]


@pytest.mark.parametrize("mapping", [BY_STATUS, DELETED], ids=["ended", "deleted"])
def test_a_row_that_becomes_another_assignments_meanwhile_is_left_alone(
    own, adapter, contacts, unassignment, mapping
):
    table = contacts(row(1))
    crm = adapter(mapping)
    own.comes_first(crm, "UPDATE contacts SET rh = 'rh_new' WHERE id = 1")

    assert results(crm.unassign([unassignment("rh_1")])) == [Result.ASSIGNMENT_NOT_FOUND]
    assert own.rows(table) == [row(1, rh="rh_new")]


def test_a_row_that_becomes_another_contacts_meanwhile_is_left_alone(
    own, adapter, contacts, unassignment
):
    table = contacts(row(1))
    crm = adapter()
    own.comes_first(crm, "UPDATE contacts SET vid = 'cust_9' WHERE id = 1")

    assert results(crm.unassign([unassignment("rh_1")])) == [Result.CONTACT_NOT_FOUND]
    assert own.rows(table) == [row(1, "cust_9")]


def test_a_row_that_goes_meanwhile_is_gone(own, adapter, contacts, unassignment):
    table = contacts(row(1))
    crm = adapter()
    own.comes_first(crm, "DELETE FROM contacts")

    assert results(crm.unassign([unassignment("rh_1")])) == [Result.CONTACT_NOT_FOUND]
    assert own.rows(table) == []


@pytest.mark.parametrize(
    ("change", "before"),
    [
        ("code = 'friend-1'", None),
        ("code = 'FRIEND-1 '", {"code": "FRIEND-1 ", "gift": "5 off", "told": ""}),
        ("gift = '5 OFF'", {"code": "FRIEND-1", "gift": "5 OFF", "told": ""}),
        ("gift = NULL", {"code": "FRIEND-1", "gift": "", "told": ""}),
    ],
)
def test_no_collation_hides_what_somebody_else_wrote(own, adapter, unassignment, change, before):
    table = own.make("contacts", *columns(), rows=[row(1)])
    crm = adapter()
    own.comes_first(crm, f"UPDATE contacts SET {change}")

    [outcome] = crm.unassign([unassignment("rh_1")])

    # Decided anew, by what is there now.
    assert outcome.result is (Result.REMOVED if before else Result.SUPERSEDED)
    assert (outcome.change and outcome.change.before) == before
    assert own.rows(table)[0]["told"] == ("evcus_rh_1" if before else None)


def test_a_race_that_is_lost_twice_is_retry_and_loses_nobodys_change(
    own, adapter, contacts, unassignment
):
    table = contacts(row(1, gift="a"), row(2, "cust_2"))
    crm = adapter()
    longer = "gift || '+'" if own.kind != "mysql" else "CONCAT(gift, '+')"
    own.comes_first(crm, f"UPDATE contacts SET gift = {longer} WHERE id = 1", times=9)

    outcomes = crm.unassign([unassignment("rh_1"), unassignment("rh_2", customer_id="cust_2")])

    assert results(outcomes) == [Result.RETRY, Result.REMOVED]
    left = own.rows(table)[0]
    assert left["code"] == "FRIEND-1"
    assert set(left["gift"]) == {"a", "+"}


@pytest.mark.parametrize("own", ["postgresql", "mysql"], indirect=True)
def test_two_writers_who_wait_for_one_another_both_get_their_way(own, contacts, unassignment):
    table = contacts(row(1), row(2, "cust_2"))
    crm = SqlAdapter(own.url, BY_CODE, busy_timeout=5.0)
    writes = []
    with own.engine.connect() as other, ThreadPoolExecutor(1) as beside:
        if own.kind == "postgresql":
            other.exec_driver_sql("SET deadlock_timeout = '10s'")  # the other side sees it first
        for number in range(9):  # MySQL sends away whoever has changed less
            other.exec_driver_sql(f"UPDATE contacts SET told = '{number}' WHERE id = 2")

        @sa.event.listens_for(crm._engine, "before_cursor_execute")
        def wait_for_each_other(_connection, _cursor, about, *_):
            writes.extend([about] * about.startswith("UPDATE"))
            if len(writes) == 2:
                beside.submit(theirs).add_done_callback(lambda done: writes.append(done.result()))

        def theirs():
            other.exec_driver_sql("UPDATE contacts SET told = 'mine' WHERE id = 1")
            other.commit()

        batch = [unassignment("rh_1"), unassignment("rh_2", customer_id="cust_2")]
        outcomes = crm.unassign(batch)

    assert results(outcomes) == [Result.REMOVED, Result.REMOVED]
    assert [each["code"] for each in own.rows(table)] == [None, None]
    assert outcomes[0].change.before["told"] == "mine"


def test_what_is_restored_is_compared_where_it_is_written(own, adapter, contacts, unassignment):
    table = contacts(row(1))
    crm = adapter()
    [outcome] = crm.unassign([unassignment("rh_1")])
    own.comes_first(crm, "UPDATE contacts SET code = 'NEW'")

    [told] = crm.restore([outcome.change], dry_run=False)

    assert told.result is Undone.RETRY
    assert own.rows(table)[0]["code"] == "NEW"


def test_a_row_that_a_trigger_refuses_does_not_stop_the_others(
    own, adapter, contacts, unassignment
):
    table = contacts(row(1), row(2, "cust_2"), row(3, "cust_3"))
    own.forbid("contacts", "vid", "cust_2")
    ids = ("cust_1", "cust_2", "cust_3")

    outcomes = adapter().unassign([unassignment(f"rh_{who}", customer_id=who) for who in ids])

    assert results(outcomes) == [Result.REMOVED, Result.REJECTED, Result.REMOVED]
    assert [each["code"] for each in own.rows(table)] == [None, "FRIEND-1", None]
    assert not [text for text in PERSONAL if text in outcomes[1].reason]


def test_a_row_that_a_constraint_refuses_does_not_stop_the_others(own, adapter, unassignment):
    must_stay = sa.CheckConstraint("vid <> 'cust_2' OR code IS NOT NULL")
    rows = [row(1), row(2, "cust_2"), row(3, "cust_3")]
    table = own.make("contacts", *columns(), must_stay, rows=rows)
    ids = ("cust_1", "cust_2", "cust_3")

    outcomes = adapter().unassign([unassignment(f"rh_{who}", customer_id=who) for who in ids])

    assert results(outcomes) == [Result.REMOVED, Result.REJECTED, Result.REMOVED]
    assert [each["code"] for each in own.rows(table)] == [None, "FRIEND-1", None]


def test_a_row_that_others_refer_to_is_not_deleted(own, adapter, contacts, unassignment):
    table = contacts(row(1), row(2))
    own.do(
        "CREATE TABLE orders (id INTEGER PRIMARY KEY, contact INTEGER NOT NULL, "
        "FOREIGN KEY (contact) REFERENCES contacts (id))",
        "INSERT INTO orders VALUES (1, 1)",
    )

    outcomes = adapter(DELETED).unassign([unassignment("rh_1"), unassignment("rh_2")])

    assert results(outcomes) == [Result.REJECTED, Result.REMOVED]
    assert own.rows(table) == [row(1)]


@pytest.mark.parametrize("own", ["postgresql", "mysql"], indirect=True)
def test_what_does_not_fit_into_its_column_is_refused_and_not_cut_off(own, adapter, unassignment):
    table = own.make("contacts", *columns(told=sa.String(3)), rows=[row(1)])

    [outcome] = adapter().unassign([unassignment("rh_1")])

    assert outcome.result is Result.REJECTED
    assert own.rows(table) == [row(1)]


def test_a_row_without_a_key_is_left_to_a_person(own, adapter, unassignment):
    named = [sa.Column(each.name, each.type) for each in columns()]
    table = own.make("contacts", *named, rows=[row(None), row(2, "cust_2")])

    outcomes = adapter().unassign(
        [unassignment("rh_1"), unassignment("rh_2", customer_id="cust_2")]
    )

    assert results(outcomes) == [Result.REJECTED, Result.REMOVED]
    assert [each["code"] for each in own.rows(table) if each["id"] is None] == ["FRIEND-1"]


def test_rows_that_share_a_key_are_never_written_together(own, adapter, unassignment):
    named = [sa.Column(each.name, each.type) for each in columns()]
    table = own.make("contacts", *named, rows=[row(1), row(1), row(2, "cust_2")])

    outcomes = adapter().unassign(
        [unassignment("rh_1"), unassignment("rh_2", customer_id="cust_2")]
    )

    assert results(outcomes) == [Result.REJECTED, Result.REMOVED]
    codes = [each["code"] for each in own.rows(table)]
    assert codes == ["FRIEND-1", "FRIEND-1", None]


def test_the_check_shows_what_will_run_and_writes_nothing(own, adapter, contacts):
    table = contacts(row(1))

    told = " ".join(adapter().check())

    assert "SELECT CAST(" in told
    assert "UPDATE contacts SET code=" in told
    assert "triggers" in told
    assert "FRIEND" not in told
    assert own.rows(table) == [row(1)]


def test_the_check_shows_a_deletion_too(adapter, contacts):
    contacts()

    assert "DELETE FROM contacts WHERE" in " ".join(adapter(DELETED).check())


def test_a_missing_table_is_named_by_the_check_and_by_the_run(own, adapter, unassignment):
    own.make("people", *columns())
    crm = adapter()

    for ask in (crm.check, lambda: crm.unassign([unassignment()])):
        with pytest.raises(TellUserError, match=r"CRM_SQL_MAPPING: .* no table contacts"):
            ask()


def test_missing_columns_are_named(own, adapter, unassignment):
    own.make("contacts", sa.Column("vid", WORD), sa.Column("code", WORD))
    crm = adapter()

    for ask in (crm.check, lambda: crm.preview([unassignment()])):
        with pytest.raises(TellUserError, match="contacts has no column id, gift, told"):
            ask()


@pytest.mark.parametrize("same", [1, None])
def test_a_key_that_does_not_tell_rows_apart_is_told(own, adapter, same):
    named = [sa.Column(each.name, each.type) for each in columns()]
    own.make("contacts", *named, rows=[row(same), row(same)])

    with pytest.raises(TellUserError, match="key = id doesn't tell the rows of contacts apart"):
        adapter().check()


@pytest.mark.parametrize(
    ("kinds", "says"),
    [
        ({"told": sa.LargeBinary()}, "told is binary"),
        ({"told": sa.String(3)}, "told = 'ended': told takes 3 characters at most"),
        ({"told": sa.Integer()}, "told = 'ended': told is a number"),
        ({"told": sa.Boolean()}, "told = 'ended': told is a boolean: write true or false"),
    ],
    ids=lambda each: next(iter(each.values())).__class__.__name__ if isinstance(each, dict) else "",
)
def test_a_column_that_can_not_show_what_the_mapping_says_is_told(own, adapter, kinds, says):
    own.make("contacts", *columns(**kinds))
    slot = {"code": "code", "set": {"told": "ended"}}
    mapping = SlotMapping(object="contacts", find=("prop:vid = customer_id",), slot=(slot,))

    with pytest.raises(TellUserError, match="contacts doesn't go with the mapping") as told:
        adapter(mapping).check()

    assert says in str(told.value)


@pytest.mark.parametrize("own", ["postgresql", "mysql"], indirect=True)
def test_a_word_that_an_enum_does_not_have_is_told(own, adapter):
    words = sa.Enum("open", "closed", name="words")
    own.make("contacts", *columns(gift=words))

    with pytest.raises(TellUserError, match="gift takes nothing but open, closed"):
        adapter(BY_STATUS).check()


def test_a_number_that_must_be_there_can_not_be_emptied(own, adapter):
    own.make("contacts", *columns()[:-2], sa.Column("gift", sa.Integer, nullable=False),
             columns()[-1])  # fmt: skip

    with pytest.raises(TellUserError, match="gift can't be empty: it is NOT NULL"):
        adapter().check()


def test_a_key_that_the_mapping_would_change_is_told(adapter, contacts):
    contacts()
    mapping = SlotMapping(
        object="contacts", find=("prop:vid = customer_id",), slot=({"code": "id"},)
    )

    with pytest.raises(TellUserError, match="id is the key"):
        adapter(mapping).check()


@pytest.mark.parametrize("own", ["postgresql"], indirect=True)
@pytest.mark.parametrize("right", ["SELECT", "UPDATE"])
def test_a_user_who_lacks_a_right_is_told_of_it(own, contacts, unassignment, right):
    table = contacts(row(1))
    name = f"reader_{own.url.database}"
    own.do(f"CREATE ROLE {name} LOGIN", f"GRANT {right} ON contacts TO {name}")
    crm = SqlAdapter(own.url.set(username=name), BY_CODE)

    for ask in (crm.check, lambda: crm.unassign([unassignment()])):
        with pytest.raises(TellUserError, match=r"table contacts .*42501.*: check the rights"):
            ask()

    own.do(f"DROP OWNED BY {name}", f"DROP ROLE {name}")
    assert own.rows(table) == [row(1)]


@pytest.mark.parametrize("own", ["mysql"], indirect=True)
def test_a_user_with_a_wrong_password_is_refused_by_mysql(own, contacts, unassignment):
    contacts(row(1))
    crm = SqlAdapter(own.url.set(username="nobody_here", password="s3cret"), BY_CODE)

    for ask in (crm.check, lambda: crm.unassign([unassignment()])):
        with pytest.raises(CredentialsRefusedError, match="1045") as told:
            ask()
        assert "s3cret" not in str(told.value)


@pytest.mark.parametrize("own", ["postgresql", "mysql"], indirect=True)
def test_a_server_that_is_not_there_is_retry(own, adapter, unassignment):
    assert own.rows(own.make("contacts", *columns())) == []

    [outcome] = adapter(host="127.0.0.1", port=1).unassign([unassignment()])

    assert outcome.result is Result.RETRY


def test_an_older_unassignment_than_the_newest_known_is_superseded(
    own, adapter, contacts, unassignment
):
    table = contacts(row(1))

    [outcome] = adapter().unassign([unassignment("rh_1", superseded_by=HolderId("rh_2"))])

    assert outcome.result is Result.SUPERSEDED
    assert own.rows(table) == [row(1)]


@pytest.mark.parametrize("own", ["postgresql"], indirect=True)
def test_what_was_written_is_told_if_a_right_goes_while_one_row_is_locked(
    own, contacts, unassignment
):
    table = contacts(row(1), row(2, "cust_2"), row(3, "cust_3"))
    name = f"writer_{own.url.database}"
    own.do(f"CREATE ROLE {name} LOGIN", f"GRANT SELECT, UPDATE ON contacts TO {name}")
    crm = SqlAdapter(own.url.set(username=name), BY_CODE, busy_timeout=0.1)
    writes = []

    @sa.event.listens_for(crm._engine, "before_cursor_execute")
    def take_the_right(_connection, _cursor, about, *_):
        writes.extend([about] * about.startswith("UPDATE"))
        # All in one transaction, then one by one: this is the third row.
        if len(writes) == 4:
            own.do(f"REVOKE UPDATE ON contacts FROM {name}")

    with own.row_locked(table.c.id == 1):
        outcomes = crm.unassign(
            [unassignment(f"rh_{who}", customer_id=f"cust_{who}") for who in (1, 2, 3)]
        )

    own.do(f"DROP OWNED BY {name}", f"DROP ROLE {name}")
    assert results(outcomes) == [Result.RETRY, Result.REMOVED, Result.RETRY]
    assert "42501" in outcomes[2].reason


@pytest.mark.parametrize("own", ["postgresql"], indirect=True)
def test_a_row_that_a_policy_refuses_does_not_stop_the_others(own, contacts, unassignment):
    table = contacts(row(1), row(2, "cust_2"), row(3, "cust_3"))
    name = f"tenant_{own.url.database}"
    own.do(
        f"CREATE ROLE {name} LOGIN",
        f"GRANT SELECT, UPDATE ON contacts TO {name}",
        "ALTER TABLE contacts ENABLE ROW LEVEL SECURITY",
        "CREATE POLICY mine ON contacts USING (true) WITH CHECK (vid <> 'cust_2')",
    )
    crm = SqlAdapter(own.url.set(username=name), BY_CODE)
    ids = ("cust_1", "cust_2", "cust_3")

    outcomes = crm.unassign([unassignment(f"rh_{who}", customer_id=who) for who in ids])

    own.do(f"DROP OWNED BY {name}", f"DROP ROLE {name}")
    assert results(outcomes) == [Result.REMOVED, Result.REJECTED, Result.REMOVED]
    assert [each["code"] for each in own.rows(table)] == [None, "FRIEND-1", None]
