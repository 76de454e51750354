"""SQLite as the tool's processes see it: each commit is an effect, and may fail or be the last one.

The connection is the driver's own; only the moments around BEGIN and COMMIT are in our hands.
"""

import re
import sqlite3

WRITES = re.compile(r"\s*(INSERT INTO|UPDATE|DELETE FROM|CREATE TABLE)\s+\"?(\w+)")
VERBS = {
    "INSERT INTO": "insert",
    "UPDATE": "update",
    "DELETE FROM": "delete",
    "CREATE TABLE": "create",
}


def error(code):
    """Make the driver's error with one of SQLite's codes."""
    made = sqlite3.OperationalError(f"simulated {code}")
    made.sqlite_errorcode = getattr(sqlite3, code)
    made.sqlite_errorname = code
    return made


class Cursor(sqlite3.Cursor):
    def execute(self, sql, *arguments):
        self.connection.hears(sql)
        return super().execute(sql, *arguments)

    def executemany(self, sql, *arguments):
        self.connection.hears(sql)
        return super().executemany(sql, *arguments)


class Connection(sqlite3.Connection):
    """A process's connection to one database; `kind` is "ledger" or "crm"."""

    machine = None
    kind = ""

    def __init__(self, *arguments, **options):
        super().__init__(*arguments, **options)
        self.process = self.machine.current
        self.process.connections.append(self)
        self.first_write = None

    def cursor(self, *_):
        return super().cursor(Cursor)

    def hears(self, sql):
        """Take in what a cursor is about to do."""
        self.process.must_live()
        if sql.startswith("BEGIN"):
            self._begins(sql)
        elif self.first_write is None and (write := WRITES.match(sql)):
            self.first_write = f"{VERBS[write[1]]} {write[2]}"

    def commit(self):
        self.process.must_live()
        wrote, self.first_write = self.first_write, None
        if wrote is None or not self.in_transaction:
            super().commit()
            return
        self.machine.point(f"before {self.kind}: {wrote}", within=True)
        code, applied = self.machine.fate.committing(self.kind, self.process) or (None, True)
        if applied:
            super().commit()
            self.machine.committed(self.kind)
            self.machine.point(f"after {self.kind}: {wrote}")
        else:
            super().rollback()
        if code:
            raise error(code)

    def close(self):
        if self in self.process.connections:
            self.process.connections.remove(self)
        super().close()

    def _begins(self, sql):
        self.first_write = None
        if "IMMEDIATE" in sql:
            self.machine.point(f"{self.kind} begins")
            if code := self.machine.fate.beginning(self.kind, self.process):
                raise error(code)


def connection_class(of_machine, of_kind):
    """Give the class of connections to one database of a machine."""

    class Ours(Connection):
        machine = of_machine
        kind = of_kind

    return Ours
