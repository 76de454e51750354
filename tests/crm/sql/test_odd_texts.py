"""Ids, codes and names that a database, a driver or a statement could trip over."""

from contextlib import closing

import pytest
import sqlalchemy as sa

from sync.crm.adapter import Outcome, Result
from sync.crm.sql.adapter import SqlAdapter, voucher_assignments
from sync.database import plain

ODD = {
    "a NUL": "A\0B",
    "half a surrogate pair": "A\udc80",
    "the other half": "\ud83d",
    "an emoji": "\U0001f600" * 100,
    "quotes": "'; DROP TABLE voucher_assignments; --",
    "other quotes": '"`]',
    "marks of parameters": ":holder_id %s %(code)s ? $1 {x}",
    "a backslash": "\\'; \\x00",
    "a line end": "A\r\nB",
    "combining letters": "z\u0307" * 50,
    "the other direction": "\u202eAB",
    "as long as may be": "x" * 255,
}
FIELDS = ("source_id", "code", "campaign_name")
"""Of these a person may choose the text."""
IDS = ("customer_id", "voucher_id", "campaign_id", "event_id")


@pytest.fixture(
    params=[
        pytest.param("sqlite", marks=pytest.mark.on_a_file),
        pytest.param("postgresql", marks=pytest.mark.on_a_server),
    ]
)
def database(request, tmp_path):
    """The URL of an empty database."""
    if request.param == "sqlite":
        return sa.make_url(f"sqlite:///{tmp_path / 'crm.db'}")
    return request.getfixturevalue("server").new(tmp_path)


@pytest.fixture
def crm(database):
    with closing(SqlAdapter(database)) as adapter:
        yield adapter


def rows_in(database):
    engine = sa.create_engine(database, poolclass=sa.NullPool)
    with engine.connect() as connection:
        return [row._asdict() for row in connection.execute(sa.select(voucher_assignments))]


@pytest.mark.parametrize("text", ODD.values(), ids=ODD)
def test_any_text_is_stored_as_far_as_a_database_can_and_a_repeat_changes_nothing(
    crm, database, unassignment, text
):
    odd = unassignment(**dict.fromkeys((*FIELDS, *IDS), text))

    assert crm.unassign([odd]) == [Outcome(Result.ASSIGNMENT_NOT_FOUND)]
    [row] = rows_in(database)
    assert crm.unassign([odd]) == [Outcome(Result.ALREADY_REMOVED)]

    assert (row["voucher_code"], row["campaign_name"]) == (plain(text), plain(text))
    assert rows_in(database) == [row]


@pytest.mark.parametrize("text", ODD.values(), ids=ODD)
def test_an_odd_holder_id_finds_its_row_again_and_no_other(crm, database, unassignment, text):
    batch = [unassignment(text, event_id="evcus_1"), unassignment("rh_other")]
    crm.unassign(batch)

    assert crm.preview(batch) == [Outcome(Result.ALREADY_REMOVED)] * 2
    assert crm.unassign(batch) == [Outcome(Result.ALREADY_REMOVED)] * 2
    assert {row["holder_id"] for row in rows_in(database)} == {plain(text), "rh_other"}


def test_no_value_is_ever_a_part_of_a_statement(crm, unassignment):
    statements = []
    sa.event.listen(crm._engine, "before_cursor_execute", lambda *told: statements.append(told[2]))
    marked = dict.fromkeys((*FIELDS, *IDS), "MARKED")

    crm.unassign([unassignment("MARKED", **marked)])
    crm.preview([unassignment("MARKED", **marked)])
    crm.unassign([unassignment("MARKED", **marked)])

    assert any("INSERT INTO voucher_assignments" in each for each in statements)
    assert not [each for each in statements if "MARKED" in each]


def test_a_file_with_a_hostile_name_is_no_more_than_a_file(tmp_path):
    hostile = f"sqlite:///{tmp_path}/crm'; DROP TABLE voucher_assignments; --.db"
    with closing(SqlAdapter(sa.make_url(hostile))) as adapter:
        adapter.check()

    assert list(tmp_path.iterdir()) == []


@pytest.mark.on_a_server
@pytest.mark.parametrize("field", ["code", "customer_id"])
def test_what_is_too_long_for_its_column_is_refused_alone(server, tmp_path, unassignment, field):
    batch = [unassignment("rh_1", **{field: "x" * 256}), unassignment("rh_2")]

    with closing(SqlAdapter(server.new(tmp_path))) as adapter:
        outcomes = adapter.unassign(batch)

    assert [each.result for each in outcomes] == [Result.REJECTED, Result.ASSIGNMENT_NOT_FOUND]
    assert "x" * 10 not in outcomes[0].reason
