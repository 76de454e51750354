"""Columns of any type: read as text, written by their own type, and written back as they were."""

import pytest
import sqlalchemy as sa
from sqlalchemy.dialects import mysql, postgresql

from sync.crm.adapter import Result, Undone
from sync.crm.mapped.mapping import SlotMapping
from sync.crm.sql.adapter import SqlAdapter

WORD = sa.String(100)
AT = "{unassigned_at}"


def one_column(type_, value, *, kinds=("sqlite", "postgresql", "mysql")):
    return [(kind, type_, value) for kind in kinds]


def of_slot(**slot):
    return SlotMapping(
        object="contacts", find=("prop:vid = customer_id",), slot=({"code": "code", **slot},)
    )


def make(own, type_, value):
    columns = [
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("vid", WORD),
        sa.Column("code", WORD),
        sa.Column("it", type_),
    ]
    own.make("contacts", *columns)
    own.do("INSERT INTO contacts (id, vid, code) VALUES (1, 'cust_1', 'FRIEND-1')")
    if value is not None:
        own.do(f"UPDATE contacts SET it = {value}")


def shown(own):
    """What the database itself makes of the column."""
    as_text = "CHAR" if own.kind == "mysql" else "TEXT"
    with own.engine.connect() as connection:
        return connection.execute(sa.text(f"SELECT CAST(it AS {as_text}) FROM contacts")).scalar()


HELD = [
    *one_column(sa.Text(), "'Früh '"),
    *one_column(sa.CHAR(10), "'A b'"),
    *one_column(sa.BigInteger(), "9007199254740993"),
    *one_column(sa.Numeric(10, 2), "5.50"),
    *one_column(sa.Double(), "0.1"),
    *one_column(mysql.FLOAT(), "0.1", kinds=["mysql"]),
    *one_column(sa.Boolean(), "true"),
    *one_column(sa.Boolean(), "false"),
    *one_column(sa.Date(), "'2026-01-02'"),
    *one_column(sa.DateTime(), "'2026-01-02 03:04:05'"),
    *one_column(sa.TIMESTAMP(), "'2026-01-02 03:04:05'", kinds=["postgresql"]),
    *one_column(mysql.TIMESTAMP(fsp=3), "'2026-01-02 03:04:05'", kinds=["mysql"]),
    *one_column(sa.DateTime(timezone=True), "'2026-01-02 03:04:05+02'", kinds=["postgresql"]),
    *one_column(sa.DateTime(), "'infinity'", kinds=["postgresql"]),
    *one_column(sa.Time(), "'03:04:05'"),
    *one_column(sa.JSON(), "'{\"a\": [1, null]}'", kinds=["postgresql", "mysql"]),
    *one_column(postgresql.JSONB(), "'{\"a\": 1}'", kinds=["postgresql"]),
    *one_column(postgresql.ARRAY(sa.Text()), "ARRAY['a', 'b c']", kinds=["postgresql"]),
    *one_column(postgresql.INET(), "'10.0.0.1'", kinds=["postgresql"]),
    *one_column(postgresql.UUID(), "'7f1c0f3a-0000-4000-8000-00000000000a'", kinds=["postgresql"]),
    *one_column(sa.Enum("open", "closed", name="words"), "'open'", kinds=["postgresql", "mysql"]),
]


@pytest.mark.parametrize(
    ("own", "type_", "value"),
    HELD,
    indirect=["own"],
    ids=[f"{kind}-{type(each).__name__}-{value[:12]}" for kind, each, value in HELD],
)
def test_a_value_of_any_type_is_cleared_told_and_written_back(own, unassignment, type_, value):
    make(own, type_, value)
    before = shown(own)
    crm = SqlAdapter(own.url, of_slot(clear=["it"]))
    crm.check()

    [outcome] = crm.unassign([unassignment()])

    assert outcome.result is Result.REMOVED
    assert shown(own) is None
    told = {"1": "true", "0": "false"}.get(before, before) if before in "10" else before
    assert outcome.change.before == {"code": "FRIEND-1", "it": told}
    [back] = crm.restore([outcome.change], dry_run=False)
    assert back.result is Undone.RESTORED
    assert shown(own) == before


WRITTEN = [
    ("sqlite", sa.String(40), AT, "2026-03-02T09:00:00.123Z"),
    ("sqlite", sa.DateTime(), AT, "2026-03-02T09:00:00.123Z"),
    ("sqlite", sa.Date(), "{unassigned_on}", "2026-03-02"),
    ("sqlite", sa.Integer(), "7", "7"),
    ("sqlite", sa.Boolean(), "false", "0"),
    ("postgresql", sa.DateTime(), AT, "2026-03-02 09:00:00.123"),
    ("postgresql", sa.Date(), AT, "2026-03-02"),
    ("postgresql", sa.Integer(), "7", "7"),
    ("postgresql", sa.Boolean(), "false", "false"),
    ("postgresql", sa.Enum("open", "closed", name="words"), "closed", "closed"),
    ("postgresql", sa.JSON(), '"ended"', '"ended"'),
    ("mysql", sa.DateTime(), AT, "2026-03-02 09:00:00"),
    ("mysql", mysql.DATETIME(fsp=6), AT, "2026-03-02 09:00:00.123000"),
    ("mysql", mysql.TIMESTAMP(fsp=3), AT, "2026-03-02 09:00:00.123"),
    ("mysql", sa.Date(), AT, "2026-03-02"),
    ("mysql", sa.Date(), "{unassigned_on}", "2026-03-02"),
    ("mysql", sa.Integer(), "7", "7"),
    ("mysql", sa.Boolean(), "false", "0"),
    ("mysql", sa.Enum("open", "closed", name="words"), "closed", "closed"),
]


@pytest.mark.parametrize(
    ("own", "type_", "text", "expected"),
    WRITTEN,
    indirect=["own"],
    ids=[f"{kind}-{type(each).__name__}-{text}" for kind, each, text, _ in WRITTEN],
)
def test_what_a_mapping_says_is_written_by_the_columns_own_type(
    own, unassignment, type_, text, expected
):
    make(own, type_, None)
    at = unassignment().unassigned_at.replace(microsecond=123_000)
    crm = SqlAdapter(own.url, of_slot(set={"it": text}))
    crm.check()

    [outcome] = crm.unassign([unassignment(unassigned_at=at)])

    assert outcome.result is Result.REMOVED
    assert shown(own) == expected


@pytest.mark.parametrize(
    ("own", "type_", "zone"),
    [
        ("postgresql", sa.DateTime(timezone=True), "options=-ctimezone%3DAsia/Tokyo"),
        ("mysql", mysql.TIMESTAMP(), "init_command=SET time_zone='%2B09:00'"),
    ],
    indirect=["own"],
)
def test_an_instant_is_the_same_whichever_zone_the_session_has(own, unassignment, type_, zone):
    make(own, type_, None)
    there = sa.make_url(f"{own.url.render_as_string(hide_password=False)}?{zone}")
    crm = SqlAdapter(there, of_slot(set={"it": AT}))

    [outcome] = crm.unassign([unassignment()])

    assert outcome.result is Result.REMOVED
    is_it = {
        "postgresql": "it = '2026-03-02 09:00:00.123Z'",
        "mysql": "UNIX_TIMESTAMP(it) = 1772442000",
    }[own.kind]
    with own.engine.connect() as connection:
        found = connection.execute(sa.text(f"SELECT {is_it} FROM contacts")).scalar()
    assert found


FOUND = [
    *one_column(sa.Integer(), "7"),
    *one_column(sa.BigInteger(), "7"),
    *one_column(sa.Numeric(10, 0), "7"),
    *one_column(sa.String(20), "'7'"),
    *one_column(sa.CHAR(20), "'7'", kinds=["postgresql", "mysql"]),
]


@pytest.mark.parametrize(
    ("own", "type_", "value"),
    FOUND,
    indirect=["own"],
    ids=[f"{kind}-{type(each).__name__}" for kind, each, _ in FOUND],
)
def test_a_contact_is_found_by_a_number_and_by_nothing_that_is_only_like_it(
    own, unassignment, type_, value
):
    make(own, type_, value)
    by_it = of_slot().model_copy(
        update={"find": SlotMapping(
            find=("prop:it = source_id", "record_id = source_id"), slot=({"code": "code"},)
        ).find}
    )  # fmt: skip
    crm = SqlAdapter(own.url, by_it)
    odd = ["07", "7.0", "+7", "7e0", "seven", "", "9" * 40, "-7", "\u0667", "7'"]

    outcomes = crm.preview([unassignment(f"rh_{each}", source_id=each) for each in ("7", *odd)])

    wanted = [Result.REMOVED, *[Result.CONTACT_NOT_FOUND] * len(odd)]
    assert [each.result for each in outcomes] == wanted


@pytest.mark.parametrize("own", ["postgresql"], indirect=True)
def test_a_uuid_is_found_in_either_case(own, unassignment):
    make(own, postgresql.UUID(), "'7f1c0f3a-0000-4000-8000-00000000000a'")
    mapping = SlotMapping(
        object="contacts", find=("prop:it = source_id",), slot=({"code": "code"},)
    )
    crm = SqlAdapter(own.url, mapping)
    ids = ["7F1C0F3A-0000-4000-8000-00000000000A", "7f1c0f3a", "no uuid"]

    outcomes = crm.preview([unassignment(f"rh_{each}", source_id=each) for each in ids])

    missing = Result.CONTACT_NOT_FOUND
    assert [each.result for each in outcomes] == [Result.REMOVED, missing, missing]


@pytest.mark.parametrize("own", ["mysql"], indirect=True)
@pytest.mark.parametrize("odd", ["\u65e5", "cust_\U0001f600"], ids=ascii)
def test_a_text_that_a_columns_alphabet_lacks_keeps_nobody_else_from_being_found(
    own, unassignment, odd
):
    make(own, WORD, None)
    own.do("ALTER TABLE contacts CONVERT TO CHARACTER SET latin1")
    own.do("INSERT INTO contacts (id, vid, code) VALUES (2, 'c\u00fcst_2', 'FRIEND-1')")
    whom = ["cust_1", odd, odd * 2, "c\u00fcst_2", "cust_3"]

    outcomes = SqlAdapter(own.url, of_slot()).unassign(
        [unassignment(f"rh_{each}", customer_id=each) for each in whom]
    )

    missing = Result.CONTACT_NOT_FOUND
    wanted = [Result.REMOVED, missing, missing, Result.REMOVED, missing]
    assert [each.result for each in outcomes] == wanted


@pytest.mark.parametrize("own", ["mysql"], indirect=True)
@pytest.mark.parametrize("charset", ["utf8", "latin1", "utf8mb4"])
def test_no_letter_is_lost_whatever_alphabet_the_url_names(own, unassignment, charset):
    make(own, WORD, "'x\U0001f600'")
    there = own.url.set(query={"charset": charset})
    other, this = ([unassignment(code=code)] for code in ("FRIEND-\U0001f381", "FRIEND-\U0001f600"))
    own.do("UPDATE contacts SET code = 'FRIEND-\U0001f600'")
    crm = SqlAdapter(there, of_slot(clear=["it"]))

    assert crm.unassign(other)[0].result is Result.SUPERSEDED
    [outcome] = crm.unassign(this)

    assert outcome.result is Result.REMOVED
    crm.restore([outcome.change], dry_run=False)
    assert shown(own) == "x\U0001f600"


@pytest.mark.parametrize("own", ["sqlite"], indirect=True)
def test_a_text_that_is_no_utf_8_does_not_stop_the_others(own, unassignment):
    make(own, WORD, "CAST(X'66FC68' AS TEXT)")
    own.do("INSERT INTO contacts VALUES (2, 'cust_2', 'FRIEND-1', 'x')")
    crm = SqlAdapter(own.url, of_slot(clear=["it"]))

    outcomes = crm.unassign([unassignment("rh_1"), unassignment("rh_2", customer_id="cust_2")])

    assert [each.result for each in outcomes] == [Result.RETRY, Result.REMOVED]
