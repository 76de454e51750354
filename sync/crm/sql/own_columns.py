"""The columns of a user's own table: what kind each is, and how its values are spelt as text.

A database turns its values into text by itself, and text into its values, so nothing is lost on
the way. What is left for us is where that needs help: MySQL takes no zone in a time, and neither
MySQL nor SQLite has a boolean, which here is `true` or `false` everywhere.
"""

import re
import warnings
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import Enum, auto
from typing import Any

import sqlalchemy as sa
from sqlalchemy import exc
from sqlalchemy.dialects import mysql, postgresql

from sync.crm.adapter import TellUserError
from sync.crm.sql.database import MYSQL
from sync.crm.sql.url import SETTING
from sync.database import plain

MAPPING_SETTING = "CRM_SQL_MAPPING"

_NUMBER = re.compile(r"0|-?[1-9]\d{0,19}")
_UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_BY_NUMBER = {"1": "true", "0": "false"}
_BY_WORD = {word: number for number, word in _BY_NUMBER.items()}


class Kind(Enum):
    """What of a column's type matters here."""

    TEXT = auto()
    NUMBER = auto()
    BOOLEAN = auto()
    UUID = auto()
    DATE = auto()
    TIME = auto()
    """A date and time, in whichever zone the merchant means."""
    INSTANT = auto()
    """The same, which the database keeps in UTC and shows in the session's zone."""
    BINARY = auto()
    OTHER = auto()


@dataclass(frozen=True, slots=True)
class Column:
    """One column as the database describes it.

    `longest` is the number of characters it takes, `words` those it takes and no others.
    """

    name: str
    kind: Kind
    is_nullable: bool = True
    longest: int | None = None
    words: tuple[str, ...] | None = None


@dataclass(frozen=True, slots=True)
class TableName:
    """A table, and the schema that it is in unless that is the usual one."""

    name: str
    schema: str | None = None

    @classmethod
    def of(cls, text: str) -> "TableName":
        """Read `table` or `schema.table`."""
        schema, _, name = text.strip().rpartition(".")
        return cls(name, schema or None)

    def __str__(self) -> str:
        return f"{self.schema}.{self.name}" if self.schema else self.name


def read_columns(
    connection: sa.Connection, table: TableName, wanted: Iterable[str]
) -> Mapping[str, Column]:
    """Read what the database says of the columns with these names.

    Raises:
        TellUserError: there is no such table, or it lacks columns; names them.
    """
    try:
        with warnings.catch_warnings():
            # Of types that SQLAlchemy doesn't know; theirs are texts like any other.
            warnings.simplefilter("ignore", exc.SAWarning)
            told = sa.inspect(connection).get_columns(table.name, schema=table.schema)
    except exc.NoSuchTableError:
        msg = (
            f"{MAPPING_SETTING}: the database of {SETTING} has no table {table}: write object as "
            "the database does, with the schema and a dot before it if it is in another one"
        )
        raise TellUserError(msg) from None
    there = {each["name"]: each for each in told}
    missing = [name for name in dict.fromkeys(wanted) if name not in there]
    if missing:
        msg = (
            f"{MAPPING_SETTING}: the table {table} has no column {', '.join(missing)}: "
            "write its columns in the mapping as the database does"
        )
        raise TellUserError(msg)
    return {name: _column(name, there[name]) for name in dict.fromkeys(wanted)}


def _column(name: str, told: Mapping[str, Any]) -> Column:
    type_ = told["type"]
    while isinstance(type_, postgresql.DOMAIN):
        type_ = type_.data_type
    kind = _kind_of(type_)
    words = tuple(type_.enums) if isinstance(type_, sa.Enum) else None
    longest = type_.length if kind is Kind.TEXT and isinstance(type_, sa.String) else None
    return Column(name, kind, bool(told["nullable"]), longest, words)


_KINDS: tuple[tuple[tuple[type[Any], ...], Kind], ...] = (
    ((sa.LargeBinary, sa.BINARY, sa.VARBINARY, mysql.BIT), Kind.BINARY),
    ((sa.Boolean,), Kind.BOOLEAN),
    ((sa.Enum,), Kind.OTHER),
    ((sa.Uuid,), Kind.UUID),
    ((sa.String,), Kind.TEXT),
    ((sa.Integer,), Kind.NUMBER),
    ((mysql.TIMESTAMP,), Kind.INSTANT),
    ((sa.DateTime,), Kind.TIME),
    ((sa.Date,), Kind.DATE),
)


def _kind_of(type_: object) -> Kind:
    if isinstance(type_, mysql.TINYINT) and type_.display_width == 1:
        return Kind.BOOLEAN
    if isinstance(type_, sa.Numeric) and not isinstance(type_, sa.Float) and not type_.scale:
        return Kind.NUMBER
    return next((kind for types, kind in _KINDS if isinstance(type_, types)), Kind.OTHER)


class Spelling:
    """How one database spells values; `dialect` is SQLAlchemy's name of it."""

    def __init__(self, dialect: str) -> None:
        self._is_mysql = dialect in MYSQL
        self._has_boolean = dialect == "postgresql"
        self._converts = dialect == "sqlite"

    def shown(self, column: Column, raw: str | None) -> str:
        """Give what a column shows, from the text that the database made of it."""
        if raw is None:
            return ""
        is_number = column.kind is Kind.BOOLEAN and not self._has_boolean
        return _BY_NUMBER.get(raw, raw) if is_number else raw

    def sought(self, column: Column, text: str) -> str | int | None:
        """Give what to compare a column with; None if it can't hold that text."""
        if column.kind is Kind.NUMBER and not self._converts:
            return int(text) if _NUMBER.fullmatch(text) else None
        if column.kind is Kind.UUID:
            return text.lower() if _UUID.fullmatch(text.lower()) else None
        return plain(text)

    def held(self, column: Column, text: str) -> str:
        """Give what a row that was found has to hold, to the letter, whatever its collation."""
        return text.lower() if column.kind is Kind.UUID else plain(text)

    def stored(self, column: Column, text: str) -> str | None:
        """Give what is written into a column for a text; None is NULL."""
        if not text and (column.is_nullable or column.kind is not Kind.TEXT):
            return None
        if column.kind is Kind.BOOLEAN and not self._has_boolean:
            return _BY_WORD.get(text.lower(), text)
        if self._is_mysql and column.kind in {Kind.DATE, Kind.TIME, Kind.INSTANT}:
            return _in_utc(text, is_date=column.kind is Kind.DATE)
        return plain(text)

    def is_of_utc(self, column: Column, text: str) -> bool:
        """Tell whether a text names an instant that the database would take for a local time."""
        moment = _moment(text)
        is_zoned = moment is not None and moment.tzinfo is not None
        return self._is_mysql and column.kind is Kind.INSTANT and is_zoned


def _in_utc(text: str, *, is_date: bool) -> str:
    """Spell a time that names its zone without one; any other text stays as it is."""
    moment = _moment(text)
    if moment is None or (moment.tzinfo is None and not is_date):
        return text
    if moment.tzinfo is not None:
        moment = moment.astimezone(UTC).replace(tzinfo=None)
    return moment.date().isoformat() if is_date else moment.isoformat(" ")


def _moment(text: str) -> datetime | None:
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        return None


def why_not(column: Column, text: str) -> str | None:
    """Say why a column can never show this text, if that is so; what to write instead."""
    if not text:
        is_never_empty = not column.is_nullable and column.kind is not Kind.TEXT
        return "can't be empty: it is NOT NULL, and no text" if is_never_empty else None
    if column.kind is Kind.BOOLEAN:
        return None if text in _BY_WORD else "is a boolean: write true or false"
    if column.kind is Kind.NUMBER:
        return None if _NUMBER.fullmatch(text) else "is a number"
    if column.words is not None and text not in column.words:
        return f"takes nothing but {', '.join(column.words)}"
    if column.longest is not None and len(text) > column.longest:
        return f"takes {column.longest} characters at most"
    return None
