"""No room for the ledger, at any moment: told with what to do, and nothing is lost."""

import os
import resource
import shutil
import subprocess
import sys
from contextlib import contextmanager
from dataclasses import replace

import pytest
import sqlalchemy as sa
from sqlalchemy.engine import Engine

from sync.crm.sql.adapter import SqlAdapter
from tests.shops import Result

LIMITED = """
import resource, sys
resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[1]),) * 2)
from sync.cli import main
main(sys.argv[2:])
"""


def told_as_full(result):
    """Tell whether a person hears what is wrong and what to do, in the words of the tool."""
    return (
        result.code == 78
        and "see that" in result.err
        and "has room" in result.err
        and "Traceback" not in result.err
    )


@contextmanager
def at_most(pages):
    """Let SQLite find no room for a ledger of more pages; the CRM's file is not touched."""

    def limit(connection, _record):
        (_, _, path), *_ = connection.execute("PRAGMA database_list").fetchall()
        if path.endswith("ledger.db"):
            connection.execute(f"PRAGMA max_page_count = {pages}")

    sa.event.listen(Engine, "connect", limit)
    try:
        yield
    finally:
        sa.event.remove(Engine, "connect", limit)


def test_wherever_the_room_ends_it_is_told_and_the_next_run_lacks_nothing(
    shop, matches_truth, tell
):
    ends = []
    for pages in range(3, 200, 8):
        with at_most(pages):
            result = shop.run()
        ends.append(result.code)
        if result.code in (0, 65):
            break
        assert told_as_full(result), (pages, result)
        assert result.json["result"] == "failed", pages

    tell(f"runs without room: {len(ends) - 1}")
    assert ends.count(78) >= 5
    shop.run()
    assert matches_truth(shop) == (True, {}, set())


@contextmanager
def no_room_once_the_crm_was_told(monkeypatch):
    """Let this process write no file any more as soon as the CRM has done what it was told."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    unassign = SqlAdapter.unassign

    def and_no_room(self, batch):
        outcomes = unassign(self, batch)
        resource.setrlimit(resource.RLIMIT_FSIZE, (1, hard))
        return outcomes

    with monkeypatch.context() as patched:
        patched.setattr(SqlAdapter, "unassign", and_no_room)
        try:
            yield
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def test_what_the_crm_heard_before_the_room_ended_is_told_once_more_and_changes_nothing(
    shop, matches_truth, monkeypatch
):
    ended = sum(row.status == "unassigned" and row.in_window for row in shop.world.truth.values())

    with no_room_once_the_crm_was_told(monkeypatch):
        without = shop.run()
    crm = shop.crm()
    after = shop.run()

    assert told_as_full(without), without
    assert matches_truth(shop) == (True, {}, set())
    assert shop.crm() == crm
    assert after.json["outcomes"]["already_removed"] == ended
    assert sum(after.json["outcomes"].values()) == ended


def test_a_process_that_may_write_no_more_ends_in_order(shop, matches_truth):
    half = 340_000  # bytes: the tables fit, what is read doesn't
    with subprocess.Popen(
        [sys.executable, "-W", "error", "-c", LIMITED, f"{half}", "run", "--json"],
        env=os.environ | shop.settings,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=shop.home,
    ) as process:
        result = Result(None, *process.communicate(timeout=60))

    assert told_as_full(replace(result, code=process.returncode)), result
    assert result.json["customers"]["left"] > 0
    shop.run()
    assert matches_truth(shop) == (True, {}, set())


@pytest.mark.long_only
def test_a_disk_that_is_full_is_told_by_every_command_and_holds_all_once_there_is_room(
    shop, matches_truth
):
    disk = shop.home / "disk"
    disk.mkdir()
    shop.settings["HOLDERSYNC_LEDGER_URL"] = f"sqlite:///{disk}/ledger.db"
    with small(disk):
        for room in (0, 4_096, 8_192, 20_000, 200_000, 250_000, 300_000, 350_000):
            leave(room, disk)
            for job in (("run", "--json"), ("run", "--dry-run"), ("status",), ("check",)):
                result = shop.command(*job)
                assert "Traceback" not in result.err, (room, job)
                assert result.code in (0, 65, 78), (room, job, result)
                assert job[-1] != "--json" or told_as_full(result), (room, result)
        (disk / "filler").unlink()
        shop.run()
        assert matches_truth(shop) == (True, {}, set())


@contextmanager
def small(folder):
    """Make the folder a disk of its own, of 3 MB."""
    mount = ["mount", "-t", "tmpfs", "-o", "size=3m", "tmpfs", folder]
    if subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("only who may mount can have a small disk")
    try:
        yield
    finally:
        subprocess.run(["umount", "--lazy", folder], check=True)


def leave(room, disk):
    """Fill a disk up to so many bytes."""
    filler = disk / "filler"
    filler.write_bytes(b"")
    free = shutil.disk_usage(disk).free
    filler.write_bytes(b"x" * max(0, free - room))
