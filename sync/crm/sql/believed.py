"""The embedded table from outside: put in what a CRM believes, and read it back.

For the demo and for tests; a destination never needs it.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import sqlalchemy as sa

from sync.crm.sql.table import ASSIGNED, metadata, voucher_assignments


@dataclass(frozen=True, slots=True)
class Believed:
    """One assignment as the CRM believes it; times are UTC."""

    holder_id: str
    customer_id: str | None
    source_id: str | None
    voucher_id: str | None
    voucher_code: str | None
    campaign_id: str | None
    campaign_name: str | None
    assigned_at: datetime | None
    status: str = ASSIGNED
    unassigned_at: datetime | None = None
    unassigned_event_id: str | None = None


COLUMNS = tuple(voucher_assignments.c[name] for name in Believed.__slots__)


def put_in(database: Path, rows: Iterable[Believed]) -> None:
    """Make the table if it is not there, and insert rows."""
    values = [{name: getattr(row, name) for name in Believed.__slots__} for row in rows]
    engine = _engine(database)
    metadata.create_all(engine)
    with engine.begin() as connection:
        if values:
            connection.execute(sa.insert(voucher_assignments), values)


def read_back(database: Path) -> Mapping[str, Believed]:
    """Give all rows by holder id; none if there is no table."""
    engine = _engine(database)
    with engine.connect() as connection:
        if not sa.inspect(connection).has_table(voucher_assignments.name):
            return {}
        rows = connection.execute(sa.select(*COLUMNS)).all()
    return {row.holder_id: Believed(*row) for row in rows}


def _engine(database: Path) -> sa.Engine:
    return sa.create_engine(f"sqlite:///{database}", poolclass=sa.NullPool)
