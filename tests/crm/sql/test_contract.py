"""The contract on tables in real databases: the embedded one, and a user's own in each shape."""

from contextlib import ExitStack, contextmanager
from itertools import count

import pytest
import sqlalchemy as sa
from sqlalchemy.engine import make_url

from sync.crm.adapter import CredentialsRefusedError
from sync.crm.contract import AdapterContract, Held, Misconfigured, Trouble
from sync.crm.mapped.mapping import RecordMapping, SlotMapping
from sync.crm.sql.adapter import CHUNK, SqlAdapter, metadata, voucher_assignments
from tests.crm.sql.own_database import Own
from tests.crm.sql.relay import DOWN, LOSES_COMMITS, Relay

PASSWORD = "s3cret-of-the-shop"
WORD = sa.String(200)
FIND = ("prop:vid = customer_id", "prop:shop = source_id")
SLOTS = SlotMapping(
    object="contacts", find=FIND, slot=({"code": "code", "set": {"ended_at": "{unassigned_at}"}},)
)
RECORDS = RecordMapping(
    object="given",
    record={"holder_id": "rh", "status": "state", "set": {"ended_at": "{unassigned_at}"}},
)
NO_LIMIT = {Trouble.THROTTLED: "a database asks nobody to slow down"}
OF_A_FILE = NO_LIMIT | {
    14: "a file has no secret",
    Trouble.KEY_REFUSED: "a file has no key",
    Trouble.ITEM_FAILS: "SQLite locks a whole file, never a row",
    Trouble.ANSWER_LOST: "a file gives its answer in the same process",
}
OF_POSTGRESQL = NO_LIMIT | {
    Trouble.KEY_REFUSED: "its driver tells a wrong password by no code, only in words",
}
ONE_CODE = {16: "the column keeps one code"}
OF_RECORDS = {16: "a row has one code", 17: "nothing is cleared by its code alone"}
ONE_KEY = {6: "the holder id is the primary key"}
ONE_TRANSACTION = {Trouble.ITEM_FAILS: "a row that somebody holds is RETRY for its whole chunk"}


class SqlContract(AdapterContract):
    """What the databases have in common; a subclass says where, and in which table."""

    mapping = None
    busy_timeout = 0.3

    @pytest.fixture(autouse=True)
    def _database(self, request, tmp_path):
        self.first = None
        self._numbers = count(1)
        with ExitStack() as stack:
            self.start(request, tmp_path, stack)
            self.table = self.make_table()
            stack.callback(self.own.close)
            yield

    def make_adapter(self, mapping=None, **changes):
        url = self.url.set(**changes)
        adapter = SqlAdapter(url, mapping or self.mapping, busy_timeout=self.busy_timeout)
        sa.event.listen(adapter._engine, "before_cursor_execute", self._before)
        return adapter

    def _before(self, _connection, _cursor, statement, *_):
        """Let somebody else come first, when something is about to be written."""
        writes = ("BEGIN IMMEDIATE",) if self.own.kind == "sqlite" else ("UPDATE", "DELETE")
        if self.first is not None and statement.startswith(writes):
            first, self.first = self.first, None
            first()

    def seed(self, *given):
        self.own.put_in(self.table, *(self.row(each) for each in given for _ in range(each.copies)))

    def count(self):
        return len(self.own.rows(self.table))

    def reassign(self, given):
        column, value = self.found_by_column(given)
        row = {name: each for name, each in self.row(given).items() if name != "id"}
        with self.own.engine.begin() as connection:
            connection.execute(sa.update(self.table).where(column == value).values(row))

    def peek(self, given):
        column, value = self.found_by_column(given)
        with self.own.engine.connect() as connection:
            rows = connection.execute(sa.select(self.table).where(column == value)).all()
        return [
            self.held({name: each or "" for name, each in row._asdict().items()}) for row in rows
        ]

    @contextmanager
    def overtaken(self, given):
        self.first = lambda: self.reassign(given)
        yield

    @contextmanager
    def refused(self, given):
        column, value = self.found_by_column(given)
        self.own.forbid(self.table.name, column.name, value)
        yield
        self.own.allow(self.table.name)

    def trouble(self, kind, given):
        column, value = self.found_by_column(given)
        causes = {
            Trouble.OVERTAKEN: lambda: self.overtaken(given),
            Trouble.WRITE_REFUSED: lambda: self.refused(given),
            **self.causes(column == value),
        }
        return causes[kind]() if kind in causes else super().trouble(kind, given)


class OnAFile(SqlContract):
    batch_limit = CHUNK  # On a server there are the same chunks, and more time between them.

    def start(self, _request, tmp_path, _stack):
        self.own = Own(make_url(f"sqlite:///{tmp_path / 'crm.db'}"))
        self.url = self.own.url

    def causes(self, _condition):
        return {
            Trouble.SILENT: lambda: self.own.file_locked("EXCLUSIVE"),
            Trouble.BROKEN: lambda: self.own.file_locked("IMMEDIATE"),
        }

    def misconfigured(self):
        missing = str(self.url.database).replace("crm.db", "gone/crm.db")
        yield Misconfigured(
            "a folder that is not there",
            lambda: self.make_adapter(database=missing),
            says=("CRM_SQL_URL", "is not a folder"),
        )
        yield from self.mappings_that_are_wrong()


class OnAServer(SqlContract):
    secrets = (PASSWORD,)

    def start(self, request, tmp_path, stack):
        server = request.getfixturevalue(self.server)
        self.own = Own(server.new(tmp_path))
        stack.callback(server.drop, tmp_path)
        self.relay = Relay(self.own.url.host, self.own.url.port)
        stack.callback(self.relay.close)
        self.url = self.own.user(PASSWORD, stack).set(host="127.0.0.1", port=self.relay.port)

    def causes(self, condition):
        causes = {
            Trouble.BROKEN: lambda: self.relay.in_trouble(DOWN),
            Trouble.ANSWER_LOST: lambda: self.relay.in_trouble(LOSES_COMMITS),
            Trouble.SILENT: lambda: self.own.table_locked(self.table.name),
        }
        if self.mapping is not None:
            causes[Trouble.ITEM_FAILS] = lambda: self.own.row_locked(condition)
        if self.own.kind == "mysql":
            causes[Trouble.KEY_REFUSED] = lambda: self.own.another_password(self.url.username)
        return causes

    def misconfigured(self):
        yield Misconfigured(
            "a database that is not there",
            lambda: self.make_adapter(database="holdersync_gone"),
            says=("CRM_SQL_URL",),
        )
        if self.own.kind == "mysql":
            yield Misconfigured(
                "a wrong password",
                lambda: self.make_adapter(password="wrong"),
                says=("CRM_SQL_URL", "refuses"),
                error=CredentialsRefusedError,
            )
        yield from self.mappings_that_are_wrong()


class Embedded(SqlContract):
    shape = "records"
    keeps_holder_id = True

    def make_table(self):
        metadata.create_all(self.own.engine)
        return voucher_assignments

    def row(self, given):
        return {
            "holder_id": given.holder_id,
            "customer_id": given.customer_id,
            "voucher_code": given.code,
            "campaign_name": given.note,
            "status": "assigned",
            "unassigned_at": None,
            "unassigned_event_id": None,
        }

    def found_by_column(self, given):
        return self.table.c.holder_id, given.holder_id

    def held(self, row):
        told = {name: str(row.pop(name)) for name in ("unassigned_at", "unassigned_event_id")}
        ended = row.pop("status") == "unassigned"
        return Held(code=row["voucher_code"], ended=ended, told=told, other=row)

    def mappings_that_are_wrong(self):
        return ()


class OfContacts(SqlContract):
    shape = "slots"
    mapping = SLOTS

    def make_table(self):
        names = ("vid", "shop", "code", "ended_at", "note")
        key = sa.Column("id", sa.Integer, primary_key=True)
        return self.own.make("contacts", key, *(sa.Column(name, WORD) for name in names))

    def row(self, given):
        return {
            "id": next(self._numbers),
            "vid": given.customer_id,
            "shop": given.source_id,
            "code": given.code,
            "ended_at": None,
            "note": given.note,
        }

    def found_by_column(self, given):
        return self.table.c.vid, given.customer_id

    def held(self, row):
        told = {"ended_at": row.pop("ended_at")}
        return Held(code=row.pop("code"), told=told, other=row)

    def mappings_that_are_wrong(self):
        yield Misconfigured(
            "a table that is not there",
            lambda: self.make_adapter(SLOTS.model_copy(update={"object": "people"})),
            says=("CRM_SQL_MAPPING", "people"),
        )
        elsewhere = SlotMapping(object="contacts", find=FIND, slot=({"code": "kod"},))
        yield Misconfigured(
            "a column that is not there",
            lambda: self.make_adapter(elsewhere),
            says=("CRM_SQL_MAPPING", "kod"),
        )
        yield Misconfigured(
            "a key that the mapping changes",
            lambda: self.make_adapter(SLOTS.model_copy(update={"key": "code"})),
            says=("CRM_SQL_MAPPING", "code is the key"),
        )


class OfAssignments(OfContacts):
    shape = "records"
    keeps_holder_id = True
    mapping = RECORDS

    def make_table(self):
        names = ("rh", "vid", "code", "state", "ended_at", "note")
        key = sa.Column("id", sa.Integer, primary_key=True)
        return self.own.make("given", key, *(sa.Column(name, WORD) for name in names))

    def row(self, given):
        return {
            "id": next(self._numbers),
            "rh": given.holder_id,
            "vid": given.customer_id,
            "code": given.code,
            "state": "assigned",
            "ended_at": None,
            "note": given.note,
        }

    def found_by_column(self, given):
        return self.table.c.rh, given.holder_id

    def held(self, row):
        ended = row.pop("state") == "unassigned"
        return Held(
            code=row["code"], ended=ended, told={"ended_at": row.pop("ended_at")}, other=row
        )

    def mappings_that_are_wrong(self):
        yield Misconfigured(
            "a table that is not there",
            lambda: self.make_adapter(RECORDS.model_copy(update={"object": "people"})),
            says=("CRM_SQL_MAPPING", "people"),
        )


class TestEmbeddedOnSqlite(Embedded, OnAFile):
    not_proven = OF_A_FILE | OF_RECORDS | ONE_KEY


class TestEmbeddedOnPostgresql(Embedded, OnAServer):
    server = "server"
    not_proven = OF_POSTGRESQL | OF_RECORDS | ONE_KEY | ONE_TRANSACTION


class TestSlotsOnSqlite(OfContacts, OnAFile):
    not_proven = OF_A_FILE | ONE_CODE


class TestSlotsOnPostgresql(OfContacts, OnAServer):
    server = "server"
    not_proven = OF_POSTGRESQL | ONE_CODE


class TestSlotsOnMysql(OfContacts, OnAServer):
    server = "mysql"
    busy_timeout = 1.0
    not_proven = NO_LIMIT | ONE_CODE


class TestRecordsOnSqlite(OfAssignments, OnAFile):
    not_proven = OF_A_FILE | OF_RECORDS


class TestRecordsOnPostgresql(OfAssignments, OnAServer):
    server = "server"
    not_proven = OF_POSTGRESQL | OF_RECORDS


class TestRecordsOnMysql(OfAssignments, OnAServer):
    server = "mysql"
    busy_timeout = 1.0
    not_proven = NO_LIMIT | OF_RECORDS
