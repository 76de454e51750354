"""The statements on a user's own table: find rows, and change one that still shows what was read.

Every value is read as the text that the database itself makes of it, and compared as that text,
character by character: no collation decides, and a value of any type can be compared.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy.types import UserDefinedType

from sync.crm.sql.database import MYSQL
from sync.crm.sql.own_columns import Column, Kind, Spelling, TableName

DIALECTS = frozenset({"postgresql", *MYSQL, "sqlite"})
"""Databases whose statements are known here."""

Raw = Mapping[str, str | None]
"""Columns by name, each with the text that the database made of it; None is NULL."""
Found = Any
"""A SELECT; SQLAlchemy's releases write its type in different ways."""
Text = sa.ColumnElement[str]


class _AsItIs(UserDefinedType[object]):
    """A value that neither SQLAlchemy nor a cast in the statement gives a type."""

    cache_ok = True


_AS_IT_IS = _AsItIs()


class Statements:
    """The statements on one table.

    Args:
        table: its name.
        key: the column that tells its rows apart.
        columns: all that are read or written, by name.
        dialect: SQLAlchemy's name of the database, one of `DIALECTS`.
    """

    def __init__(
        self, table: TableName, key: str, columns: Mapping[str, Column], dialect: str
    ) -> None:
        self.key = key
        self.columns = columns
        self._spelling = Spelling(dialect)
        self._dialect = dialect
        named = (sa.column(name, _AS_IT_IS) for name in columns)
        self._table = sa.table(table.name, *named, schema=table.schema)

    def find(self, where: str, values: Sequence[str], fields: Sequence[str]) -> Found:
        """Read key, `where` and fields of the rows that may hold one of these values."""
        sought = (self._spelling.sought(self.columns[where], value) for value in values)
        told = [self._text(name) for name in (self.key, where, *fields)]
        return sa.select(*told).where(
            self._comparable(where).in_([each for each in sought if each is not None])
        )

    def page(
        self, after: str | None, at_most: int, fields: Sequence[str], shows: Sequence[str]
    ) -> Found:
        """Read key and fields of the rows behind a key where one of `shows` is not empty."""
        key = self._comparable(self.key)
        told = [self._text(name) for name in (self.key, *fields)]
        holds = sa.or_(*(sa.func.coalesce(self._text(name), "") != "" for name in shows))
        query = sa.select(*told).where(self._table.c[self.key].is_not(None), holds)
        if after is not None:
            sought = self._spelling.sought(self.columns[self.key], after)
            query = query.where(key > _bound(sought))
        return query.order_by(key).limit(at_most)

    def held(self, where: str, value: str) -> str:
        """Give what a row that `find` gave holds if it is the one: a collation may find others."""
        return self._spelling.held(self.columns[where], value)

    def shown(self, name: str, raw: str | None) -> str:
        """Give what a column shows, from the text that the database made of it."""
        return self._spelling.shown(self.columns[name], raw)

    def update(self, read: Raw, after: Mapping[str, str]) -> sa.Update:
        """Write fields of the row that still shows what was read, its key among it."""
        values = {self._table.c[name]: self._value(name, text) for name, text in after.items()}
        return sa.update(self._table).where(*self._still(read)).values(values)

    def delete(self, read: Raw) -> sa.Delete:
        """Delete the row that still shows what was read, its key among it."""
        return sa.delete(self._table).where(*self._still(read))

    def doubled(self) -> Found:
        """Find a key that several rows have, or none."""
        key = self._table.c[self.key]
        is_odd = sa.or_(sa.func.count() > 1, key.is_(None))
        one: Text = sa.literal_column("1")
        return sa.select(one).select_from(self._table).group_by(key).having(is_odd).limit(1)

    def _still(self, read: Raw) -> list[sa.ColumnElement[bool]]:
        """The key, so that an index finds the row, and then what it has to show, to the letter."""
        shows = [self._shows(name, raw) for name, raw in read.items()]
        sought = self._spelling.sought(self.columns[self.key], read[self.key] or "")
        return shows if sought is None else [self._comparable(self.key) == _bound(sought), *shows]

    def _shows(self, name: str, raw: str | None) -> sa.ColumnElement[bool]:
        text: Text = self._text(name)
        wanted: sa.ColumnElement[object] = _bound(raw)
        if self._dialect in MYSQL:
            # A binary collation would still take no notice of space at the end.
            return sa.cast(text, sa.BINARY).is_not_distinct_from(sa.cast(wanted, sa.BINARY))
        collation = "C" if self._dialect == "postgresql" else "BINARY"
        return text.collate(collation).is_not_distinct_from(wanted)

    def _text(self, name: str) -> sa.Cast[str]:
        """What the database makes of a value; MySQL knows no TEXT in a cast."""
        is_mysql = self._dialect in MYSQL
        return sa.cast(self._table.c[name], sa.CHAR if is_mysql else sa.Text)

    def _comparable(self, name: str) -> sa.ColumnElement[object]:
        """The column itself, for its index, if what is sought is of its type; else its text."""
        is_plain = self.columns[name].kind in {Kind.TEXT, Kind.NUMBER, Kind.UUID}
        column: sa.ColumnElement[object] = self._table.c[name]
        return column if is_plain else sa.type_coerce(self._text(name), _AS_IT_IS)

    def _value(self, name: str, text: str) -> sa.ColumnElement[object]:
        column = self.columns[name]
        bound = _bound(self._spelling.stored(column, text))
        if not self._spelling.is_of_utc(column, text):
            return bound
        utc: Text = sa.literal_column("'+00:00'")
        here: Text = sa.literal_column("@@session.time_zone")
        return sa.func.convert_tz(bound, utc, here)


def _bound(value: object) -> sa.BindParameter[object]:
    return sa.bindparam(None, value, _AS_IT_IS, unique=True)
