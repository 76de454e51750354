"""A database of somebody's own, of any kind that a mapping can be about."""

import sqlalchemy as sa


class Own:
    """A user's own database, as another program sees it."""

    def __init__(self, url):
        self.url = url
        self.kind = url.get_backend_name()
        self.engine = sa.create_engine(url, poolclass=sa.NullPool)

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
