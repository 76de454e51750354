"""What the tests of the CRM side share: unassignments, and a table on a real SQLite file."""

import os
import sqlite3
from contextlib import ExitStack, closing, contextmanager
from datetime import UTC, datetime
from pathlib import Path

import pytest
import sqlalchemy as sa

from sync.crm.sql.adapter import SqlAdapter, metadata, voucher_assignments
from sync.model.unassignment import (
    CampaignId,
    CustomerId,
    EventId,
    HolderId,
    Unassignment,
    VoucherId,
)
from tests.crm.hubspot.double import HubSpot
from tests.crm.sql.own_database import Own
from tests.ledgers import NoServerError
from tests.mysql import MysqlServer, a_mysql

collect_ignore = ["plugin_example"]
"""Somebody else's distribution, whose own test runs where it is installed."""
ASSIGNED_AT = datetime(2026, 3, 1, 8, 30, 0, 5000, tzinfo=UTC)
UNASSIGNED_AT = datetime(2026, 3, 2, 9, 0, 0, 123456, tzinfo=UTC)


def make_unassignment(holder_id="rh_1", **changes):
    fields = {
        "holder_id": HolderId(holder_id),
        "event_id": EventId(f"evcus_{holder_id}"),
        "role": "REFEREE",
        "customer_id": CustomerId("cust_1"),
        "source_id": "shop-7",
        "email": "ann@example.com",
        "voucher_id": VoucherId("v_1"),
        "code": "FRIEND-1",
        "campaign_id": CampaignId("camp_1"),
        "campaign_name": "Friends",
        "assigned_at": ASSIGNED_AT,
        "unassigned_at": UNASSIGNED_AT,
    }
    return Unassignment(**(fields | changes))


@pytest.fixture(scope="session")
def unassignment():
    """Make an unassignment of a holder id; each field can be named."""
    return make_unassignment


class Table:
    """The file `crm.db` as another program sees it."""

    def __init__(self, path):
        self.path = path
        self.url = sa.make_url(f"sqlite:///{path}")
        self.engine = sa.create_engine(self.url, poolclass=sa.NullPool)

    def fill(self, *holder_ids, status="assigned", **fields):
        metadata.create_all(self.engine)
        rows = [{"holder_id": id_, "status": status, **fields} for id_ in holder_ids]
        if rows:
            with self.engine.begin() as connection:
                connection.execute(sa.insert(voucher_assignments), rows)

    def execute(self, *statements):
        with self.engine.begin() as connection:
            for statement in statements:
                connection.execute(sa.text(statement))

    @contextmanager
    def locked(self, how="EXCLUSIVE"):
        """Hold the file as another program would."""
        with closing(sqlite3.connect(self.path, isolation_level=None)) as other:
            other.execute(f"BEGIN {how}")
            yield
            other.execute("ROLLBACK")

    def rows(self):
        """All rows as dicts, by holder id."""
        with self.engine.connect() as connection:
            found = connection.execute(sa.select(voucher_assignments))
            return {row.holder_id: row._asdict() for row in found}

    def statuses(self):
        return {holder_id: row["status"] for holder_id, row in self.rows().items()}


@pytest.fixture(scope="session")
def table_in():
    """Make a table in a folder; for tests that need several."""
    return lambda folder: Table(Path(folder) / "crm.db")


@pytest.fixture
def table(tmp_path):
    return Table(tmp_path / "crm.db")


@pytest.fixture
def adapter(table):
    adapter = SqlAdapter(table.url, busy_timeout=0.05)
    yield adapter
    adapter.close()


@pytest.fixture(scope="session")
def mysql():
    """A MySQL whose databases are dropped in the end."""
    with ExitStack() as stack:
        try:
            url = stack.enter_context(a_mysql())
        except NoServerError as error:
            if os.environ.get("CI"):
                raise
            pytest.skip(str(error))
        yield stack.enter_context(closing(MysqlServer(url)))


@pytest.fixture(params=["sqlite", "postgresql", "mysql"])
def own(request, tmp_path):
    """An empty database of each kind; of its own name, and gone when the test is."""
    if request.param == "sqlite":
        with closing(Own(sa.make_url(f"sqlite:///{tmp_path / 'own.db'}"))) as database:
            yield database
        return
    server = request.getfixturevalue("server" if request.param == "postgresql" else "mysql")
    with closing(Own(server.new(tmp_path))) as database:
        yield database
    server.drop(tmp_path)


@pytest.fixture
def hubspot():
    """An account of our double, and nobody in it."""
    account = HubSpot()
    yield account
    account.stop()
