"""A database of somebody's own, of any kind that a mapping can be about."""

import sqlite3
from contextlib import closing, contextmanager
from itertools import count

import sqlalchemy as sa

NUMBERS = count(1)
FUNCTION = """CREATE FUNCTION forbid() RETURNS trigger LANGUAGE plpgsql
AS $$ BEGIN RAISE EXCEPTION 'FRIEND is not to be changed'; END $$"""
TRIGGERS = {
    "sqlite": (
        """CREATE TRIGGER forbidden BEFORE UPDATE ON {table} WHEN OLD.{column} = '{value}'
        BEGIN SELECT RAISE(ABORT, 'FRIEND is not to be changed'); END""",
    ),
    "postgresql": (
        FUNCTION,
        """CREATE TRIGGER forbidden BEFORE UPDATE ON {table} FOR EACH ROW
        WHEN (OLD.{column} = '{value}') EXECUTE FUNCTION forbid()""",
    ),
    "mysql": (
        """CREATE TRIGGER forbidden BEFORE UPDATE ON {table} FOR EACH ROW BEGIN
        IF OLD.{column} = '{value}' THEN SIGNAL SQLSTATE '45000'
        SET MESSAGE_TEXT = 'FRIEND is not to be changed'; END IF; END""",
    ),
}
"""What forbids to change one row."""


class Own:
    """A user's own database, as another program sees it."""

    def __init__(self, url):
        self.url = url
        self.kind = url.get_backend_name()
        self.engine = sa.create_engine(url, pool_size=1)

    def close(self):
        self.engine.dispose()

    def do(self, *statements):
        with self.engine.begin() as connection:
            for statement in statements:
                connection.execute(sa.text(statement))

    def make(self, name, *columns, rows=()):
        """Make a table of columns, and insert rows, each a dictionary."""
        table = sa.Table(name, sa.MetaData(), *columns)
        table.create(self.engine)
        self.put_in(table, *rows)
        return table

    def put_in(self, table, *rows):
        with self.engine.begin() as connection:
            for row in rows:
                connection.execute(sa.insert(table).values(row))

    def rows(self, table):
        """All rows of a table as dictionaries, in the order of their first column."""
        with self.engine.connect() as connection:
            found = connection.execute(sa.select(table).order_by(table.columns[0]))
            return [row._asdict() for row in found]

    def comes_first(self, adapter, statement, *, times=1):
        """Let this statement be another program's, between the adapter's reading and writing."""
        left = [times]

        @sa.event.listens_for(adapter._engine, "before_cursor_execute")
        def come_first(_connection, _cursor, about, *_):
            writes = ("BEGIN IMMEDIATE",) if self.kind == "sqlite" else ("UPDATE", "DELETE")
            if about.startswith(writes) and left[0] > 0:
                left[0] -= 1
                self.do(statement)

    def forbid(self, table, column, value):
        """Let a trigger refuse to change one row."""
        told = {"table": table, "column": column, "value": value}
        with self.engine.begin() as connection:
            for statement in TRIGGERS[self.kind]:
                connection.exec_driver_sql(statement.format(**told))

    def allow(self, table):
        """Take that trigger away."""
        where = f" ON {table}" if self.kind == "postgresql" else ""
        self.do(f"DROP TRIGGER forbidden{where}")
        if self.kind == "postgresql":
            self.do("DROP FUNCTION forbid()")

    @contextmanager
    def file_locked(self, how):
        """Hold an SQLite file: EXCLUSIVE lets nobody read, IMMEDIATE nobody write."""
        with closing(sqlite3.connect(self.url.database, isolation_level=None)) as other:
            other.execute(f"BEGIN {how}")
            yield
            other.execute("ROLLBACK")

    @contextmanager
    def table_locked(self, table):
        """Hold a whole table on a server."""
        how = {
            "postgresql": f"LOCK TABLE {table} IN ACCESS EXCLUSIVE MODE",
            "mysql": f"LOCK TABLES {table} WRITE",
        }[self.kind]
        with self.engine.connect() as connection:
            connection.exec_driver_sql(how)
            yield
            if self.kind == "mysql":
                connection.exec_driver_sql("UNLOCK TABLES")
            connection.rollback()

    @contextmanager
    def row_locked(self, condition):
        """Hold the rows that meet a condition on a server."""
        # In MySQL's usual level every row that is looked at would be held.
        only_these = self.engine.execution_options(isolation_level="READ COMMITTED")
        with only_these.connect() as connection:
            table = condition.left.table
            connection.execute(sa.select(table).where(condition).with_for_update())
            yield
            connection.rollback()

    def user(self, password, stack):
        """Make a user with all rights on this database alone; give the URL with which it comes."""
        name = f"shop_{self.url.database}_{next(NUMBERS)}"
        named = f"'{name}'@'%'" if self.kind == "mysql" else name
        made = {
            "postgresql": (
                f"CREATE ROLE {name} LOGIN PASSWORD '{password}'",
                f"GRANT ALL ON SCHEMA public TO {name}",
                f"ALTER DEFAULT PRIVILEGES GRANT ALL ON TABLES TO {name}",
            ),
            "mysql": (
                f"CREATE USER {named} IDENTIFIED BY '{password}'",
                f"GRANT ALL ON `{self.url.database}`.* TO {named}",
            ),
        }
        self.do(*made[self.kind])
        if self.kind == "postgresql":
            stack.callback(self.do, f"DROP OWNED BY {name}", f"DROP ROLE {name}")
        else:
            stack.callback(self.do, f"DROP USER {named}")
        return self.url.set(username=name, password=password)

    @contextmanager
    def another_password(self, name):
        """Let a user of MySQL have another password than the tool knows."""
        self.do(f"SET PASSWORD FOR '{name}'@'%' = PASSWORD('another')")
        yield
        self.do(f"SET PASSWORD FOR '{name}'@'%' = PASSWORD('s3cret-of-the-shop')")
