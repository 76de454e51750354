"""Hints: an event in one customer's list that tells of another customer's unassignment.

A hint is followed once, by a read of the other one that reaches back to the event, however far the
cursor is beyond it (what lies before the horizon is a backfill's). That read is this run's, or, for
whom this run had read before it met the hint, or was reading, the first of the next run: so nobody
is asked twice in one run. What that read doesn't find may be listed late, so there is one more a
lookback later, and then what a list doesn't tell is not asked for again and again. Nothing gets
lost by that: what happened after somebody was read lies behind the cursor, for the next read to
find.
"""

from datetime import UTC, datetime, timedelta

from sqlalchemy import Column, ColumnElement, and_, case, exists, func, literal, null, select
from sqlalchemy.engine import Connection

from sync.database import insert_into
from sync.ledger.tables import customers, hints, holders, project, unassignments
from sync.model.event import Hint
from sync.model.unassignment import CustomerId

EVER = datetime(1970, 1, 1, tzinfo=UTC)
"""Before any hint: an index serves what is later than this, and not what is not null."""
LAST = datetime.max.replace(tzinfo=UTC)
AHEAD = timedelta(days=1)
"""Longer than a read takes; what a hint dates further ahead was dated by a wrong clock."""


def is_news(connection: Connection, hint: Hint) -> bool:
    """Tell whether the unassignment that a hint speaks of is still to be found."""
    known = select(unassignments.c.number).where(
        unassignments.c.holder_id == hint.holder_id, unassignments.c.unassigned_at >= hint.at
    )
    return connection.execute(known).first() is None


def take_up(
    connection: Connection, hint: Hint, run_id: str | None = None, *, again: bool = False
) -> None:
    """Let whom a hint names be asked, unless it is no news or was taken up before.

    `run_id` takes that customer into this run, unless it has read that customer already. `again`
    says that something else tells of it now: what an earlier hint led to may have come too soon.
    """
    if not is_news(connection, hint):
        return
    if not _is_first_seen(connection, hint) and not again:
        return
    known = customers.c.hinted_at
    oldest = case((known < hint.at, known), else_=literal(hint.at, known.type))
    # Whatever failed before: this is news, and worth a call.
    marks: dict[str, object] = {"hinted_at": oldest, "failures": 0}
    values: dict[str, object] = {"hinted_at": hint.at}
    if run_id is not None:
        values["selected_by"] = run_id
        marks["selected_by"] = case((customers.c.read_by == run_id, null()), else_=run_id)
    statement = insert_into(connection, customers).values(customer_id=hint.customer_id, **values)
    key = [customers.c.customer_id]
    connection.execute(statement.on_conflict_do_update(index_elements=key, set_=marks))


def is_awaited(
    connection: Connection,
    customer_id: CustomerId,
    began: datetime,
    lookback: timedelta,
    now: datetime,
) -> bool:
    """Tell that news of a customer's unassignment, still unfound, is no older than a lookback.

    Lists of events may show it late, so that a read that `began` right after the news may have come
    too soon. What hints tell is dated by Voucherify, and who vanished by our own clock: `now`.
    """
    since = max(began, EVER + lookback) - lookback
    told = select(hints.c.holder_id).where(_is_told(customer_id, since, began))
    vanished = select(holders.c.holder_id).where(
        holders.c.customer_id == customer_id,
        holders.c.vanished_at >= now - lookback,
        ~_is_found(holders.c.holder_id),
    )
    return connection.execute(told.union_all(vanished).limit(1)).first() is not None


def still_hinted(
    customer_id: CustomerId, start: datetime, began: datetime, *, resumed: bool
) -> ColumnElement[datetime]:
    """Give what `customers.hinted_at` becomes after a read from `start` on that `began` at a time.

    A hint that was stored while that read was under way may tell of what it was too early for. One
    that was `resumed` is held for too early for whoever vanished: our own clock dates them.
    """
    horizon = select(project.c.horizon).scalar_subquery()
    missed = and_(customers.c.hinted_at < start, customers.c.hinted_at >= horizon)
    if resumed:
        missed |= exists().where(
            holders.c.customer_id == customer_id,
            holders.c.vanished_at.is_not(None),
            ~_is_found(holders.c.holder_id),
        )
    later = select(func.min(hints.c.at)).where(_is_told(customer_id, began, began))
    # What was told of somebody while they seemed to be deleted was looked for by no read.
    untold = select(func.min(hints.c.at)).where(
        hints.c.customer_id == customer_id,
        hints.c.at.between(horizon, start),
        ~_is_found(hints.c.holder_id),
    )
    return case(
        (missed, customers.c.hinted_at),
        (
            customers.c.gone_at.is_not(None),
            func.coalesce(untold.scalar_subquery(), later.scalar_subquery()),
        ),
        else_=later.scalar_subquery(),
    )


def _is_told(customer_id: CustomerId, since: datetime, began: datetime) -> ColumnElement[bool]:
    """Tell which hints at a customer are dated since a time and are still unfound.

    Those that a clock dated that is ahead are none, nor are those of whoever vanished.
    """
    vanished = exists().where(
        holders.c.holder_id == hints.c.holder_id, holders.c.vanished_at.is_not(None)
    )
    return and_(
        hints.c.customer_id == customer_id,
        hints.c.at.between(since, min(began, LAST - AHEAD) + AHEAD),
        ~vanished,
        ~_is_found(hints.c.holder_id),
    )


def _is_found(holder_id: Column[str]) -> ColumnElement[bool]:
    return exists().where(unassignments.c.holder_id == holder_id)


def _is_first_seen(connection: Connection, hint: Hint) -> bool:
    # The same holder may be unassigned once more: that is another hint.
    values = {"customer_id": hint.customer_id, "at": hint.at}
    statement = insert_into(connection, hints).values(holder_id=hint.holder_id, **values)
    upsert = statement.on_conflict_do_update(
        index_elements=[hints.c.holder_id], set_=values, where=hints.c.at < hint.at
    )
    return connection.execute(upsert.returning(hints.c.holder_id)).first() is not None
