"""Opening a ledger: what can't be is told with the next step, transactions are whole."""

import sqlite3
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from functools import partial
from itertools import repeat

import pytest
import sqlalchemy as sa
from sqlalchemy.engine import make_url
from sqlalchemy.exc import IntegrityError

from sync.errors import NotNowError, TellUserError
from sync.ledger import opening
from sync.ledger.ledger import Ledger
from sync.ledger.opening import create_or_open, make_engine, open_existing
from sync.ledger.place import ledger_file
from sync.ledger.schema import HEAD, Schema, schema_of
from sync.ledger.tables import customers


@pytest.mark.parametrize(
    "text",
    ["sqlite://", "sqlite:///:memory:", "postgresql://user@host", "mysql://user@host/ledger"],
)
def test_a_url_that_can_be_no_ledger_is_refused_with_an_example(text):
    with pytest.raises(TellUserError, match=r"sqlite:///ledger\.db"):
        make_engine(make_url(text))


@pytest.mark.on_a_file
def test_there_is_no_ledger_before_the_first_run(url, tmp_path):
    with pytest.raises(TellUserError, match="the first holdersync run makes it"):
        open_existing(url)

    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_is_missing_is_named(tmp_path):
    url = make_url(f"sqlite:///{tmp_path / 'missing' / 'ledger.db'}")

    with pytest.raises(TellUserError, match=r"missing exists, can be written"):
        create_or_open(url)


@pytest.mark.on_a_file
def test_a_file_that_is_no_database_is_told(url):
    ledger_file(url).write_text("customer_id\ncust_1\n" * 100)

    for open_it in (create_or_open, open_existing):
        with pytest.raises(TellUserError, match="that the file is a ledger"):
            open_it(url)


@pytest.mark.on_a_file
def test_a_ledger_that_is_damaged_is_told_while_it_is_used(ledger, url):
    with ledger.transaction() as connection:
        connection.execute(sa.text("PRAGMA writable_schema=ON"))
        connection.execute(sa.text("UPDATE sqlite_master SET rootpage = 9999 WHERE type='table'"))
    ledger.close()

    with pytest.raises(TellUserError, match="can't be used"):
        open_existing(url)


def test_a_ledger_can_not_be_made_in_a_read_only_folder(shelf):
    shelf.close()
    url = make_url(f"sqlite:///{shelf.folder / 'ledger.db'}")

    with pytest.raises(TellUserError, match="can be written"):
        create_or_open(url)


def test_a_read_only_ledger_is_told_with_the_next_step(shelf, now):
    path = shelf.folder / "ledger.db"
    url = make_url(f"sqlite:///{path}")
    create_or_open(url).close()
    path.chmod(0o444)
    shelf.close()

    with (
        pytest.raises(TellUserError, match="can be written"),
        closing(create_or_open(url)) as ledger,
    ):
        ledger.bind("https://api.example", "app", now)


@pytest.mark.on_a_file
def test_a_ledger_that_another_program_holds_is_told_and_may_be_free_later(url, monkeypatch):
    monkeypatch.setattr(opening, "BUSY_SECONDS", 0.05)
    with (
        closing(create_or_open(url)) as ledger,
        closing(sqlite3.connect(url.database, isolation_level=None)) as other,
    ):
        other.execute("BEGIN IMMEDIATE")

        with (
            pytest.raises(NotNowError, match="is held by another program") as told,
            ledger.transaction(),
        ):
            pass

        assert told.value.exit_code == 69
        with ledger.read_only() as connection:
            assert connection.execute(sa.select(customers)).all() == []


def test_a_mistake_of_ours_is_not_told_as_the_persons(ledger):
    with pytest.raises(IntegrityError), ledger.transaction() as connection:
        connection.execute(sa.insert(customers), [{"customer_id": "a"}, {"customer_id": "a"}])


def test_readers_don_t_wait_for_a_writer(ledger, url):
    with closing(open_existing(url)) as reader, ledger.transaction() as writing:
        writing.execute(sa.insert(customers).values(customer_id="cust_1"))

        with reader.read_only() as connection:
            assert connection.execute(sa.select(customers)).all() == []


@pytest.mark.on_a_file
def test_the_journal_is_a_write_ahead_log_and_stays_one(ledger, url):
    def setting(ledger, name):
        with ledger.read_only() as connection:
            return connection.execute(sa.text(f"PRAGMA {name}")).scalar()

    with closing(open_existing(url)) as again:
        assert setting(ledger, "journal_mode") == "wal"
        assert setting(again, "journal_mode") == "wal"
        assert setting(again, "foreign_keys") == 1
        assert setting(again, "synchronous") == 1
    with closing(open_existing(url, synced=True)) as synced:
        assert setting(synced, "synchronous") == 2


@pytest.mark.on_a_file
def test_a_closed_ledger_leaves_one_file(ledger, url, tmp_path):
    ledger.close()

    assert [path.name for path in tmp_path.iterdir()] == [ledger_file(url).name]


def test_a_transaction_that_fails_leaves_nothing(ledger, rows):
    def killed_half_way():
        with ledger.transaction() as connection:
            connection.execute(sa.insert(customers).values(customer_id="cust_1"))
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        killed_half_way()

    assert rows(ledger, customers) == []


def test_writers_in_threads_wait_for_one_another(ledger, rows):
    def write(number):
        with ledger.transaction() as connection:
            seen = connection.execute(sa.select(sa.func.count()).select_from(customers)).scalar()
            connection.execute(sa.insert(customers).values(customer_id=f"{number:03}-{seen:03}"))

    with ThreadPoolExecutor(6) as threads:
        list(threads.map(write, range(60)))

    seen = sorted(int(row["customer_id"][4:]) for row in rows(ledger, customers))
    assert seen == list(range(60))


def test_two_processes_may_make_the_ledger_at_once(url):
    with ThreadPoolExecutor(2) as threads:
        made = list(threads.map(create_or_open, repeat(url, 2)))

    assert [schema_of(each.engine) for each in made] == [(Schema.CURRENT, HEAD)] * 2
    for each in made:
        each.close()


def test_a_ledger_is_bound_to_the_first_project(ledger, now):
    ledger.bind("https://api.example", "app", now)
    ledger.require_project("https://api.example", "app")

    for refuses in (partial(ledger.bind, now=now), ledger.require_project):
        with pytest.raises(TellUserError, match=r"at https://api\.example: use another"):
            refuses("https://other.example", "app")
        with pytest.raises(TellUserError, match=r"with another key: .*holdersync ledger rebind"):
            refuses("https://api.example", "another-app")


def test_a_rebound_ledger_goes_on_with_the_new_key(ledger, now):
    horizon = ledger.set_horizon(now)

    ledger.rebind("https://api.example", "new-app")

    ledger.require_project("https://api.example", "new-app")
    with pytest.raises(TellUserError):
        ledger.require_project("https://api.example", "app")
    assert ledger.horizon() == horizon


def test_any_project_may_look_at_a_ledger_that_belongs_to_none(url):
    with closing(create_or_open(url)) as ledger:
        ledger.require_project("https://api.example", "app")

        assert ledger.horizon() is None


def test_the_horizon_is_stored_once(ledger, clock):
    assert ledger.horizon() is None

    clock.jump(days=-30)
    first = ledger.set_horizon(clock())
    clock.jump(days=-300)

    assert ledger.set_horizon(clock()) == first
    assert ledger.horizon() == first


def test_a_ledger_closes_twice(ledger):
    ledger.close()
    ledger.close()

    assert isinstance(ledger, Ledger)
