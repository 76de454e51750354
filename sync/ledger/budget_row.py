"""The stored state of the call budget, and the arithmetic on it."""

from dataclasses import asdict, dataclass, replace
from datetime import date, datetime, timedelta
from typing import Literal

from sqlalchemy import select
from sqlalchemy.engine import Connection

from sync.database import insert_into
from sync.ledger.tables import budget
from sync.model.allowance import Share

LONGEST_WINDOW = 3_700.0
"""Seconds: a window is a minute or an hour, so what is further ahead is a clock that jumped."""
BLOCKS_AHEAD = 32
"""Blocks that others may have leased before us: one per thread of a few processes. More is a clock
that jumped."""
FURTHEST_DAY = timedelta(days=2)
"""How far a stored day may be ahead; one further ahead was written under a clock that was wrong."""

PausedBy = Literal["rate", "reserve"]


@dataclass(frozen=True, slots=True)
class Row:
    """What is stored; times are seconds since 1970."""

    cycle_start: date
    used: int
    day: date
    used_before_day: int
    next_slot: float
    paused_until: float
    paused_by: PausedBy
    cycle_refused_at: datetime | None


def rolled(row: Row, today: date, share: Share) -> Row:
    """Begin a new day, or a new cycle, when its time has come.

    A clock that went back begins nothing: the day of the row stays the newest one seen, unless
    no clock can have been right on it. Then today begins, with all calls still counted.
    """
    if row.day - today > FURTHEST_DAY:
        begun, _ = share.cycle_of(today)
        return replace(row, cycle_start=begun, day=today, used_before_day=row.used)
    cycle_start, _ = share.cycle_of(max(today, row.day))
    if row.cycle_start < cycle_start:
        return replace(
            row,
            cycle_start=cycle_start,
            used=0,
            day=today,
            used_before_day=0,
            cycle_refused_at=None,
        )
    if row.day < today:
        return replace(row, day=today, used_before_day=row.used)
    return row


def left_today(row: Row, share: Share) -> int:
    """Give the calls that the day's share still has."""
    return max(0, row.used_before_day + share.todays(row.day, row.used_before_day) - row.used)


def first_slot(row: Row, now: float, block_seconds: float) -> float:
    """Give the time of the next free slot, as seconds since 1970."""
    furthest = now + BLOCKS_AHEAD * block_seconds
    return row.next_slot if now < row.next_slot <= furthest else now


def pause_left(row: Row, now: float) -> float:
    """Give the seconds for which all processes pause; `now` is seconds since 1970."""
    left = row.paused_until - now
    return left if 0 < left <= LONGEST_WINDOW else 0.0


def read_row(connection: Connection, now: datetime, share: Share) -> Row:
    """Read the state; before the first call, what it will begin with."""
    row = connection.execute(select(budget)).first()
    if row is None:
        today = now.date()
        return Row(
            cycle_start=share.cycle_of(today)[0],
            used=0,
            day=today,
            used_before_day=0,
            next_slot=0.0,
            paused_until=0.0,
            paused_by="rate",
            cycle_refused_at=None,
        )
    return Row(
        cycle_start=row.cycle_start,
        used=row.used,
        day=row.day,
        used_before_day=row.used_before_day,
        next_slot=row.next_slot,
        paused_until=row.paused_until,
        paused_by=row.paused_by,
        cycle_refused_at=row.cycle_refused_at,
    )


def write_row(connection: Connection, row: Row) -> None:
    """Store the state."""
    values = {"id": 1, **asdict(row)}
    statement = insert_into(connection, budget).values(values)
    connection.execute(statement.on_conflict_do_update(index_elements=[budget.c.id], set_=values))
