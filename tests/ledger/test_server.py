"""A ledger on PostgreSQL: what differs from a file, on a real server."""

import signal
import subprocess
import sys
from contextlib import ExitStack, closing
from threading import Event, Thread

import pytest
import sqlalchemy as sa
from sqlalchemy.engine import make_url

from sync.errors import NotNowError, TellUserError
from sync.ledger import server as on_a_server
from sync.ledger.lock import LockTakenError
from sync.ledger.opening import (
    create_or_open,
    is_there,
    locks_of,
    make_engine,
    open_existing,
    require_room,
)
from sync.ledger.schema import Schema, schema_of
from sync.ledger.scratch import counting_ledger, scratch_copy
from sync.ledger.tables import customers, metadata

pytestmark = pytest.mark.on_a_server

HOLD = """
import sys, time
from sqlalchemy.engine import make_url
from sync.ledger.opening import locks_of
with locks_of(make_url(sys.argv[1])).held(sys.argv[2]):
    print("held", flush=True)
    time.sleep(60)
"""
LOSE = "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE datname = '{}'"


def text_of(url):
    return url.render_as_string(hide_password=False)


def add_customer(ledger, customer_id="cust_1"):
    with ledger.transaction() as connection:
        connection.execute(sa.insert(customers).values(customer_id=customer_id))


@pytest.fixture
def holder(url):
    """Start a process that holds a lock until it is killed."""
    with ExitStack() as stack:

        def start(name):
            child = subprocess.Popen(
                [sys.executable, "-c", HOLD, text_of(url), name], stdout=subprocess.PIPE, text=True
            )
            stack.enter_context(child)
            stack.callback(child.kill)
            assert child.stdout.readline() == "held\n"
            return child

        yield start


@pytest.fixture
def cut(server, url):
    """Cut every connection that holds a lock on the ledger, as a server that restarts does.

    It is cut when this returns: five seconds are waited for a busy machine to do it.
    """

    def cut():
        found = server.do(
            "SELECT count(pg_terminate_backend(pid, 5000)) FROM pg_stat_activity WHERE datname = "
            f"'{url.database}' AND pid IN (SELECT pid FROM pg_locks WHERE locktype = 'advisory')"
        )
        return found[0][0]

    return cut


@pytest.fixture
def visitor(server, url):
    """A user who may connect, and nothing more; give the ledger's URL for this user."""
    name = f"{url.database}_visitor"
    server.do(f"CREATE ROLE {name} LOGIN")
    yield url.set(username=name)
    server.do(f"DROP ROLE {name}")


@pytest.mark.parametrize("name", ["run", "backfill", "deliver"])
def test_a_second_holder_is_refused_until_the_first_has_left(url, name):
    with locks_of(url).held(name), pytest.raises(LockTakenError), locks_of(url).held(name):
        pass

    with locks_of(url).held(name):
        pass


def test_the_three_locks_don_t_hinder_one_another(url):
    mine, yours = locks_of(url), locks_of(url)
    with (
        mine.held("run"),
        yours.held("backfill"),
        mine.held("deliver"),
        pytest.raises(LockTakenError),
        yours.held("deliver"),
    ):
        pass
    with yours.held("run"), yours.held("deliver"):
        pass


def test_two_ledgers_in_two_schemas_of_one_database_don_t_hinder_one_another(url):
    engine = make_engine(url)
    with engine.begin() as connection:
        for name in ("one", "two"):
            connection.execute(sa.text(f"CREATE SCHEMA {name}"))
    engine.dispose()
    one, two = (
        url.update_query_dict({"options": f"-csearch_path={name}"}) for name in ("one", "two")
    )

    with locks_of(one).held("run"), locks_of(two).held("run"):
        create_or_open(one).close()

        assert (is_there(one), is_there(two)) == (True, False)


def test_a_lock_dies_with_its_holder(url, holder):
    child = holder("run")
    with pytest.raises(LockTakenError), locks_of(url).held("run"):
        pass

    child.send_signal(signal.SIGKILL)
    child.wait(10)

    freed = Event()

    def wait_for_it():
        while not freed.is_set():
            try:
                with locks_of(url).held("run"):
                    freed.set()
            except LockTakenError:
                continue

    waiting = Thread(target=wait_for_it, daemon=True)
    waiting.start()
    assert freed.wait(10)


def test_a_lock_is_free_again_after_an_error(url):
    locks = locks_of(url)
    with pytest.raises(KeyError), locks.held("run"):
        raise KeyError

    with locks.held("run"):
        pass


def test_who_lost_the_lock_writes_nothing_more(ledger, url, cut, rows):
    locks = locks_of(url)
    with locks.held("run"), closing(create_or_open(url, locks=locks)) as ours:
        add_customer(ours, "cust_before")
        assert cut() >= 1

        for number in range(3):
            with pytest.raises(NotNowError, match="were lost with the connection"):
                add_customer(ours, f"cust_{number}")
        with locks_of(url).held("run"), closing(open_existing(url)) as theirs:
            add_customer(theirs, "cust_after")
            with pytest.raises(NotNowError):
                add_customer(ours, "cust_both")

    assert [row["customer_id"] for row in rows(ledger, customers)] == ["cust_after", "cust_before"]


def test_who_lost_one_lock_gets_no_other_and_leaves_in_order(url, cut):
    locks = locks_of(url)
    with locks.held("run"), closing(create_or_open(url)):
        assert cut() >= 1
        for _ in range(2):
            with (
                pytest.raises(NotNowError, match=r"(was|were) lost"),
                locks.held("deliver"),
            ):
                pass

    with locks.held("run"), locks.held("deliver"):
        pass


def test_what_was_begun_when_the_lock_was_lost_is_all_or_nothing(ledger, url, server, rows):
    def write_and_lose(ours):
        with ours.transaction() as connection:
            connection.execute(sa.insert(customers).values(customer_id="cust_1"))
            server.do(LOSE.format(url.database))
            connection.execute(sa.insert(customers).values(customer_id="cust_2"))

    locks = locks_of(url)
    with (
        locks.held("run"),
        closing(create_or_open(url, locks=locks)) as ours,
        pytest.raises(NotNowError, match="can't be reached, or was lost"),
    ):
        write_and_lose(ours)

    ledger.close()
    assert rows(ledger, customers) == []


def test_a_connection_that_was_lost_in_between_is_made_anew(ledger, url, server, rows):
    add_customer(ledger, "cust_1")
    server.do(LOSE.format(url.database))

    add_customer(ledger, "cust_2")

    assert len(rows(ledger, customers)) == 2


def test_waiting_for_another_writer_ends_and_the_next_may_succeed(ledger, url, monkeypatch):
    monkeypatch.setattr(on_a_server, "BUSY_SECONDS", 0.1)
    with (
        closing(open_existing(url)) as other,
        ledger.transaction(),
        pytest.raises(NotNowError, match="is held by another program"),
    ):
        add_customer(other)

    with closing(open_existing(url)) as other:
        add_customer(other)


def test_a_direct_connection_holds_the_locks_if_there_is_one(ledger, url, server, rows):
    direct = url.update_query_dict({"application_name": "direct"})
    locks = locks_of(url, direct)

    with locks.held("run"), closing(create_or_open(url, locks=locks)) as ours:
        found = server.do(
            "SELECT DISTINCT application_name FROM pg_stat_activity JOIN pg_locks USING (pid) "
            f"WHERE locktype = 'advisory' AND datname = '{url.database}'"
        )
        add_customer(ours)

    assert found == [("direct",)]
    assert len(rows(ledger, customers)) == 1


def test_locks_on_another_server_are_refused(url, free_server):
    elsewhere = make_url(free_server)

    with (
        pytest.raises(TellUserError, match="HOLDERSYNC_LOCK_URL leads to another server"),
        locks_of(url, elsewhere).held("run"),
    ):
        pass


def test_locks_in_another_database_of_the_same_server_are_refused(url):
    """Each database has locks of its own: two runs would both get them."""
    with (
        pytest.raises(TellUserError, match="leads to another server or database"),
        locks_of(url, url.set(database="postgres")).held("run"),
    ):
        pass


def test_a_lock_url_is_refused_for_a_file(tmp_path, url):
    with pytest.raises(TellUserError, match="only for a ledger on PostgreSQL"):
        locks_of(make_url(f"sqlite:///{tmp_path / 'ledger.db'}"), url)


@pytest.mark.usefixtures("ledger")
def test_who_may_only_look_is_told_what_is_missing(visitor):
    with pytest.raises(TellUserError, match="may create and write tables"):
        open_existing(visitor)


def test_a_place_where_no_ledger_can_be_made_is_told_beforehand(visitor, url):
    require_room(url)

    with pytest.raises(TellUserError, match="needs CREATE"):
        require_room(visitor)
    assert not is_there(url)


@pytest.mark.parametrize(
    ("changed", "error", "exit_code"),
    [
        ({"database": "holdersync_is_not_there"}, TellUserError, 78),
        ({"username": "holdersync_nobody"}, TellUserError, 78),
        ({"port": 1}, NotNowError, 69),
    ],
)
def test_a_server_that_can_not_be_used_is_told_without_a_secret(url, changed, error, exit_code):
    wrong = url.set(password="hunter2", **changed)

    for attempt in (open_existing, create_or_open, lambda url: locks_of(url).check()):
        with pytest.raises(error) as told:
            attempt(wrong)
        assert told.value.exit_code == exit_code
        assert "HOLDERSYNC_LEDGER_URL" in str(told.value)
        assert "hunter2" not in str(told.value)


def test_an_option_that_the_driver_does_not_take_is_told(url):
    with pytest.raises(TellUserError, match="an option that the driver"):
        make_engine(url.update_query_dict({"colour": "red"}))


def test_a_driver_that_is_missing_is_told_with_the_way_to_get_it(url, monkeypatch):
    monkeypatch.setitem(sys.modules, "psycopg", None)

    with pytest.raises(TellUserError, match=r"pip install 'holdersync\[postgres\]'"):
        make_engine(url)


def test_there_is_no_ledger_before_the_first_run(url):
    with pytest.raises(TellUserError, match="the first holdersync run makes it"):
        open_existing(url)

    engine = make_engine(url)
    assert schema_of(engine) == (Schema.EMPTY, None)
    engine.dispose()


def test_a_copy_holds_every_row_and_leaves_the_ledger_alone(ledger, url, now, rows):
    add_customer(ledger)
    ledger.set_horizon(now)

    with scratch_copy(url) as scratch:
        copied = {each.name: rows(scratch, each) for each in metadata.sorted_tables}
        add_customer(scratch, "cust_2")

    assert copied == {each.name: rows(ledger, each) for each in metadata.sorted_tables}
    assert [each["customer_id"] for each in copied["customers"]] == ["cust_1"]


def test_a_copy_of_no_ledger_is_empty_and_makes_none(url, rows):
    with scratch_copy(url) as scratch, counting_ledger(url, scratch) as counted_on:
        assert rows(scratch, customers) == []
        assert counted_on is scratch

    assert not is_there(url)


def test_what_no_server_can_store_is_replaced_and_found_again(ledger, rows):
    add_customer(ledger, "cust\0_\ud800")

    with ledger.read_only() as connection:
        same = sa.select(customers.c.customer_id).where(customers.c.customer_id == "cust\0_\ud800")
        assert connection.execute(same).all() == [("cust\ufffd_\ufffd",)]
    assert len(rows(ledger, customers)) == 1
