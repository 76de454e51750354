"""What the embedded table promises while nothing goes wrong."""

import sqlite3
from datetime import UTC, datetime, timedelta, timezone

import pytest
import sqlalchemy as sa

from sync.crm.adapter import Capability, HolderId, ReadsBack, Restores, Result
from sync.crm.sql.adapter import CHUNK, SqlAdapter, decide
from sync.crm.sql.believed import Believed, put_in

REMOVED = Result.REMOVED
ALREADY_REMOVED = Result.ALREADY_REMOVED
NOT_FOUND = Result.ASSIGNMENT_NOT_FOUND


def results(outcomes):
    return [outcome.result for outcome in outcomes]


def test_unassigning_sets_status_time_and_event_and_leaves_the_rest(table, adapter, unassignment):
    before = {"customer_id": "cust_9", "voucher_code": "OLD", "campaign_name": "Was so"}
    table.fill("rh_1", **before)
    told = unassignment("rh_1")

    outcomes = adapter.unassign([told])

    assert results(outcomes) == [REMOVED]
    assert table.rows()["rh_1"] == {
        "holder_id": "rh_1",
        "customer_id": "cust_9",
        "source_id": None,
        "voucher_id": None,
        "voucher_code": "OLD",
        "campaign_id": None,
        "campaign_name": "Was so",
        "status": "unassigned",
        "assigned_at": None,
        "unassigned_at": told.unassigned_at,
        "unassigned_event_id": "evcus_rh_1",
    }


def test_other_holders_are_not_touched(table, adapter, unassignment):
    table.fill("rh_1", "rh_2", customer_id="cust_1", voucher_id="v_1")
    before = table.rows()["rh_2"]

    adapter.unassign([unassignment("rh_1")])

    assert table.rows()["rh_2"] == before


def test_a_repeat_changes_nothing(table, adapter, unassignment):
    table.fill("rh_1")
    adapter.unassign([unassignment("rh_1")])
    before = table.rows()

    outcomes = adapter.unassign([unassignment("rh_1")])

    assert results(outcomes) == [ALREADY_REMOVED]
    assert table.rows() == before


def test_a_later_event_for_an_ended_assignment_changes_nothing(table, adapter, unassignment):
    table.fill("rh_1")
    first = unassignment("rh_1")
    adapter.unassign([first])
    before = table.rows()
    later = unassignment(
        "rh_1", event_id="evcus_later", unassigned_at=first.unassigned_at + timedelta(days=1)
    )

    assert results(adapter.unassign([later])) == [ALREADY_REMOVED]
    assert table.rows() == before


def test_an_unknown_holder_becomes_a_row_with_all_that_is_known(table, adapter, unassignment):
    table.fill()
    told = unassignment("rh_new")

    outcomes = adapter.unassign([told])

    assert results(outcomes) == [NOT_FOUND]
    assert table.rows() == {
        "rh_new": {
            "holder_id": "rh_new",
            "customer_id": told.customer_id,
            "source_id": told.source_id,
            "voucher_id": told.voucher_id,
            "voucher_code": told.code,
            "campaign_id": told.campaign_id,
            "campaign_name": told.campaign_name,
            "status": "unassigned",
            "assigned_at": told.assigned_at,
            "unassigned_at": told.unassigned_at,
            "unassigned_event_id": told.event_id,
        }
    }
    assert results(adapter.unassign([told])) == [ALREADY_REMOVED]


def test_an_unknown_holder_without_optional_fields_is_kept(table, adapter, unassignment):
    told = unassignment(source_id=None, email=None, campaign_id=None, campaign_name=None)

    assert results(adapter.unassign([told])) == [NOT_FOUND]
    assert table.rows()["rh_1"]["campaign_id"] is None


def test_a_newer_assignment_does_not_keep_the_older_one_open(table, adapter, unassignment):
    table.fill("rh_old", "rh_new", customer_id="cust_1", voucher_id="v_1")

    outcomes = adapter.unassign([unassignment("rh_old", superseded_by=HolderId("rh_new"))])

    assert results(outcomes) == [REMOVED]
    assert table.statuses() == {"rh_old": "unassigned", "rh_new": "assigned"}


def test_the_second_of_two_equal_holders_sees_what_the_first_did(table, adapter, unassignment):
    table.fill("rh_1")
    batch = [unassignment("rh_1"), unassignment("rh_2"), unassignment("rh_1"), unassignment("rh_2")]

    foretold = adapter.preview(batch)
    outcomes = adapter.unassign(batch)

    assert results(outcomes) == [REMOVED, NOT_FOUND, ALREADY_REMOVED, ALREADY_REMOVED]
    assert foretold == outcomes


def test_the_first_unassign_makes_file_and_table(table, adapter, unassignment):
    assert not table.path.exists()

    adapter.unassign([unassignment("rh_1")])

    assert table.statuses() == {"rh_1": "unassigned"}


def test_an_empty_batch_asks_nothing_and_makes_nothing(table, adapter):
    assert adapter.unassign([]) == []
    assert not table.path.exists()


def test_a_batch_of_any_length_is_answered_in_its_order(table, adapter, unassignment):
    ids = [f"rh_{n}" for n in range(2 * CHUNK + 1)]
    table.fill(*ids[::2])
    batch = [unassignment(holder_id) for holder_id in ids]
    expected = [REMOVED if n % 2 == 0 else NOT_FOUND for n in range(len(ids))]

    assert results(adapter.preview(batch)) == expected
    assert results(adapter.unassign(batch)) == expected
    assert set(table.statuses().values()) == {"unassigned"}


def test_a_holder_repeated_in_a_later_chunk_is_foretold_as_it_happens(adapter, unassignment):
    batch = [unassignment(f"rh_{n}") for n in range(CHUNK)] + [unassignment("rh_0")]

    foretold = adapter.preview(batch)

    assert foretold[-1].result == ALREADY_REMOVED
    assert adapter.unassign(batch) == foretold


def test_a_preview_writes_nothing(table, adapter, unassignment):
    table.fill("rh_1")
    table.fill("rh_2", status="unassigned")
    before = table.path.read_bytes()

    outcomes = adapter.preview([unassignment("rh_1"), unassignment("rh_2"), unassignment("rh_3")])

    assert results(outcomes) == [REMOVED, ALREADY_REMOVED, NOT_FOUND]
    assert table.path.read_bytes() == before


def test_a_preview_makes_neither_file_nor_table(table, adapter, unassignment):
    assert results(adapter.preview([unassignment()])) == [NOT_FOUND]
    assert not table.path.exists()

    table.execute("CREATE TABLE other (x)")

    assert results(adapter.preview([unassignment()])) == [NOT_FOUND]
    assert sa.inspect(table.engine).get_table_names() == ["other"]


def test_a_status_that_is_none_of_ours_is_never_guessed(table, adapter, unassignment):
    table.execute(
        "CREATE TABLE voucher_assignments (holder_id, customer_id, source_id, voucher_id,"
        " voucher_code, campaign_id, campaign_name, status, assigned_at, unassigned_at,"
        " unassigned_event_id)",
        "INSERT INTO voucher_assignments (holder_id, status)"
        " VALUES ('rh_1', 'paused'), ('rh_2', NULL)",
    )

    outcomes = adapter.unassign([unassignment("rh_1"), unassignment("rh_2")])

    assert [outcome.result for outcome in outcomes] == [Result.REJECTED, Result.REJECTED]
    assert "paused" not in outcomes[0].reason
    assert table.statuses() == {"rh_1": "paused", "rh_2": None}


@pytest.mark.parametrize(
    ("status", "result"),
    [
        (None, Result.ASSIGNMENT_NOT_FOUND),
        ("assigned", Result.REMOVED),
        ("unassigned", Result.ALREADY_REMOVED),
        ("ASSIGNED", Result.REJECTED),
        ("", Result.REJECTED),
    ],
)
def test_the_status_alone_decides(status, result):
    assert decide(status).result is result


def test_times_are_utc_text_that_sorts_in_the_sqlite_shell(table, adapter, unassignment):
    east = timezone(timedelta(hours=2))
    told = unassignment(unassigned_at=datetime(2026, 3, 2, 11, 0, 0, 7, tzinfo=east))
    adapter.unassign([told])

    with sqlite3.connect(table.path) as connection:
        row = connection.execute(
            "SELECT assigned_at, unassigned_at, datetime(unassigned_at) FROM voucher_assignments"
        ).fetchone()
    connection.close()

    assert row == (
        "2026-03-01T08:30:00.005000Z",
        "2026-03-02T09:00:00.000007Z",
        "2026-03-02 09:00:00",
    )
    assert table.rows()["rh_1"]["unassigned_at"] == told.unassigned_at


def test_a_time_that_somebody_wrote_without_a_zone_is_read_as_utc(table):
    table.fill("rh_1")
    table.execute("UPDATE voucher_assignments SET assigned_at = '2026-03-01 08:30:00'")

    read = table.rows()["rh_1"]["assigned_at"]

    assert read == datetime(2026, 3, 1, 8, 30, tzinfo=UTC)


def test_the_table_has_the_documented_columns_and_refuses_another_status(table):
    table.fill()

    columns = sa.inspect(table.engine).get_columns("voucher_assignments")

    assert [column["name"] for column in columns] == [
        "holder_id",
        "customer_id",
        "source_id",
        "voucher_id",
        "voucher_code",
        "campaign_id",
        "campaign_name",
        "status",
        "assigned_at",
        "unassigned_at",
        "unassigned_event_id",
    ]
    required = {column["name"] for column in columns if not column["nullable"]}
    assert required == {"holder_id", "status"}
    with pytest.raises(sa.exc.IntegrityError):
        table.fill("rh_1", status="paused")


def test_columns_that_somebody_added_are_no_obstacle(table, adapter, unassignment):
    table.fill("rh_1")
    table.execute("ALTER TABLE voucher_assignments ADD COLUMN note TEXT DEFAULT 'mine'")

    adapter.check()

    assert results(adapter.unassign([unassignment("rh_1")])) == [REMOVED]


def test_it_declares_what_it_can_do(adapter):
    assert adapter.capabilities == {
        Capability.READS_BACK,
        Capability.REPORTS_NOT_FOUND,
        Capability.COMPARES_ON_SERVER,
        Capability.LISTS_ASSIGNED,
        Capability.RESTORES,
    }
    assert isinstance(adapter, ReadsBack)
    assert isinstance(adapter, Restores)


def test_closing_twice_changes_nothing(table, unassignment):
    adapter = SqlAdapter(table.url)
    adapter.unassign([unassignment()])

    adapter.close()
    adapter.close()

    assert table.statuses() == {"rh_1": "unassigned"}


def test_it_lists_who_holds_something_in_pages_and_nobody_whose_row_is_ended(tmp_path):
    crm = tmp_path / "crm.db"
    rows = [
        Believed(f"rh_{each}", f"cust_{each}", None, None, f"CODE-{each}", None, None, None)
        for each in range(7)
    ]
    ended = Believed("rh_9", "cust_9", None, None, "X", None, None, None, status="unassigned")
    put_in(crm, [*rows, ended])
    before = crm.read_bytes()
    adapter = SqlAdapter.from_env({"CRM_SQL_URL": f"sqlite:///{crm}", "HOLDERSYNC_HOME": "/"})

    listed, after = [], None
    while page := adapter.assigned(after, 3):
        listed += page
        after = page[-1].record_id
    adapter.close()

    assert [each.holder_id for each in listed] == [f"rh_{each}" for each in range(7)]
    assert {(each.customer_id, each.code) for each in listed} == {
        (f"cust_{each}", f"CODE-{each}") for each in range(7)
    }
    assert crm.read_bytes() == before


def test_a_table_that_is_not_there_yet_lists_nobody_and_is_not_made(tmp_path):
    crm = tmp_path / "crm.db"
    adapter = SqlAdapter.from_env({"CRM_SQL_URL": f"sqlite:///{crm}", "HOLDERSYNC_HOME": "/"})

    assert adapter.assigned(None, 10) == []
    assert not crm.exists()
    adapter.close()
