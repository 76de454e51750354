"""The rows of a user's own table as records; it remembers what it read, to compare when it writes.

One is made for each call of the adapter, and goes with it.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy import exc

from sync.crm.adapter import Change, Outcome
from sync.crm.mapped.writer import LOST_RACE, CrmBusyError, Record
from sync.crm.sql.database import CHUNK, SqlDatabase, is_never_held, retry_or_tell
from sync.crm.sql.own_statements import Statements
from sync.crm.sql.writing import SeveralRowsError, write_rows

NO_KEY = Outcome.rejected("the row's key is NULL: give it one, so that no other row is written")


class OwnRows:
    """The rows, by the text of their key.

    Args:
        database: where the table is.
        table: its name, for a person.
        statements: gives the statements, on a connection to look at the table.
    """

    at_once = CHUNK

    def __init__(
        self,
        database: SqlDatabase,
        table: str,
        statements: Callable[[sa.Connection], Statements],
    ) -> None:
        self._database = database
        self._table = table
        self._statements = statements
        self._found_by: dict[str, set[str]] = {}
        self._read: dict[str, dict[str, str | None]] = {}
        self._torn: set[str] = set()

    def find(
        self, where: str | None, values: Sequence[str], fields: Sequence[str]
    ) -> Mapping[str, Sequence[Record]]:
        """Give the rows whose column `where` (None: the key) holds exactly each value."""
        try:
            with self._database.transaction("BEGIN") as connection:
                statements = self._statements(connection)
                column = where or statements.key
                rows = _rows(connection, statements, column, values, fields)
        except exc.DBAPIError as error:
            raise CrmBusyError(retry_or_tell(error, self._table)) from None
        found: dict[str | None, list[Record]] = {}
        for key, held, *told in map(tuple[str | None, ...], rows):
            raw = dict(zip(fields, told, strict=True))
            if key is not None:
                self._remember(key, {statements.key: key, column: held, **raw}, column)
            shown = {name: statements.shown(name, text) for name, text in raw.items()}
            found.setdefault(held, []).append(Record(key or "", shown))
        return {value: found.get(statements.held(column, value), ()) for value in values}

    def page(
        self, after: str | None, at_most: int, fields: Sequence[str], shows: Sequence[str]
    ) -> Sequence[Record]:
        """Give the rows behind a key, in the order of keys, that may show something."""
        try:
            with self._database.transaction("BEGIN") as connection:
                statements = self._statements(connection)
                query = statements.page(after, at_most, fields, shows)
                rows = [tuple(row) for row in connection.execute(query)]
        except exc.DBAPIError as error:
            raise CrmBusyError(retry_or_tell(error, self._table)) from None
        return [
            Record(
                key,
                {name: statements.shown(name, raw) for name, raw in zip(fields, told, strict=True)},
            )
            for key, *told in rows
        ]

    def write(self, changes: Sequence[Change]) -> Sequence[Outcome | None]:
        """Write each change into its row, if that still shows what was found and read."""
        outcomes = write_rows(self._database, self._table, changes, self._write_one)
        for change in changes:
            self._forget(change.record_id)
        return outcomes

    def _remember(self, key: str, raw: Mapping[str, str | None], column: str) -> None:
        """Keep what a row showed first; one that shows something else by now is torn."""
        known = self._read.setdefault(key, {})
        if any(known.get(name, text) != text for name, text in raw.items()):
            self._torn.add(key)
        known.update(raw)
        self._found_by.setdefault(key, set()).add(column)

    def _forget(self, key: str) -> None:
        self._read.pop(key, None)
        self._found_by.pop(key, None)
        self._torn.discard(key)

    def _write_one(self, connection: sa.Connection, change: Change) -> Outcome | None:
        key = change.record_id
        if key not in self._read:
            return NO_KEY
        if key in self._torn:
            return LOST_RACE
        statements = self._statements(connection)
        compared = {statements.key, *self._found_by[key], *change.before}
        read = {name: text for name, text in self._read[key].items() if name in compared}
        statement = (
            statements.delete(read) if change.deletes else statements.update(read, change.after)
        )
        rows = connection.execute(statement).rowcount
        if rows > 1:
            raise SeveralRowsError
        return None if rows else LOST_RACE


def _rows(
    connection: sa.Connection,
    statements: Statements,
    column: str,
    values: Sequence[str],
    fields: Sequence[str],
) -> list[sa.Row[Any]]:
    """Read; one value that the column can't hold refuses all that are asked with it."""
    try:
        return [*connection.execute(statements.find(column, values, fields))]
    except exc.DBAPIError as error:
        if not is_never_held(error):
            raise
    middle = len(values) // 2
    halves = (values[:middle], values[middle:]) if middle else ()
    return [row for half in halves for row in _rows(connection, statements, column, half, fields)]
