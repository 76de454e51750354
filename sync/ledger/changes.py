"""What deliveries changed in a CRM, kept for an undo and for nothing else.

It is a person's data: it is not logged, not copied for a dry run, goes after `KEPT` and with the
person who is to be forgotten.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, and_, delete, func, insert, select, update
from sqlalchemy.engine import Connection

from sync.ledger.ledger import Ledger
from sync.ledger.tables import changes, deliveries, unassignments
from sync.model.change import Change, Undone
from sync.model.delivery import Settlement
from sync.model.outcome import Result
from sync.model.unassignment import EventId, HolderId

KEPT = timedelta(days=30)
"""How long a change is kept: a month in which a mistake is noticed, and no longer than that."""
WRITTEN_BACK = frozenset({Undone.RESTORED, Undone.ALREADY_RESTORED})
AT_ONCE = 500
"""Values per statement: databases bound them."""


@dataclass(frozen=True, slots=True)
class KeptChange:
    """One change that a run made; `undone_at` is when it was written back.

    `ended_again`: a later event ended the same assignment once more, so it is not as it was then.
    """

    number: int
    holder_id: HolderId
    changed_at: datetime
    undone_at: datetime | None
    ended_again: bool
    change: Change = field(repr=False)


@dataclass(frozen=True, slots=True)
class LaterChange:
    """A change that another run made after the one that is looked at, and that still stands."""

    number: int
    run_id: str
    change: Change = field(repr=False)


def keep(
    connection: Connection,
    settlements: Sequence[Settlement],
    *,
    destination: str,
    run_id: str,
    given: Mapping[HolderId, EventId],
    now: datetime,
) -> None:
    """Store what the settled deliveries changed; `given` is the event that each was told of.

    Also if a later event opened the delivery again meanwhile: the CRM was changed all the same.
    """
    for each in settlements:
        change = each.outcome.change
        if change is None or each.outcome.result is not Result.REMOVED:
            continue
        known = select(unassignments.c.event_id).where(unassignments.c.holder_id == each.holder_id)
        values = {
            "destination": destination,
            "run_id": run_id,
            "holder_id": each.holder_id,
            "event_id": given.get(each.holder_id) or known.scalar_subquery(),
            "record_id": change.record_id,
            "before": json.dumps(dict(change.before)),
            "after": json.dumps(dict(change.after)),
            "changed_at": now,
        }
        connection.execute(insert(changes).values(values))


def drop_old(connection: Connection, now: datetime) -> None:
    """Erase what was kept long enough; what a wrong clock dated ahead is from now."""
    connection.execute(delete(changes).where(changes.c.changed_at < now - KEPT))
    connection.execute(update(changes).where(changes.c.changed_at > now).values(changed_at=now))


def drop_old_now(ledger: Ledger, now: datetime) -> None:
    """Do the same by itself, where no run begins."""
    with ledger.transaction() as connection:
        drop_old(connection, now)


def drop_all(ledger: Ledger) -> None:
    """Erase all, in a copy that has no use for them."""
    with ledger.transaction() as connection:
        connection.execute(delete(changes))


def forget_changes(connection: Connection, holders: ColumnElement[str]) -> None:
    """Erase what was changed for these holder ids, and all else of the same records of the CRM.

    What somebody else's unassignment changed in a record shows the same fields of the same person.
    """
    mine = changes.alias()
    same_record = and_(
        changes.c.destination == mine.c.destination, changes.c.record_id == mine.c.record_id
    )
    of_the_person = select(mine.c.number).where(same_record, mine.c.holder_id.in_(holders)).exists()
    connection.execute(delete(changes).where(of_the_person))


def changes_of(ledger: Ledger, run_id: str, now: datetime) -> tuple[KeptChange, ...]:
    """Give what a run changed and is still kept, newest first."""
    same = changes.c.holder_id == unassignments.c.holder_id
    query = (
        select(changes, unassignments.c.event_id.label("newest_event"))
        .select_from(changes.outerjoin(unassignments, same))
        .where(changes.c.run_id == run_id, changes.c.changed_at >= now - KEPT)
        .order_by(changes.c.number.desc())
    )
    with ledger.read_only() as connection:
        return tuple(_kept(row) for row in connection.execute(query))


def later_changes(ledger: Ledger, run_id: str) -> tuple[LaterChange, ...]:
    """Give what other runs changed after this one in the same records, and that still stands."""
    mine = changes.alias()
    after_mine = and_(
        mine.c.run_id == run_id,
        mine.c.destination == changes.c.destination,
        mine.c.record_id == changes.c.record_id,
        mine.c.number < changes.c.number,
    )
    query = (
        select(changes.c.number, changes.c.run_id, *_CHANGE)
        .where(select(mine.c.number).where(after_mine).exists())
        .where(changes.c.run_id != run_id, changes.c.undone_at.is_(None))
        .order_by(changes.c.number)
    )
    with ledger.read_only() as connection:
        return tuple(
            LaterChange(row.number, row.run_id, _change(row)) for row in connection.execute(query)
        )


def count_unknown(ledger: Ledger, run_id: str) -> int:
    """Count what a run removed without anybody knowing, now, what it changed."""
    kept = select(changes.c.holder_id).where(changes.c.run_id == run_id)
    removed = (
        select(func.count())
        .where(deliveries.c.run_id == run_id, deliveries.c.outcome == Result.REMOVED.value)
        .where(deliveries.c.holder_id.not_in(kept))
    )
    with ledger.read_only() as connection:
        return connection.execute(removed).scalar_one()


def store_undone(ledger: Ledger, results: Mapping[int, Undone], now: datetime) -> None:
    """Store what became of changes, by number; what is written back is not asked about again."""
    by_result: dict[Undone, list[int]] = {}
    for number, result in results.items():
        by_result.setdefault(result, []).append(number)
    with ledger.transaction() as connection:
        for result, numbers in by_result.items():
            values = {"undo_result": result.value}
            at = {"undone_at": now} if result in WRITTEN_BACK else {}
            for start in range(0, len(numbers), AT_ONCE):
                these = changes.c.number.in_(numbers[start : start + AT_ONCE])
                connection.execute(update(changes).where(these).values(values | at))


_CHANGE = (changes.c.record_id, changes.c.before, changes.c.after)


def _kept(row: Any) -> KeptChange:  # noqa: ANN401  # rows are typed by position only
    return KeptChange(
        number=row.number,
        holder_id=HolderId(row.holder_id),
        changed_at=row.changed_at,
        undone_at=row.undone_at,
        ended_again=row.newest_event is not None and row.newest_event != row.event_id,
        change=_change(row),
    )


def _change(row: Any) -> Change:  # noqa: ANN401  # the same
    return Change(row.record_id, json.loads(row.before), json.loads(row.after))
