"""What the embedded table answers when the database is locked, full, refuses, or shared."""

import sqlite3
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from threading import Barrier
from time import monotonic

import sqlalchemy as sa

from sync.crm.adapter import Result
from sync.crm.sql.adapter import CHUNK, SqlAdapter

REMOVED = Result.REMOVED
VALUES = ("rh_", "cust_1", "shop-7", "ann@example.com", "v_1", "FRIEND", "camp_1", "evcus")


def results(outcomes):
    return [outcome.result for outcome in outcomes]


def test_a_locked_file_is_retry_for_each_row_and_changes_nothing(table, adapter, unassignment):
    table.fill("rh_1", "rh_2")
    batch = [unassignment("rh_1"), unassignment("rh_2")]

    with table.locked():
        outcomes = adapter.unassign(batch)

    assert results(outcomes) == [Result.RETRY, Result.RETRY]
    assert "SQLITE_BUSY" in outcomes[0].reason
    assert table.statuses() == {"rh_1": "assigned", "rh_2": "assigned"}
    assert results(adapter.unassign(batch)) == [REMOVED, REMOVED]


def test_another_writer_is_retry_too(table, adapter, unassignment):
    table.fill("rh_1")

    with table.locked("IMMEDIATE"):
        outcomes = adapter.unassign([unassignment("rh_1")])
        foretold = adapter.preview([unassignment("rh_1")])

    assert results(outcomes) == [Result.RETRY]
    assert results(foretold) == [REMOVED]


def test_a_locked_file_is_waited_for_once_not_once_per_chunk(table, unassignment):
    table.fill()
    adapter = SqlAdapter(table.url, busy_timeout=0.2)
    batch = [unassignment(f"rh_{n}") for n in range(5 * CHUNK)]

    with table.locked():
        started = monotonic()
        outcomes = adapter.unassign(batch)
        waited = monotonic() - started

    assert results(outcomes) == [Result.RETRY] * len(batch)
    assert waited < 0.8


def test_the_time_out_of_the_url_wins(table, unassignment):
    table.fill()
    adapter = SqlAdapter(table.url.set(query={"timeout": "0.01"}), busy_timeout=60)

    with table.locked():
        assert results(adapter.unassign([unassignment()])) == [Result.RETRY]


def test_a_preview_of_a_locked_file_is_retry(table, adapter, unassignment):
    table.fill("rh_1")

    with table.locked():
        outcomes = adapter.preview([unassignment("rh_1"), unassignment("rh_2")])

    assert results(outcomes) == [Result.RETRY, Result.RETRY]


def test_what_was_delivered_before_the_lock_stays_told(table, adapter, unassignment):
    table.fill(*(f"rh_{n}" for n in range(CHUNK + 2)))
    batch = [unassignment(f"rh_{n}") for n in range(CHUNK + 2)]

    class LocksInBetween(list):
        """Another program takes the lock when the second chunk is about to be read."""

        def __getitem__(self, index):
            if isinstance(index, slice) and index.start == CHUNK:
                other.execute("BEGIN EXCLUSIVE")
            return super().__getitem__(index)

    with closing(sqlite3.connect(table.path, isolation_level=None)) as other:
        outcomes = adapter.unassign(LocksInBetween(batch))

    assert results(outcomes) == [Result.REMOVED] * CHUNK + [Result.RETRY] * 2


def test_a_full_disk_is_retry(table, adapter, unassignment):
    table.fill("rh_1")

    @sa.event.listens_for(adapter._engine, "connect")
    def no_more_pages(connection, _record):
        pages = connection.execute("PRAGMA page_count").fetchone()[0]
        connection.execute(f"PRAGMA max_page_count = {pages}")

    batch = [unassignment(f"rh_{n}", campaign_name="x" * 250) for n in range(CHUNK)]
    outcomes = adapter.unassign(batch)

    assert set(results(outcomes)) == {Result.RETRY}
    assert "SQLITE_FULL" in outcomes[0].reason
    assert table.statuses() == {"rh_1": "assigned"}


def test_a_refused_row_does_not_stop_the_others(table, adapter, unassignment):
    table.fill("rh_1", "rh_2")
    table.execute(
        "CREATE TRIGGER strict BEFORE INSERT ON voucher_assignments"
        " WHEN length(NEW.voucher_code) > 20 BEGIN SELECT RAISE(ABORT, 'FRIEND is too long'); END"
    )
    batch = [
        unassignment("rh_1"),
        unassignment("rh_bad", code="FRIEND" * 10),
        unassignment("rh_2"),
        unassignment("rh_2"),
    ]

    outcomes = adapter.unassign(batch)

    assert results(outcomes) == [
        Result.REMOVED,
        Result.REJECTED,
        Result.REMOVED,
        Result.ALREADY_REMOVED,
    ]
    assert table.statuses() == {"rh_1": "unassigned", "rh_2": "unassigned"}
    assert not [value for value in VALUES if value in outcomes[1].reason]


def test_a_value_too_big_for_the_database_is_refused_alone(table, adapter, unassignment):
    table.fill("rh_1")

    @sa.event.listens_for(adapter._engine, "connect")
    def short_values(connection, _record):
        connection.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, 5_000)

    outcomes = adapter.unassign([unassignment("rh_big", code="x" * 6_000), unassignment("rh_1")])

    assert results(outcomes) == [Result.REJECTED, Result.REMOVED]


def interfere(adapter, statement_start, times, sql):
    """Let another writer come first, as a server with row locks would, `times` times."""
    left = [times]

    @sa.event.listens_for(adapter._engine, "before_cursor_execute")
    def come_first(_connection, cursor, statement, *_):
        if statement.startswith(statement_start) and left[0] > 0:
            left[0] -= 1
            cursor.execute(sql)


def test_a_lost_race_is_decided_by_reading_again(table, adapter, unassignment):
    table.fill("rh_1")
    interfere(adapter, "UPDATE", 1, "UPDATE voucher_assignments SET status = 'unassigned'")

    # The other writer's change goes back with our transaction, so the second reading is as before.
    assert results(adapter.unassign([unassignment("rh_1")])) == [REMOVED]


def test_a_row_that_somebody_else_inserts_meanwhile_is_read_again(table, adapter, unassignment):
    table.fill()
    insert = "INSERT INTO voucher_assignments (holder_id, status) VALUES ('rh_1', 'assigned')"
    interfere(adapter, "INSERT", 1, insert)

    outcomes = adapter.unassign([unassignment("rh_1")])

    assert results(outcomes) == [Result.ASSIGNMENT_NOT_FOUND]
    assert table.statuses() == {"rh_1": "unassigned"}


def test_a_race_lost_again_and_again_is_retry(table, adapter, unassignment):
    table.fill("rh_1", "rh_2")
    table.execute(
        "CREATE TRIGGER swallow BEFORE UPDATE ON voucher_assignments WHEN NEW.holder_id = 'rh_1'"
        " BEGIN SELECT RAISE(IGNORE); END"
    )

    outcomes = adapter.unassign([unassignment("rh_1"), unassignment("rh_2")])

    assert results(outcomes) == [Result.RETRY, Result.REMOVED]
    assert table.statuses() == {"rh_1": "assigned", "rh_2": "unassigned"}


def test_each_assignment_is_removed_by_one_of_two_writers_at_once(table, unassignment):
    holder_ids = [f"rh_{n}" for n in range(40)]
    table.fill(*holder_ids)
    start = Barrier(2)

    def write(order):
        adapter = SqlAdapter(table.url)
        start.wait(timeout=5)
        return [adapter.unassign([unassignment(id_)])[0].result for id_ in order]

    with ThreadPoolExecutor(2) as pool:
        told = [result for part in pool.map(write, [holder_ids] * 2) for result in part]

    assert Counter(told) == {Result.REMOVED: 40, Result.ALREADY_REMOVED: 40}
