"""People who are to be forgotten: erased, and kept out by a mark that names nobody.

The mark is a hash of the customer's id under a key of this ledger alone: it recognizes an id that
is named again, and can't be compared with another ledger's.
"""

import json
import secrets
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass
from datetime import datetime
from hashlib import blake2b

from sqlalchemy import ColumnElement, Table, delete, func, insert, or_, select, update
from sqlalchemy.engine import Connection

from sync.errors import NotNowError, TellUserError
from sync.ledger.ledger import Ledger
from sync.ledger.mentions import without
from sync.ledger.queued import not_queued
from sync.ledger.scratch import clear_left_behind
from sync.ledger.tables import (
    assignments,
    backfill_customers,
    bookmarks,
    customers,
    dead_letters,
    deliveries,
    forgotten,
    hints,
    project,
    unassignments,
)
from sync.ledger.told import told
from sync.model.delivery import Status
from sync.model.unassignment import CustomerId

OF_A_CUSTOMER = (assignments, backfill_customers, bookmarks, customers, hints)
"""Tables whose rows go with their customer; what hangs together by holder goes before."""


@dataclass(frozen=True, slots=True)
class Erased:
    """What was erased of one person; `pending` are deliveries that will not be made."""

    unassignments: int
    letters: int
    pending: int


def remembered(connection: Connection, customer_ids: Sequence[CustomerId]) -> Sequence[CustomerId]:
    """Give those who are not forgotten, in the same order."""
    key = connection.execute(select(project.c.forget_key)).scalar()
    if key is None or not customer_ids:
        return customer_ids
    marks = {each: _mark(key, each) for each in customer_ids}
    query = select(forgotten.c.mark).where(forgotten.c.mark.in_(set(marks.values())))
    gone = set(connection.execute(query).scalars())
    return [each for each in customer_ids if marks[each] not in gone]


def is_forgotten(connection: Connection, customer_id: CustomerId) -> bool:
    """Tell whether a customer was to be forgotten."""
    return not remembered(connection, [customer_id])


def without_forgotten(connection: Connection, evidence: str) -> str | None:
    """Give an event's JSON without those who were to be forgotten, as `without` does."""
    key = connection.execute(select(project.c.forget_key)).scalar()
    if key is None:
        return evidence
    marks = set(connection.execute(select(forgotten.c.mark)).scalars())
    return without(evidence, lambda text: _mark(key, text) in marks)


def forget(ledger: Ledger, customer_id: CustomerId, now: datetime, *, drop_pending: bool) -> Erased:
    """Erase one person from the ledger, for good.

    On SQLite nothing of it stays in the file. A server keeps what it deleted until it needs the
    room, and so do its log, its replicas and all backups.

    Raises:
        NotNowError: another program reads the file, so that it can't be cleared now.
        TellUserError: deliveries of this person are pending, and may not be dropped.
    """
    with ledger.transaction() as connection:
        pending = _pending(connection, customer_id)
        if pending and not drop_pending:
            msg = (
                f"{pending} deliveries of this customer are pending: let holdersync run make them, "
                "or give --drop-pending, and the CRM will not hear of them"
            )
            raise TellUserError(msg)
        names = _names(connection, customer_id)
        erased = Erased(*_erase(connection, customer_id, names), pending)
        _remember_the_marks(connection, names, now)
    _clear_what_was_erased(ledger)
    return erased


def _pending(connection: Connection, customer_id: CustomerId) -> int:
    waiting = deliveries.c.status == Status.PENDING
    theirs = _holders(customer_id)
    queued = select(func.count()).where(waiting, deliveries.c.holder_id.in_(theirs))
    to_come = not_queued().where(unassignments.c.customer_id == customer_id).subquery()
    return (
        connection.execute(queued).scalar_one()
        + connection.execute(select(func.count()).select_from(to_come)).scalar_one()
    )


def _names(connection: Connection, customer_id: CustomerId) -> frozenset[str]:
    """Give the ids under which this person may have been asked: a file may name a `source_id`."""
    theirs = unassignments.c.customer_id == customer_id
    sources = connection.execute(select(unassignments.c.source_id).where(theirs)).scalars()
    return frozenset({customer_id, *filter(None, sources)})


def _erase(
    connection: Connection, customer_id: CustomerId, names: frozenset[str]
) -> tuple[int, int]:
    theirs = _holders(customer_id)
    about = or_(dead_letters.c.customer_id.in_(names), dead_letters.c.holder_id.in_(theirs))
    letters = _delete(connection, dead_letters, about)
    _delete(connection, deliveries, deliveries.c.holder_id.in_(theirs))
    facts = _delete(connection, unassignments, unassignments.c.customer_id == customer_id)
    for table in OF_A_CUSTOMER:
        _delete(connection, table, table.c.customer_id.in_(names))
    for name in names:
        _clear_from_the_events_of_others(connection, name)
    return facts, letters


def _clear_from_the_events_of_others(connection: Connection, name: str) -> None:
    # Which letters may name this person; a database may not tell the case of letters apart.
    as_written = json.dumps(name)[1:-1]
    may_name = dead_letters.c.evidence.contains(as_written, autoescape=True)
    query = select(dead_letters.c.id, dead_letters.c.evidence).where(may_name)
    for number, evidence in connection.execute(query).all():
        left = without(evidence, lambda text: text == name)
        mine = update(dead_letters).where(dead_letters.c.id == number)
        connection.execute(mine.values(evidence=left))


def _holders(customer_id: CustomerId) -> ColumnElement[str]:
    query = select(unassignments.c.holder_id).where(unassignments.c.customer_id == customer_id)
    return query.scalar_subquery()


def _delete(connection: Connection, table: Table, which: ColumnElement[bool]) -> int:
    return connection.execute(delete(table).where(which)).rowcount


def _remember_the_marks(connection: Connection, names: frozenset[str], now: datetime) -> None:
    key = connection.execute(select(project.c.forget_key)).scalar()
    if key is None:
        key = secrets.token_hex(32)
        if not connection.execute(update(project).values(forget_key=key)).rowcount:
            msg = "the ledger is of no project yet: let holdersync run once, then say it again"
            raise TellUserError(msg)
    marks = [_mark(key, name) for name in names]
    connection.execute(delete(forgotten).where(forgotten.c.mark.in_(marks)))
    connection.execute(insert(forgotten), [{"mark": mark, "forgotten_at": now} for mark in marks])


def _mark(key: str, customer_id: str) -> str:
    # Half of a surrogate pair is no id, but a text in somebody's event may hold one.
    text = customer_id.encode(errors="surrogatepass")
    return blake2b(text, key=bytes.fromhex(key), digest_size=32).hexdigest()


def _clear_what_was_erased(ledger: Ledger) -> None:
    """Write the file anew: a page may hold old copies of rows that were moved within it."""
    clear_left_behind()
    if ledger.engine.dialect.name != "sqlite":
        return
    with told(ledger.where), closing(ledger.engine.raw_connection()) as connection:
        cursor = connection.cursor()
        cursor.execute("VACUUM")
        cursor.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        is_busy = (cursor.fetchone() or (1,))[0]
    if is_busy:
        msg = (
            f"the person is erased, but another program reads the ledger {ledger.where}, so old "
            "pages may still be in its -wal file: run the same command again"
        )
        raise NotNowError(msg)
