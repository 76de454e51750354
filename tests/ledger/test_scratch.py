"""What must leave no trace works on a copy."""

import subprocess
import sys
import tempfile
from contextlib import closing
from hashlib import sha256
from pathlib import Path

import pytest
import sqlalchemy as sa
from sqlalchemy.engine import make_url

from sync.errors import TellUserError
from sync.ledger.opening import create_or_open
from sync.ledger.scratch import counting_ledger, scratch_copy
from sync.ledger.tables import customers, project


def state_of(folder):
    return {path.name: sha256(path.read_bytes()).hexdigest() for path in folder.iterdir()}


def add_customer(ledger, customer_id="cust_1"):
    with ledger.transaction() as connection:
        connection.execute(sa.insert(customers).values(customer_id=customer_id))


@pytest.mark.on_a_file
def test_a_copy_leaves_the_ledger_byte_for_byte_and_no_file_behind(ledger, url, tmp_path, rows):
    add_customer(ledger)
    ledger.close()
    before = state_of(tmp_path)

    with scratch_copy(url) as scratch:
        add_customer(scratch, "cust_2")
        assert [row["customer_id"] for row in rows(scratch, customers)] == ["cust_1", "cust_2"]

    assert state_of(tmp_path) == before


@pytest.mark.usefixtures("ledger")
def test_the_copy_goes_with_the_block(url):
    with scratch_copy(url) as scratch:
        place = Path(scratch.engine.url.database)
        assert place.exists()

    assert not place.parent.exists()


def test_a_copy_holds_what_another_process_just_committed(ledger, url, rows):
    add_customer(ledger)

    with scratch_copy(url) as scratch:
        assert len(rows(scratch, customers)) == 1


def test_a_copy_of_no_ledger_is_empty_and_makes_none(url, tmp_path, rows):
    with scratch_copy(url) as scratch, counting_ledger(url, scratch) as counted_on:
        assert rows(scratch, project) == []
        assert counted_on is scratch

    assert list(tmp_path.iterdir()) == []


@pytest.mark.on_a_file
def test_a_copy_of_no_ledger_makes_no_folder(tmp_path):
    with scratch_copy(make_url(f"sqlite:///{tmp_path / 'missing' / 'ledger.db'}")):
        pass

    assert list(tmp_path.iterdir()) == []


def test_calls_are_counted_on_the_real_ledger(ledger, url, rows):
    with scratch_copy(url) as scratch, counting_ledger(url, scratch) as counted_on:
        add_customer(counted_on)

        assert rows(scratch, customers) == []
    assert len(rows(ledger, customers)) == 1


@pytest.mark.on_a_file
def test_a_file_that_is_no_database_is_told(url):
    Path(url.database).write_text("nothing of ours\n" * 100)

    with pytest.raises(TellUserError, match=str(url.database)), scratch_copy(url):
        pass


def test_an_error_in_the_block_is_not_changed(url):
    with closing(create_or_open(url)):
        pass

    with pytest.raises(KeyError), scratch_copy(url):
        raise KeyError


KILLED = """
import os, signal, sys
from sqlalchemy.engine import make_url
from sync.ledger.scratch import scratch_copy
with scratch_copy(make_url(sys.argv[1])):
    os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.fixture
def folders(tmp_path, monkeypatch):
    """Give the folders of copies, in a place of their own for those."""
    place = tmp_path / "temporary"
    place.mkdir()
    monkeypatch.setenv("TMPDIR", str(place))
    monkeypatch.setattr(tempfile, "tempdir", None)
    return lambda: list(place.iterdir())


@pytest.mark.usefixtures("ledger")
def test_the_copy_of_a_killed_process_goes_with_the_next_one(url, folders):
    place = url.render_as_string(hide_password=False)
    subprocess.run([sys.executable, "-c", KILLED, place], check=False, timeout=30)
    (left_behind,) = folders()

    with scratch_copy(url):
        assert left_behind not in folders()
        assert len(folders()) == 1

    assert folders() == []


@pytest.mark.usefixtures("ledger")
def test_the_copy_of_a_process_at_work_stays(url, folders, rows):
    with scratch_copy(url) as first:
        add_customer(first)
        with scratch_copy(url):
            assert len(folders()) == 2

        assert len(rows(first, customers)) == 1
