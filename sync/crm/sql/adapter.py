"""SQL as a CRM: the embedded table, or with a mapping a table of the user's own.

Both are in any database of `CRM_SQL_URL`; a mapping needs one whose statements this tool knows.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import ClassVar, Protocol, Self

import sqlalchemy as sa

from sync.crm.adapter import (
    API_VERSION,
    BelievedHolder,
    Capability,
    Change,
    HeldNow,
    Outcome,
    Restored,
    TellUserError,
    Unassignment,
)
from sync.crm.mapped.mapping import Mapped
from sync.crm.mapped.reading import read_mapping
from sync.crm.sql.database import CHUNK
from sync.crm.sql.embedded import EmbeddedTable, decide
from sync.crm.sql.own_columns import MAPPING_SETTING
from sync.crm.sql.own_table import OwnTable
from sync.crm.sql.table import metadata, voucher_assignments
from sync.crm.sql.url import SETTING, fingerprint, make_engine, parse_url

__all__ = ["BUSY_TIMEOUT", "CHUNK", "SqlAdapter", "decide", "metadata", "voucher_assignments"]

BUSY_TIMEOUT = 5.0
"""Seconds to wait for somebody's lock; for an SQLite file `?timeout=` in the URL wins."""


class _Table(Protocol):
    """What is written; `meaning` is what makes it another destination."""

    @property
    def place(self) -> str: ...

    @property
    def meaning(self) -> str: ...

    @property
    def capabilities(self) -> frozenset[Capability]: ...

    def check(self) -> Sequence[str]: ...

    def ask_by(self, held_now: HeldNow) -> None: ...

    def preview(self, batch: Sequence[Unassignment]) -> Sequence[Outcome]: ...

    def assigned(self, after: str | None, at_most: int) -> Sequence[BelievedHolder]: ...

    def unassign(self, batch: Sequence[Unassignment]) -> Sequence[Outcome]: ...

    def restore(self, changes: Sequence[Change], *, dry_run: bool) -> Sequence[Restored]: ...


class SqlAdapter:
    """The table `voucher_assignments`, or the one that `mapping` names.

    `url` is absolute where it names an SQLite file; `busy_timeout` is in seconds.
    """

    api_version: ClassVar[int] = API_VERSION
    setting_names: ClassVar[frozenset[str]] = frozenset({SETTING, MAPPING_SETTING})

    def __init__(
        self, url: sa.URL, mapping: Mapped | None = None, *, busy_timeout: float = BUSY_TIMEOUT
    ) -> None:
        self._engine = make_engine(url, busy_timeout)
        self._table: _Table = (
            EmbeddedTable(self._engine, busy_timeout)
            if mapping is None
            else OwnTable(self._engine, mapping, busy_timeout)
        )
        self._destination = f"sql-{fingerprint(url, self._table.meaning)}"

    @classmethod
    def from_env(cls, env: Mapping[str, str]) -> Self:
        """Make one from `CRM_SQL_URL` and `CRM_SQL_MAPPING`.

        A relative path, of an SQLite file or the mapping, starts at `HOLDERSYNC_HOME`.
        """
        value = env.get(SETTING, "").strip()
        if not value:
            msg = f"{SETTING} is missing: say where the table is, for example sqlite:///crm.db"
            raise TellUserError(msg)
        home = Path(env["HOLDERSYNC_HOME"])
        path = env.get(MAPPING_SETTING, "").strip()
        mapping = read_mapping(home / path, MAPPING_SETTING, of_a_table=True) if path else None
        return cls(parse_url(value, home), mapping)

    @property
    def destination(self) -> str:
        """`sql-` and a fingerprint of database, table and mapping; no password counts."""
        return self._destination

    @property
    def place(self) -> str:
        """The file, or the server and its database, and the table."""
        return self._table.place

    @property
    def capabilities(self) -> frozenset[Capability]:
        """It reads back, restores, tells what it never saw, and compares where it writes."""
        return self._table.capabilities

    def check(self) -> Sequence[str]:
        """Look at place, columns and rights."""
        return self._table.check()

    def ask_by(self, held_now: HeldNow) -> None:
        """Ask so, before a column is cleared that holds nothing but a code."""
        self._table.ask_by(held_now)

    def preview(self, batch: Sequence[Unassignment]) -> Sequence[Outcome]:
        """Say what `unassign` would answer now, and write nothing."""
        return self._table.preview(batch)

    def assigned(self, after: str | None, at_most: int) -> Sequence[BelievedHolder]:
        """Give who is believed to hold something, in the order of the table's key."""
        return self._table.assigned(after, at_most)

    def unassign(self, batch: Sequence[Unassignment]) -> Sequence[Outcome]:
        """End each assignment in the table."""
        return self._table.unassign(batch)

    def restore(self, changes: Sequence[Change], *, dry_run: bool) -> Sequence[Restored]:
        """Write back what rows showed, where they still show what was left."""
        return self._table.restore(changes, dry_run=dry_run)

    def close(self) -> None:
        """Give back connections."""
        self._engine.dispose()
