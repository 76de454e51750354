"""Locks: one holder, who is named, and none behind a process that was killed."""

import shutil
import signal
import subprocess
import sys
from contextlib import ExitStack, closing
from dataclasses import replace
from pathlib import Path

import pytest
from sqlalchemy.engine import make_url

from sync.errors import TellUserError
from sync.ledger.lock import LockTakenError, held
from sync.ledger.opening import create_or_open, locks_of
from sync.ledger.runs import RunStart, finish_run, latest_runs, start_run

HOLD = """
import sys, time
from pathlib import Path
from sync.ledger.lock import held
with held(Path(sys.argv[1]), sys.argv[2]):
    print("held", flush=True)
    time.sleep(60)
"""


@pytest.fixture
def holder(tmp_path):
    """Start a process that holds a lock until it is killed."""
    with ExitStack() as stack:

        def start(name):
            child = subprocess.Popen(
                [sys.executable, "-c", HOLD, str(tmp_path / "ledger.db"), name],
                stdout=subprocess.PIPE,
                text=True,
            )
            stack.enter_context(child)
            stack.callback(child.kill)
            assert child.stdout.readline() == "held\n"
            return child

        yield start


def moved(path):
    path.rename(path.with_name("elsewhere.db"))


def replaced(path):
    moved(path)
    shutil.copy(path.with_name("elsewhere.db"), path)


@pytest.mark.parametrize("change", [Path.unlink, moved, replaced])
def test_nothing_is_written_into_a_ledger_that_is_not_in_its_place(tmp_path, change):
    url = make_url(f"sqlite:///{tmp_path / 'ledger.db'}")
    locks = locks_of(url)
    with locks.held("run"), closing(create_or_open(url, locks=locks)) as ledger:
        with ledger.transaction():
            pass
        change(tmp_path / "ledger.db")

        with pytest.raises(TellUserError, match="moved, removed or replaced"), ledger.transaction():
            pass


@pytest.fixture
def start(now):
    return RunStart("run-1", "run", "host-a", 4711, "sql-1", now)


@pytest.mark.parametrize("name", ["run", "backfill", "deliver"])
def test_a_second_holder_is_refused(tmp_path, name):
    file = tmp_path / "ledger.db"
    with held(file, name), pytest.raises(LockTakenError), held(file, name):
        pass

    with held(tmp_path / "ledger.db", name):
        pass


def test_the_three_locks_don_t_hinder_one_another(tmp_path):
    file = tmp_path / "ledger.db"
    with held(file, "run"), held(file, "backfill"), held(file, "deliver"):
        assert not file.exists()


def test_two_ledgers_don_t_hinder_one_another(tmp_path):
    with held(tmp_path / "one.db", "run"), held(tmp_path / "two.db", "run"):
        pass


def test_a_lock_is_free_again_after_an_error(tmp_path):
    with pytest.raises(KeyError), held(tmp_path / "ledger.db", "run"):
        raise KeyError

    with held(tmp_path / "ledger.db", "run"):
        pass


def test_a_lock_dies_with_its_holder(tmp_path, holder):
    child = holder("run")
    with pytest.raises(LockTakenError), held(tmp_path / "ledger.db", "run"):
        pass

    child.send_signal(signal.SIGKILL)
    child.wait(10)

    with held(tmp_path / "ledger.db", "run"):
        pass


def test_the_lock_makes_no_folder(tmp_path):
    with (
        pytest.raises(TellUserError, match="is not there"),
        held(tmp_path / "missing" / "ledger.db", "run"),
    ):
        pass

    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_can_not_be_written_is_told(shelf):
    shelf.close()

    with pytest.raises(TellUserError, match="yours"), held(shelf.folder / "ledger.db", "run"):
        pass


def test_the_ledger_names_who_is_at_work(ledger, start):
    start_run(ledger, start)

    (record,) = latest_runs(ledger, 1, "run")

    assert (record.start, record.finished_at, record.exit_code) == (start, None, None)


def test_who_ended_is_no_longer_at_work(ledger, start, clock):
    start_run(ledger, start)
    clock.wait(60)

    finish_run(ledger, "run-1", exit_code=69, summary="{}", finished_at=clock())

    (record,) = latest_runs(ledger, 1)
    assert (record.finished_at, record.exit_code) == (clock(), 69)


def test_the_newest_run_comes_first_and_kinds_are_kept_apart(ledger, start, clock):
    for number, kind in enumerate(["run", "backfill", "run"], start=1):
        clock.wait(60)
        each = replace(start, run_id=f"run-{number}", kind=kind, started_at=clock())
        start_run(ledger, each)

    def ids(*about):
        return [record.start.run_id for record in latest_runs(ledger, *about)]

    assert ids(2) == ["run-3", "run-2"]
    assert ids(9, "run") == ["run-3", "run-1"]
    assert ids(9, "backfill") == ["run-2"]
