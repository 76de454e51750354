"""People who are to be forgotten: erased, and kept out by a mark that names nobody.

The mark is a hash of the customer's id under a key of this ledger alone: it recognizes an id that
is named again, and can't be compared with another ledger's.
"""

import json
import secrets
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from datetime import datetime
from hashlib import blake2b

from sqlalchemy import ColumnElement, Table, delete, func, insert, or_, select, update
from sqlalchemy.engine import Connection

from sync.errors import NotNowError, TellUserError
from sync.ledger.changes import forget_changes
from sync.ledger.ledger import Ledger
from sync.ledger.mentions import Person, without
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
    holders,
    inbox,
    project,
    unassignments,
)
from sync.ledger.told import told
from sync.model.delivery import Status
from sync.model.unassignment import CustomerId

OF_A_CUSTOMER = (
    assignments,
    backfill_customers,
    bookmarks,
    customers,
    hints,
    holders,
    inbox,
)
"""Tables whose rows go with their customer; what hangs together by holder goes before."""


@dataclass(frozen=True, slots=True)
class Erased:
    """What was erased of one person; `pending` are deliveries that will not be made.

    `was_known` tells whether there was anything to erase.
    """

    unassignments: int
    letters: int
    pending: int
    was_known: bool = True


def remembered(connection: Connection, customer_ids: Sequence[CustomerId]) -> Sequence[CustomerId]:
    """Give those who are not forgotten, in the same order."""
    key = connection.execute(select(project.c.forget_key)).scalar()
    if key is None or not customer_ids:
        return customer_ids
    # A person may have named somebody by the merchant's own id.
    marks = {each: {_mark(key, each), _source_mark(key, each)} for each in customer_ids}
    query = select(forgotten.c.mark).where(forgotten.c.mark.in_(set().union(*marks.values())))
    gone = set(connection.execute(query).scalars())
    return [each for each in customer_ids if not marks[each] & gone]


def is_forgotten(connection: Connection, customer_id: CustomerId) -> bool:
    """Tell whether a customer was to be forgotten."""
    return not remembered(connection, [customer_id])


def without_forgotten(connection: Connection, evidence: str) -> str | None:
    """Give an event's JSON without those who were to be forgotten, as `without` does."""
    key = connection.execute(select(project.c.forget_key)).scalar()
    if key is None:
        return evidence
    marks = set(connection.execute(select(forgotten.c.mark)).scalars())
    person = Person(
        has_id=lambda text: _mark(key, text) in marks,
        has_source_id=lambda text: _source_mark(key, text) in marks,
    )
    return without(evidence, person)


def forget(ledger: Ledger, customer_id: CustomerId, now: datetime, *, drop_pending: bool) -> Erased:
    """Erase one person from the ledger, for good.

    On SQLite nothing of it stays in the file. A server keeps what it deleted until it needs the
    room, and so do its log, its replicas and all backups.

    Raises:
        NotNowError: another program reads the file or a copy, so that not all could be cleared.
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
        sources = _sources(connection, customer_id)
        erased = replace(_erase(connection, customer_id, sources), pending=pending)
        _remember_the_marks(connection, customer_id, sources, now)
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


def _sources(connection: Connection, customer_id: CustomerId) -> frozenset[str]:
    """Give the merchant's own ids of this person: a file may have named one of them."""
    theirs = unassignments.c.customer_id == customer_id
    sources = connection.execute(select(unassignments.c.source_id).where(theirs)).scalars()
    return frozenset(filter(None, sources))


def _erase(connection: Connection, customer_id: CustomerId, sources: frozenset[str]) -> Erased:
    theirs = _holders(customer_id)
    names = {customer_id, *sources}
    about = or_(dead_letters.c.customer_id.in_(names), dead_letters.c.holder_id.in_(theirs))
    letters = _delete(connection, dead_letters, about)
    forget_changes(connection, theirs)
    _delete(connection, deliveries, deliveries.c.holder_id.in_(theirs))
    facts = _delete(connection, unassignments, unassignments.c.customer_id == customer_id)
    rows = [_delete(connection, each, each.c.customer_id.in_(names)) for each in OF_A_CUSTOMER]
    person = Person(lambda text: text == customer_id, lambda text: text in sources)
    mentions = sum(_clear_from_the_events_of_others(connection, each, person) for each in names)
    return Erased(facts, letters, 0, was_known=bool(facts or letters or any(rows) or mentions))


def _clear_from_the_events_of_others(connection: Connection, name: str, person: Person) -> int:
    # Which letters may name this person; a database may not tell the case of letters apart.
    as_written = json.dumps(name)[1:-1]
    may_name = dead_letters.c.evidence.contains(as_written, autoescape=True)
    query = select(dead_letters.c.id, dead_letters.c.evidence).where(may_name)
    found = [(each.id, each.evidence) for each in connection.execute(query)]
    left = [(number, evidence, without(evidence, person)) for number, evidence in found]
    changed = [(number, after) for number, before, after in left if after != before]
    for number, after in changed:
        mine = update(dead_letters).where(dead_letters.c.id == number)
        connection.execute(mine.values(evidence=after))
    return len(changed)


def _holders(customer_id: CustomerId) -> ColumnElement[str]:
    query = select(unassignments.c.holder_id).where(unassignments.c.customer_id == customer_id)
    return query.scalar_subquery()


def _delete(connection: Connection, table: Table, which: ColumnElement[bool]) -> int:
    return connection.execute(delete(table).where(which)).rowcount


def _remember_the_marks(
    connection: Connection, customer_id: CustomerId, sources: frozenset[str], now: datetime
) -> None:
    key = connection.execute(select(project.c.forget_key)).scalar()
    if key is None:
        key = secrets.token_hex(32)
        if not connection.execute(update(project).values(forget_key=key)).rowcount:
            msg = "the ledger is of no project yet: let holdersync run once, then say it again"
            raise TellUserError(msg)
    marks = [_mark(key, customer_id), *(_source_mark(key, each) for each in sources)]
    connection.execute(delete(forgotten).where(forgotten.c.mark.in_(marks)))
    connection.execute(insert(forgotten), [{"mark": mark, "forgotten_at": now} for mark in marks])


def _mark(key: str, customer_id: str) -> str:
    # Half of a surrogate pair is no id, but a text in somebody's event may hold one.
    text = customer_id.encode(errors="surrogatepass")
    return blake2b(text, key=bytes.fromhex(key), digest_size=32).hexdigest()


def _source_mark(key: str, source_id: str) -> str:
    return _mark(key, f"source_id {source_id}")


def _clear_what_was_erased(ledger: Ledger) -> None:
    """Write the file anew: a page may hold old copies of rows that were moved within it."""
    is_copied = clear_left_behind()
    if ledger.engine.dialect.name == "sqlite":
        _clear_the_file(ledger)
    if is_copied:
        msg = (
            "the person is erased, but a dry run, or another command that looks at a copy of a "
            "ledger, is at work, and its copy may hold them: run the same command again"
        )
        raise NotNowError(msg)


def _clear_the_file(ledger: Ledger) -> None:
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
