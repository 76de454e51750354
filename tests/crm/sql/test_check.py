"""What needs a person, and what a server answers that is down: told by `check` and `unassign`."""

import pytest
import sqlalchemy as sa
from sqlalchemy.engine import default

from sync.crm.adapter import Outcome, TellUserError
from sync.crm.sql.adapter import SqlAdapter

VALUES = ("rh_", "cust_1", "shop-7", "ann@example.com", "v_1", "FRIEND", "camp_1", "evcus")


def test_missing_columns_are_named(table, adapter, unassignment):
    table.execute("CREATE TABLE voucher_assignments (holder_id TEXT PRIMARY KEY, status TEXT)")

    for ask in (adapter.check, lambda: adapter.unassign([unassignment()])):
        with pytest.raises(TellUserError, match=r"lacks customer_id, source_id, .*event_id"):
            ask()


def test_a_trigger_that_names_a_missing_column_needs_a_person(table, adapter, unassignment):
    table.fill("rh_1")
    table.execute(
        "CREATE TRIGGER broken AFTER UPDATE ON voucher_assignments"
        " BEGIN UPDATE voucher_assignments SET gone = 1; END"
    )

    with pytest.raises(TellUserError, match="SQLITE_ERROR") as caught:
        adapter.unassign([unassignment("rh_1")])

    assert not [value for value in VALUES if value in str(caught.value)]


def test_a_read_only_database_needs_a_person(table, adapter, unassignment):
    table.fill("rh_1")

    @sa.event.listens_for(adapter._engine, "connect")
    def read_only(connection, _record):
        connection.execute("PRAGMA query_only = 1")

    with pytest.raises(TellUserError, match="SQLITE_READONLY"):
        adapter.unassign([unassignment("rh_1")])


def test_a_file_of_another_kind_needs_a_person(table, adapter, unassignment):
    table.path.write_text("customer;code\n" * 100)

    for ask in (
        adapter.check,
        lambda: adapter.preview([unassignment()]),
        lambda: adapter.unassign([unassignment()]),
    ):
        with pytest.raises(TellUserError, match="SQLITE_NOTADB"):
            ask()
    assert table.path.read_text() == "customer;code\n" * 100


def test_a_missing_folder_needs_a_person(tmp_path, unassignment):
    adapter = SqlAdapter(sa.make_url(f"sqlite:///{tmp_path}/gone/crm.db"))

    for ask in (adapter.check, lambda: adapter.unassign([unassignment()])):
        with pytest.raises(TellUserError, match=r"CRM_SQL_URL: .*/gone is not a folder"):
            ask()


def test_a_file_in_the_place_of_the_folder_needs_a_person(tmp_path):
    (tmp_path / "file").touch(mode=0o777)
    adapter = SqlAdapter(sa.make_url(f"sqlite:///{tmp_path}/file/crm.db"))

    with pytest.raises(TellUserError, match="is not a folder"):
        adapter.check()


def test_a_folder_in_the_place_of_the_file_needs_a_person(tmp_path):
    adapter = SqlAdapter(sa.make_url(f"sqlite:///{tmp_path}"))

    with pytest.raises(TellUserError, match="is not a file"):
        adapter.check()


def test_a_folder_that_may_not_be_written_needs_a_person(tmp_path, monkeypatch):
    folder = tmp_path / "theirs"
    folder.mkdir(mode=0o500)
    # Root may write everywhere, so the system's answer is given here.
    monkeypatch.setattr("os.access", lambda path, _mode: not str(path).startswith(str(folder)))
    adapter = SqlAdapter(sa.make_url(f"sqlite:///{folder}/crm.db"))

    with pytest.raises(TellUserError, match="give the right to write"):
        adapter.check()


def test_a_check_accepts_what_the_first_unassign_will_make(table, adapter):
    adapter.check()
    assert not table.path.exists()

    table.path.touch()
    adapter.check()

    assert table.path.stat().st_size == 0


def test_a_check_of_a_good_table_writes_nothing(table, adapter):
    table.fill("rh_1")
    before = table.path.read_bytes()

    adapter.check()

    assert table.path.read_bytes() == before


def test_a_check_of_a_locked_file_says_so(table, adapter):
    table.fill()

    with table.locked(), pytest.raises(TellUserError, match="SQLITE_BUSY"):
        adapter.check()


class DownDriver:
    """A DB-API module whose server is down; its error text holds what must not be told."""

    paramstyle = "named"
    version_info = (1, 0)

    class Error(Exception):
        pass

    class OperationalError(Error):
        pass

    class ProgrammingError(Error):
        pass

    @classmethod
    def connect(cls, **_arguments):
        msg = "could not connect with password s3cret"
        raise cls.OperationalError(msg)


class ForbiddenDriver(DownDriver):
    """The same, refusing the user."""

    @classmethod
    def connect(cls, **_arguments):
        msg = "permission denied for s3cret"
        raise cls.ProgrammingError(msg)


class DownDialect(default.DefaultDialect):
    supports_statement_cache = True
    driver_module = DownDriver

    @classmethod
    def import_dbapi(cls):
        return cls.driver_module


class ForbiddenDialect(DownDialect):
    supports_statement_cache = True
    driver_module = ForbiddenDriver


class AsyncDialect(DownDialect):
    supports_statement_cache = True
    is_async = True


@pytest.fixture
def server(monkeypatch):
    """An adapter whose server can't be reached, or refuses."""

    def make(dialect):
        monkeypatch.setitem(sa.dialects.registry.impls, "elsewhere", lambda: dialect)
        return SqlAdapter(sa.make_url("elsewhere://ann:s3cret@db.example/crm"))

    return make


def test_a_server_that_is_down_is_retry(server, unassignment):
    adapter = server(DownDialect)
    batch = [unassignment("rh_1"), unassignment("rh_2")]
    expected = Outcome.retry("the database is locked, full or can't be reached (OperationalError)")

    assert adapter.unassign(batch) == [expected, expected]
    assert adapter.preview(batch) == [expected, expected]


def test_a_check_of_a_server_that_is_down_tells_the_next_step(server):
    with pytest.raises(TellUserError, match=r"CRM_SQL_URL .* it is up") as caught:
        server(DownDialect).check()

    assert "s3cret" not in str(caught.value)


def test_a_server_that_forbids_needs_a_person(server, unassignment):
    with pytest.raises(TellUserError, match="check the rights") as caught:
        server(ForbiddenDialect).unassign([unassignment()])

    assert "s3cret" not in str(caught.value)


def test_an_asynchronous_driver_is_refused(server):
    with pytest.raises(TellUserError, match="CRM_SQL_URL needs a driver that is not asynchronous"):
        server(AsyncDialect)
