"""What the embedded table tells of its changes, and how they are taken back."""

from contextlib import closing
from datetime import timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa

from sync.crm.adapter import Change, Outcome, Result, Undone
from sync.crm.sql.adapter import CHUNK, SqlAdapter, metadata, voucher_assignments


@pytest.fixture
def crm(own):
    with closing(SqlAdapter(own.url, busy_timeout=0.2)) as adapter:
        yield adapter


@pytest.fixture
def held(own):
    """Let the table hold assignments."""

    def hold(*holder_ids, **fields):
        metadata.create_all(own.engine)
        rows = [{"holder_id": each, "status": "assigned", **fields} for each in holder_ids]
        own.put_in(voucher_assignments, *rows)

    return hold


def results(told):
    return [each.result for each in told]


def test_a_removed_assignment_tells_its_end_before_and_after(crm, held, unassignment):
    held("rh_1", customer_id="cust_1")

    foretold = crm.preview([unassignment("rh_1")])

    assert foretold == crm.unassign([unassignment("rh_1")])
    before = {"status": "assigned", "unassigned_at": "", "unassigned_event_id": ""}
    after = {
        "status": "unassigned",
        "unassigned_at": "2026-03-02T09:00:00.123456Z",
        "unassigned_event_id": "evcus_rh_1",
    }
    assert foretold == [Outcome(Result.REMOVED, change=Change("rh_1", before, after))]


def test_what_was_not_removed_changed_nothing(crm, held, unassignment):
    held("rh_1")
    crm.unassign([unassignment("rh_1")])

    told = crm.unassign([unassignment("rh_1"), unassignment("rh_new")])

    assert [each.change for each in told] == [None, None]


def test_a_row_is_as_it_was_once_it_is_restored(own, crm, held, unassignment):
    once = unassignment().unassigned_at - timedelta(days=9)
    held("rh_1", "rh_2")
    held("rh_3", unassigned_at=once, unassigned_event_id="evcus_old")
    before = own.rows(voucher_assignments)
    batch = [unassignment(each) for each in ("rh_1", "rh_3")]
    changes = [each.change for each in crm.unassign(batch)]
    ended = own.rows(voucher_assignments)

    assert results(crm.restore(changes, dry_run=True)) == [Undone.RESTORED] * 2
    assert own.rows(voucher_assignments) == ended
    assert results(crm.restore(changes, dry_run=False)) == [Undone.RESTORED] * 2
    assert own.rows(voucher_assignments) == before
    assert results(crm.restore(changes, dry_run=False)) == [Undone.ALREADY_RESTORED] * 2


def test_a_row_that_somebody_wrote_since_is_left_as_it_is(own, crm, held, unassignment):
    ids = [f"rh_{number}" for number in range(4)]
    held(*ids)
    changes = [each.change for each in crm.unassign([unassignment(each) for each in ids])]
    own.do(
        "UPDATE voucher_assignments SET unassigned_event_id = 'evcus_9' WHERE holder_id = 'rh_0'",
        "UPDATE voucher_assignments SET unassigned_at = NULL WHERE holder_id = 'rh_1'",
        "DELETE FROM voucher_assignments WHERE holder_id = 'rh_2'",
    )
    before = own.rows(voucher_assignments)

    told = crm.restore(changes[:3], dry_run=False)

    assert results(told) == [Undone.CHANGED_SINCE, Undone.CHANGED_SINCE, Undone.NOT_FOUND]
    assert own.rows(voucher_assignments) == before


def test_what_comes_between_reading_and_writing_back_stays(own, crm, held, unassignment):
    held("rh_1", "rh_2")
    batch = [unassignment("rh_1"), unassignment("rh_2")]
    changes = [each.change for each in crm.unassign(batch)]
    own.comes_first(
        crm,
        "UPDATE voucher_assignments SET unassigned_event_id = 'evcus_9' WHERE holder_id = 'rh_1'",
    )

    told = crm.restore(changes, dry_run=False)

    assert results(told) == [Undone.RETRY, Undone.RESTORED]
    statuses = [row["status"] for row in own.rows(voucher_assignments)]
    assert statuses == ["unassigned", "assigned"]


@pytest.mark.parametrize("own", ["sqlite"], indirect=True)
def test_a_time_that_is_none_is_written_back_as_it_was(own, crm, held, unassignment):
    held("rh_1")
    own.do("UPDATE voucher_assignments SET unassigned_at = 'some day'")

    [outcome] = crm.unassign([unassignment("rh_1")])

    assert outcome.change.before["unassigned_at"] == "some day"
    assert results(crm.restore([outcome.change], dry_run=False)) == [Undone.RESTORED]
    with own.engine.connect() as connection:
        query = sa.text("SELECT unassigned_at FROM voucher_assignments")
        assert connection.execute(query).scalar() == "some day"


def test_any_number_of_changes_is_written_back(own, crm, held, unassignment):
    ids = [f"rh_{number:03}" for number in range(CHUNK + 1)]
    held(*ids)
    before = own.rows(voucher_assignments)
    changes = [each.change for each in crm.unassign([unassignment(each) for each in ids])]

    assert results(crm.restore(changes, dry_run=False)) == [Undone.RESTORED] * len(ids)
    assert own.rows(voucher_assignments) == before


@pytest.mark.parametrize("own", ["sqlite"], indirect=True)
def test_a_locked_file_is_retry_and_one_that_is_not_there_is_not_made(own, crm, unassignment):
    change = Change("rh_1", {"status": "assigned"}, {"status": "unassigned"})

    assert results(crm.restore([change], dry_run=False)) == [Undone.NOT_FOUND]
    assert not Path(own.url.database).exists()

    crm.unassign([unassignment("rh_1")])
    with own.file_locked("EXCLUSIVE"):
        assert results(crm.restore([change], dry_run=False)) == [Undone.RETRY]
