"""What each run and backfill did, and which one is at work now."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from sqlalchemy import insert, select, update

from sync.ledger.changes import drop_old
from sync.ledger.ledger import Ledger
from sync.ledger.tables import runs

RunKind = Literal["run", "backfill"]


@dataclass(frozen=True, slots=True)
class RunStart:
    """Who began what, and when (UTC)."""

    run_id: str
    kind: RunKind
    host: str
    pid: int
    destination: str
    started_at: datetime


@dataclass(frozen=True, slots=True)
class RunRecord:
    """A run as the ledger remembers it; one that was killed never finished."""

    start: RunStart
    finished_at: datetime | None
    exit_code: int | None


def start_run(ledger: Ledger, start: RunStart) -> None:
    """Store that a run began, and erase what was kept long enough."""
    values = {
        "run_id": start.run_id,
        "kind": start.kind,
        "host": start.host,
        "pid": start.pid,
        "destination": start.destination,
        "started_at": start.started_at,
    }
    with ledger.transaction() as connection:
        drop_old(connection, start.started_at)
        connection.execute(insert(runs).values(values))


def finish_run(
    ledger: Ledger, run_id: str, *, exit_code: int, summary: str, finished_at: datetime
) -> None:
    """Store how a run ended; `summary` is its JSON."""
    ended = update(runs).where(runs.c.run_id == run_id)
    with ledger.transaction() as connection:
        connection.execute(
            ended.values(exit_code=exit_code, summary=summary, finished_at=finished_at)
        )


def latest_runs(ledger: Ledger, limit: int, kind: RunKind | None = None) -> Sequence[RunRecord]:
    """Give the newest runs, newest first."""
    query = select(runs).order_by(runs.c.started_at.desc(), runs.c.run_id.desc()).limit(limit)
    if kind is not None:
        query = query.where(runs.c.kind == kind)
    with ledger.read_only() as connection:
        return [_record(row) for row in connection.execute(query)]


def run_named(ledger: Ledger, run_id: str) -> RunRecord | None:
    """Give the run or backfill of this id, if there was one."""
    with ledger.read_only() as connection:
        row = connection.execute(select(runs).where(runs.c.run_id == run_id)).first()
    return None if row is None else _record(row)


def _record(row: Any) -> RunRecord:  # noqa: ANN401  # rows are typed by position only
    start = RunStart(
        run_id=row.run_id,
        kind=row.kind,
        host=row.host,
        pid=row.pid,
        destination=row.destination,
        started_at=row.started_at,
    )
    return RunRecord(start, row.finished_at, row.exit_code)
