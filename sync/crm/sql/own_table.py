"""A table of the user's own as a CRM: a mapping says which columns keep an assignment.

Its rows are contacts with slots, or one for each assignment. Each is written by one statement that
changes it only if it still shows what was decided upon, so no other writer's change is lost.
"""

import sqlite3
from collections.abc import Mapping, Sequence
from functools import partial

import sqlalchemy as sa
from sqlalchemy import exc

from sync.crm.adapter import (
    BelievedHolder,
    Capability,
    Change,
    HeldNow,
    Outcome,
    Restored,
    TellUserError,
    Unassignment,
)
from sync.crm.mapped.believing import Beliefs, assigned
from sync.crm.mapped.mapping import Mapped
from sync.crm.mapped.restoring import restore
from sync.crm.mapped.writer import MappedWriter, rules_of
from sync.crm.sql.database import MYSQL, SqlDatabase, patience, retry_or_tell, unusable
from sync.crm.sql.own_check import require_sense, try_statements
from sync.crm.sql.own_columns import MAPPING_SETTING, TableName, read_columns
from sync.crm.sql.own_rows import OwnRows
from sync.crm.sql.own_statements import DIALECTS, Statements
from sync.crm.sql.url import SETTING

DEFAULT_KEY = "id"
_PREPARES: Mapping[str, str] = {
    # What doesn't fit is to be refused, and not cut off.
    "mysql": "SET SESSION sql_mode = CONCAT(@@SESSION.sql_mode, ',STRICT_ALL_TABLES')",
    # A row that others refer to is not to go without their knowledge.
    "sqlite": "PRAGMA foreign_keys = ON",
}
_ALWAYS = frozenset(
    {
        Capability.READS_BACK,
        Capability.REPORTS_NOT_FOUND,
        Capability.COMPARES_ON_SERVER,
        Capability.RESTORES,
        Capability.LISTS_ASSIGNED,
    }
)


class OwnTable:
    """The table that a mapping names; `busy_timeout` is in seconds.

    Raises:
        TellUserError: the mapping names none, or the database is of another kind.
    """

    def __init__(self, engine: sa.Engine, mapping: Mapped, busy_timeout: float) -> None:
        if mapping.object is None:
            msg = f"{MAPPING_SETTING}: the mapping lacks object, the name of the table"
            raise TellUserError(msg)
        dialect = engine.dialect.name
        if dialect not in DIALECTS:
            msg = f"{MAPPING_SETTING}: a mapping needs PostgreSQL, MySQL, MariaDB or SQLite"
            raise TellUserError(msg)
        own = _PREPARES.get("mysql" if dialect in MYSQL else dialect)
        prepares = (*patience(dialect, busy_timeout), *filter(None, [own]))
        self._database = SqlDatabase(engine, prepares=prepares)
        if dialect == "sqlite":
            sa.event.listen(engine, "connect", _read_any_text)
        key = (mapping.key or DEFAULT_KEY).strip()
        self._mapping = mapping.model_copy(update={"key": None if key == DEFAULT_KEY else key})
        self._rules = rules_of(mapping)
        self._table = TableName.of(mapping.object)
        self._key = key
        self._statements: Statements | None = None
        self._held_now: HeldNow | None = None

    @property
    def place(self) -> str:
        """The database and the table, with its schema if the mapping names one."""
        return f"{self._database.place}, table {self._table}"

    @property
    def meaning(self) -> str:
        """Table and mapping."""
        return f"{self._table}#{self._mapping.fingerprint()}"

    @property
    def capabilities(self) -> frozenset[Capability]:
        """What each row allows; nothing but a slot is ever cleared by its code."""
        by_code = {Capability.CLEARS_BY_CODE} if self._mapping.clears_by_code() else set()
        return _ALWAYS | by_code

    def check(self) -> Sequence[str]:
        """Look at table, columns and rights, and show the statements; all is taken back."""
        self._require_place()
        try:
            with self._database.transaction("BEGIN", is_trial=True) as connection:
                statements = self._read(connection)
                require_sense(connection, statements, self._mapping)
                return try_statements(connection, statements, self._mapping)
        except exc.DBAPIError as error:
            retry_or_tell(error, str(self._table))
            raise unusable(error) from None

    def ask_by(self, held_now: HeldNow) -> None:
        """Ask so, before a slot is cleared that holds nothing but a code."""
        self._held_now = held_now

    def preview(self, batch: Sequence[Unassignment]) -> Sequence[Outcome]:
        """Say what `unassign` would answer now, and write nothing."""
        return self._writer().preview(batch)

    def assigned(self, after: str | None, at_most: int) -> Sequence[BelievedHolder]:
        """Give who is believed to hold something, by the key of the rows that show it."""
        return assigned(self._rows(), self._mapping, after, at_most)

    def unassign(self, batch: Sequence[Unassignment]) -> Sequence[Outcome]:
        """End each assignment in its row."""
        return self._writer().unassign(batch)

    def restore(self, changes: Sequence[Change], *, dry_run: bool) -> Sequence[Restored]:
        """Write back what rows showed; one that was deleted stays so."""
        return restore(self._rows(), self._rules, changes, dry_run=dry_run)

    def _writer(self) -> MappedWriter:
        writer = MappedWriter(self._rules, self._rows())
        if self._held_now is not None:
            writer.ask_by(self._held_now)
        return writer

    def _rows(self) -> OwnRows:
        """Make what remembers the rows that one call has read."""
        self._require_place()
        return OwnRows(self._database, str(self._table), self._known)

    def _known(self, connection: sa.Connection) -> Statements:
        """Give the statements; the table is described once, its columns don't change in a run."""
        if self._statements is None:
            self._statements = self._read(connection)
        return self._statements

    def _read(self, connection: sa.Connection) -> Statements:
        found_by = (rule.field for rule in self._rules.find if rule.field is not None)
        listed = Beliefs(self._mapping).fields
        wanted = [self._key, *found_by, *self._rules.fields, *listed]
        columns = read_columns(connection, self._table, wanted)
        return Statements(self._table, self._key, columns, connection.dialect.name)

    def _require_place(self) -> None:
        self._database.require_place()
        if not self._database.is_there:
            file = self._database.file
            msg = f"{SETTING}: there is no file {file}: name the one that has {self._table}"
            raise TellUserError(msg)


def _read_any_text(connection: sqlite3.Connection, _record: object) -> None:
    """Let a text that is no UTF-8 concern its own row: it never shows what is read of it."""
    connection.text_factory = partial(str, encoding="utf-8", errors="replace")
