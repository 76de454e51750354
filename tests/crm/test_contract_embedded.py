"""The contract on the embedded table, on a real SQLite file."""

from contextlib import contextmanager

import pytest
import sqlalchemy as sa

from sync.crm.contract import AdapterContract, Held, Misconfigured, Trouble
from sync.crm.sql import ASSIGNED, CHUNK, UNASSIGNED, SqlAdapter, voucher_assignments

PASSWORD = "s3cret-s3cret"
ROW = voucher_assignments.c


class TestSqlite(AdapterContract):
    shape = "records"
    batch_limit = CHUNK
    secrets = (PASSWORD,)
    not_proven = {
        6: "holder_id is the table's primary key",
        16: "a row has one code",
        17: "nothing is cleared by its code alone",
        19: "it keeps no changes",
        Trouble.THROTTLED: "SQLite has no such limit",
        Trouble.KEY_REFUSED: "an SQLite file has no key",
        Trouble.ITEM_FAILS: "a row that fails does so by a constraint",
        Trouble.ANSWER_LOST: "SQLite is in this process: no answer can be lost",
    }

    @pytest.fixture(autouse=True)
    def _crm(self, table):
        self.table = table
        self.table.fill()

    def make_adapter(self):
        return SqlAdapter(self.table.url, busy_timeout=0.2)

    def seed(self, *given):
        rows = [
            {
                "holder_id": each.holder_id,
                "status": ASSIGNED,
                "customer_id": each.customer_id,
                "source_id": each.source_id,
                "voucher_code": each.code,
                "campaign_name": each.note,
            }
            for each in given
        ]
        with self.table.engine.begin() as connection:
            connection.execute(sa.insert(voucher_assignments), rows)

    def peek(self, given):
        with self.table.engine.connect() as connection:
            row = sa.select(voucher_assignments).where(ROW.holder_id == given.holder_id)
            return [held(each._asdict()) for each in connection.execute(row)]

    def count(self):
        return len(self.table.rows())

    def trouble(self, kind, given):
        if kind is Trouble.SILENT:
            return self.table.locked()
        if kind is Trouble.BROKEN:
            return self.table.locked("IMMEDIATE")
        if kind is Trouble.WRITE_REFUSED:
            return self.refusing(given.holder_id)
        return super().trouble(kind, given)

    @contextmanager
    def refusing(self, holder_id):
        """Have a rule that keeps this row as it is."""
        self.table.execute(
            "CREATE TRIGGER strict BEFORE UPDATE ON voucher_assignments "
            f"WHEN NEW.holder_id = '{holder_id}' BEGIN SELECT RAISE(ABORT, 'not this one'); END"
        )
        yield
        self.table.execute("DROP TRIGGER strict")

    def misconfigured(self):
        folder = self.table.path.parent
        yield self.wrong("no folder", folder / "nowhere" / "crm.db", "is not a folder")
        yield self.wrong("a folder for a file", folder, "is not a file")
        text = folder / "text.db"
        text.write_text("no database\n" * 100)
        yield self.wrong("another file", text, "NOTADB")
        yield Misconfigured(
            "no server",
            lambda: SqlAdapter(
                sa.make_url(f"postgresql+psycopg://ann:{PASSWORD}@127.0.0.1:1/shop")
            ),
            says=("CRM_SQL_URL", "see that it is up"),
        )

    def wrong(self, name, path, words):
        return Misconfigured(
            name, lambda: SqlAdapter(sa.make_url(f"sqlite:///{path}")), ("CRM_SQL_URL", words)
        )


def held(row):
    changed = ("status", "unassigned_at", "unassigned_event_id")
    status, *told = (row.pop(name) for name in changed)
    return Held(
        code=row.pop("voucher_code"),
        holder_id=row.pop("holder_id"),
        ended=status == UNASSIGNED,
        told={"told": f"{told}"},
        other={name: f"{text}" for name, text in row.items()},
    )
