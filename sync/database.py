"""What the tool's databases have in common: UTC times and transactions; knows no table."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from sqlite3 import Connection as SqliteConnection
from typing import Any, Literal

from sqlalchemy import DateTime, Dialect, Engine, String, Table, Text, create_engine, event
from sqlalchemy.dialects import mysql, postgresql, sqlite
from sqlalchemy.engine import URL, Connection
from sqlalchemy.types import TypeDecorator, TypeEngine

Begin = Literal["IMMEDIATE", "DEFERRED"]

_UNSTORABLE = re.compile("[\x00\ud800-\udfff]")


class UnreadableValueError(Exception):
    """A column holds what nothing of ours can have written: the database is damaged."""


class UtcDateTime(TypeDecorator[datetime]):
    """An instant in UTC, to the microsecond in every database.

    SQLite has no such type: it stores ISO 8601 text with `Z`, which sorts as the instants do.
    """

    impl = DateTime
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        """Choose the column's type; MySQL's plain one would drop the fraction of a second."""
        if dialect.name == "sqlite":
            return String(32)
        if dialect.name in {"mysql", "mariadb"}:
            return mysql.DATETIME(fsp=6)
        return DateTime(timezone=True)

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> str | datetime | None:
        """Turn an aware time into what the column stores.

        Raises:
            ValueError: the time has no zone; it would mean another instant on another machine.
        """
        if value is None:
            return None
        if value.tzinfo is None:
            msg = "a time without a zone can't be stored"
            raise ValueError(msg)
        return iso(value) if dialect.name == "sqlite" else value.astimezone(UTC)

    def process_result_value(
        self, value: str | datetime | None, _dialect: Dialect
    ) -> datetime | None:
        """Turn what the column stores into an aware time; a time without a zone is UTC.

        Raises:
            UnreadableValueError: it stores something else, as only SQLite can.
        """
        if value is None:
            return None
        time = _time(value) if isinstance(value, str) else value
        return time.astimezone(UTC) if time.tzinfo else time.replace(tzinfo=UTC)


def iso(time: datetime) -> str:
    """Give an instant as SQLite stores it."""
    utc = time.astimezone(UTC).replace(tzinfo=None)
    return utc.isoformat(timespec="microseconds") + "Z"


class UtcText(TypeDecorator[str]):
    """A column of `UtcDateTime` as text: as `iso` gives it, or what else SQLite may hold there."""

    impl = DateTime
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        """Take the same type."""
        return _INSTANT.load_dialect_impl(dialect)

    def process_bind_param(self, value: str | None, dialect: Dialect) -> str | datetime | None:
        """Turn a text that was read into what the column stores."""
        if value is None or dialect.name == "sqlite":
            return value
        return _INSTANT.process_bind_param(_time(value), dialect)

    def process_result_value(self, value: str | datetime | None, dialect: Dialect) -> str | None:
        """Turn what the column stores into text."""
        if value is None or isinstance(value, str):
            return value
        read = _INSTANT.process_result_value(value, dialect)
        return None if read is None else iso(read)


_INSTANT = UtcDateTime()


def _time(text: str) -> datetime:
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        msg = "a column of times holds something else"
        raise UnreadableValueError(msg) from None


def plain(text: str) -> str:
    """Give a text as a column of `PlainText` stores it."""
    return _UNSTORABLE.sub("\ufffd", text)


class PlainText(TypeDecorator[str]):
    """Text that every database can hold.

    PostgreSQL takes no NUL, and no database half of a surrogate pair, though JSON can hold both:
    each becomes U+FFFD, on the way in and in comparisons alike.
    """

    impl: type[String] = Text
    cache_ok = True

    def process_bind_param(self, value: str | None, _dialect: Dialect) -> str | None:
        """Turn a text into what the column stores."""
        return None if value is None else plain(value)


def sqlite_engine(url: URL, *, busy_seconds: float) -> Engine:
    """Make an engine whose transactions are ours: none begins before `transaction` says so."""
    engine = create_engine(
        url, connect_args={"timeout": busy_seconds}, hide_parameters=True, pool_reset_on_return=None
    )

    @event.listens_for(engine, "connect")
    def _explicit_begin(connection: SqliteConnection, _record: object) -> None:
        # The driver would begin by itself, always deferred, and upgrade in the middle, which
        # fails at once when somebody else writes.
        connection.isolation_level = None

    @event.listens_for(engine, "begin")
    def _begin(connection: Connection) -> None:
        how: Begin = connection.get_execution_options().get("begin", "IMMEDIATE")
        connection.exec_driver_sql(f"BEGIN {how}")

    return engine


@contextmanager
def read_only(engine: Engine) -> Iterator[Connection]:
    """Give a connection that shows one state throughout and never keeps a writer waiting."""
    on_a_server = {"isolation_level": "REPEATABLE READ", "postgresql_readonly": True}
    options = {"begin": "DEFERRED"} if engine.dialect.name == "sqlite" else on_a_server
    with engine.connect().execution_options(**options) as connection, connection.begin():
        yield connection


def insert_into(connection: Connection, table: Table) -> sqlite.Insert | postgresql.Insert:
    """Begin an INSERT that knows what to do when the key is there already."""
    if connection.dialect.name == "sqlite":
        return sqlite.insert(table)
    return postgresql.insert(table)
