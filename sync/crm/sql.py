"""The embedded CRM: one row per assignment, in any database that SQLAlchemy reaches.

A row is matched on its `holder_id` alone, so a newer assignment, which has another one, is never
touched; `superseded_by` changes nothing here. Unassigning sets status, time and event of the row
and leaves the rest; an unknown `holder_id` becomes a row of its own, so that nothing is lost.

Each transaction has a connection of its own: minutes may pass between two of them, and one that a
server dropped meanwhile would look like a server that is down.
"""

import os
import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import ClassVar, Self

import sqlalchemy as sa
from sqlalchemy import exc

from sync.crm.adapter import (
    API_VERSION,
    Capability,
    Outcome,
    Result,
    TellUserError,
    Unassignment,
)
from sync.crm.sql_table import (
    ASSIGNED,
    UNASSIGNED,
    RaceLostError,
    end_assignment,
    insert_ended,
    metadata,
    read_statuses,
    table_exists,
    try_rights,
    voucher_assignments,
)
from sync.crm.sql_url import SETTING, fingerprint, make_engine, parse_url, place_of, sqlite_file

__all__ = ["BUSY_TIMEOUT", "CHUNK", "SqlAdapter", "metadata", "voucher_assignments"]

BUSY_TIMEOUT = 5.0
"""Seconds to wait for a locked SQLite file; `?timeout=` in the URL wins."""
CHUNK = 200
"""Rows per transaction: short for others who write, and below any database's parameter limit."""

# By SQLite's codes, because Python's classes put a locked file and a missing column together.
_SQLITE_NEEDS_A_PERSON = frozenset(
    {
        sqlite3.SQLITE_ERROR,
        sqlite3.SQLITE_PERM,
        sqlite3.SQLITE_READONLY,
        sqlite3.SQLITE_CORRUPT,
        sqlite3.SQLITE_AUTH,
        sqlite3.SQLITE_NOTADB,
    }
)
_NEEDS_A_PERSON = (exc.ProgrammingError, exc.InternalError, exc.NotSupportedError)


class SqlAdapter:
    """The table `voucher_assignments`; the first `unassign` makes it if it is not there.

    `url` is absolute where it names an SQLite file; `busy_timeout` is in seconds.
    """

    api_version: ClassVar[int] = API_VERSION
    setting_names: ClassVar[frozenset[str]] = frozenset({SETTING})

    def __init__(self, url: sa.URL, *, busy_timeout: float = BUSY_TIMEOUT) -> None:
        self._file = sqlite_file(url)
        self._destination = f"sql-{fingerprint(url, voucher_assignments.name)}"
        self._engine = make_engine(url, busy_timeout)

    @classmethod
    def from_env(cls, env: Mapping[str, str]) -> Self:
        """Make one from `CRM_SQL_URL`; a relative SQLite path starts at `HOLDERSYNC_HOME`."""
        value = env.get(SETTING, "").strip()
        if not value:
            msg = f"{SETTING} is missing: say where the table is, for example sqlite:///crm.db"
            raise TellUserError(msg)
        return cls(parse_url(value, Path(env["HOLDERSYNC_HOME"])))

    @property
    def destination(self) -> str:
        """`sql-` and a fingerprint of database and table; a new password changes nothing."""
        return self._destination

    @property
    def place(self) -> str:
        """The file, or the server and its database, and the table."""
        return f"{self._file or place_of(self._engine.url)}, table {voucher_assignments.name}"

    @property
    def capabilities(self) -> frozenset[Capability]:
        """It reads back, tells what it never saw, and compares in the statement that writes."""
        return frozenset(
            {
                Capability.READS_BACK,
                Capability.REPORTS_NOT_FOUND,
                Capability.COMPARES_ON_SERVER,
            }
        )

    def check(self) -> Sequence[str]:
        """Look at place, columns and rights; what the first `unassign` will make is not missed."""
        try:
            with self._reading() as connection:
                if connection is not None and self._file is None:
                    try_rights(connection)
        except exc.DBAPIError as error:
            msg = (
                f"the database of {SETTING} can't be used ({_kind(error)}): see that it is up, not "
                "locked, and what the URL says, and that user, password and rights are right"
            )
            raise TellUserError(msg) from None
        return ()

    def preview(self, batch: Sequence[Unassignment]) -> Sequence[Outcome]:
        """Say what `unassign` would answer now; makes neither file nor table."""
        known: dict[str, str] = {}
        try:
            with self._reading() as connection:
                if connection is not None:
                    for chunk in _chunks(batch):
                        known |= read_statuses(connection, chunk)
        except exc.DBAPIError as error:
            return [_retry_or_tell(error)] * len(batch)
        return decide_all(batch, known)

    def unassign(self, batch: Sequence[Unassignment]) -> Sequence[Outcome]:
        """End each assignment; once the database fails, the rest is `RETRY` without trying."""
        outcomes: list[Outcome] = []
        try:
            for outcome in self._unassigned(batch):
                outcomes.append(outcome)  # noqa: PERF402 (what came before an error must be kept)
        except exc.DBAPIError as error:
            outcomes += [_retry_or_tell(error)] * (len(batch) - len(outcomes))
        return outcomes

    def close(self) -> None:
        """Give back connections."""
        self._engine.dispose()

    def _unassigned(self, batch: Sequence[Unassignment]) -> Iterator[Outcome]:
        """Yield each outcome after its transaction; a refused row costs its chunk the speed."""
        for chunk in _chunks(batch):
            with suppress(exc.DataError, exc.IntegrityError, RaceLostError):
                yield from self._in_one_transaction(chunk)
                continue
            yield from map(self._alone, chunk)

    def _in_one_transaction(self, chunk: Sequence[Unassignment]) -> list[Outcome]:
        self._require_place()
        with self._transaction("BEGIN IMMEDIATE") as connection:
            if not table_exists(connection):
                metadata.create_all(connection)
            outcomes = decide_all(chunk, read_statuses(connection, chunk))
            for unassignment, outcome in zip(chunk, outcomes, strict=True):
                if outcome.result is Result.REMOVED:
                    end_assignment(connection, unassignment)
                elif outcome.result is Result.ASSIGNMENT_NOT_FOUND:
                    insert_ended(connection, unassignment)
        return outcomes

    def _alone(self, unassignment: Unassignment) -> Outcome:
        """Try one row, and once more: a race that was lost is decided by reading again."""
        outcome = Outcome.retry("another writer changes this row at the same time")
        for _ in range(2):
            try:
                return self._in_one_transaction([unassignment])[0]
            except RaceLostError:
                continue
            except (exc.DataError, exc.IntegrityError) as error:
                outcome = Outcome.rejected(
                    f"the database refuses this row ({_kind(error)}): "
                    f"look at the constraints and triggers of {voucher_assignments.name}"
                )
        return outcome

    @contextmanager
    def _reading(self) -> Iterator[sa.Connection | None]:
        """A connection on which the table is; None while there is no file or no table."""
        self._require_place()
        if self._file is not None and not self._file.exists():
            yield None
            return
        with self._transaction("BEGIN") as connection:
            yield connection if table_exists(connection) else None

    @contextmanager
    def _transaction(self, begin: str) -> Iterator[sa.Connection]:
        """Commit at the end, roll back on an error.

        On SQLite `begin` chooses the lock: who reads first and asks for the right to write later
        can meet another one who did the same, and neither would get on.
        """
        with self._engine.connect() as connection, connection.begin():
            if self._file is not None:
                connection.exec_driver_sql(begin)
            yield connection

    def _require_place(self) -> None:
        """Refuse an SQLite file that can't be read and written, or a folder that can't hold it.

        SQLite writes a journal beside the file, so the folder must be writable as well.
        """
        if self._file is None:
            return
        folder = self._file.parent
        # The separator makes this false for a file in the folder's place.
        if not os.access(f"{folder}{os.sep}", os.W_OK | os.X_OK):
            msg = (
                f"{SETTING}: {folder} is not a folder that this user can write to: "
                "make it, or give the right to write"
            )
            raise TellUserError(msg)
        if self._file.exists() and not (
            self._file.is_file() and os.access(self._file, os.R_OK | os.W_OK)
        ):
            msg = (
                f"{SETTING}: {self._file} is not a file that this user can read and write: "
                "name another one, or give the rights"
            )
            raise TellUserError(msg)


def decide(status: str | None) -> Outcome:
    """Decide what an unassignment means for a row, by the row's status (None: no such row)."""
    if status is None:
        return Outcome(Result.ASSIGNMENT_NOT_FOUND)
    if status == ASSIGNED:
        return Outcome(Result.REMOVED)
    if status == UNASSIGNED:
        return Outcome(Result.ALREADY_REMOVED)
    reason = f"the row's status is neither {ASSIGNED} nor {UNASSIGNED}: correct it in the table"
    return Outcome.rejected(reason)


def decide_all(batch: Sequence[Unassignment], known: Mapping[str, str]) -> list[Outcome]:
    """Decide a batch in order: a repeated `holder_id` meets what the one before it left.

    `known` is the status of each row that is there, by `holder_id`.
    """
    statuses = dict(known)
    outcomes = []
    for unassignment in batch:
        outcome = decide(statuses.get(unassignment.holder_id))
        if outcome.result is not Result.REJECTED:
            statuses[unassignment.holder_id] = UNASSIGNED
        outcomes.append(outcome)
    return outcomes


def _chunks(batch: Sequence[Unassignment]) -> Iterator[Sequence[Unassignment]]:
    for start in range(0, len(batch), CHUNK):
        yield batch[start : start + CHUNK]


def _retry_or_tell(error: exc.DBAPIError) -> Outcome:
    """Tell a database that is locked, full or lost from one that only a person can repair."""
    if _needs_a_person(error):
        msg = (
            f"the table {voucher_assignments.name} of {SETTING} can't be read or written "
            f"({_kind(error)}): check the rights and the columns, then run holdersync check"
        )
        raise TellUserError(msg) from None
    return Outcome.retry(f"the database is locked, full or can't be reached ({_kind(error)})")


def _needs_a_person(error: exc.DBAPIError) -> bool:
    code = getattr(error.orig, "sqlite_errorcode", None)
    if code is not None:
        return code & 0xFF in _SQLITE_NEEDS_A_PERSON
    return isinstance(error, _NEEDS_A_PERSON) and not error.connection_invalidated


def _kind(error: exc.DBAPIError) -> str:
    """The error's class and the database's own code: its text may hold values."""
    code = getattr(error.orig, "sqlite_errorname", None) or getattr(error.orig, "sqlstate", None)
    return f"{type(error).__name__}, {code}" if code else type(error).__name__
