"""Dead letters: listed until a person retries or discards them, never deleted."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from sqlalchemy import and_, func, select, update
from sqlalchemy.engine import Connection

from sync.ledger.findings import store_findings
from sync.ledger.ledger import Ledger
from sync.ledger.personal import forget_personal_fields
from sync.ledger.tables import dead_letters, deliveries, unassignments
from sync.model.delivery import Status
from sync.model.event import Finding
from sync.model.unassignment import CustomerId

LetterKind = Literal["event", "customer", "delivery", "holder", "code"]
OPEN = dead_letters.c.status == "open"
AT_ONCE = 1_000
"""Letters per statement: databases bound the values of one, SQLite to 32,766."""


@dataclass(frozen=True, slots=True)
class Letter:
    """One dead letter; `evidence` is the event's JSON, for letters about events."""

    number: int
    key: str
    kind: LetterKind
    reason: str
    customer_id: str | None
    holder_id: str | None
    event_id: str | None
    destination: str | None
    code: str | None
    found_at: datetime
    found_by: str
    evidence: str | None


def open_letters(ledger: Ledger, numbers: Iterable[int] | None = None) -> Sequence[Letter]:
    """Give the open letters, oldest first; only those of `numbers` if given."""
    same = unassignments.c.holder_id == dead_letters.c.holder_id
    query = (
        select(dead_letters, unassignments.c.code)
        .select_from(dead_letters.outerjoin(unassignments, same))
        .where(OPEN)
        .order_by(dead_letters.c.id)
    )
    if numbers is not None:
        query = query.where(dead_letters.c.id.in_(list(numbers)))
    with ledger.read_only() as connection:
        return [_letter(row) for row in connection.execute(query)]


def count_open(ledger: Ledger) -> int:
    """Count the letters that wait for a person."""
    with ledger.read_only() as connection:
        return connection.execute(
            select(func.count()).select_from(dead_letters).where(OPEN)
        ).scalar_one()


def discard(ledger: Ledger, numbers: Sequence[int], now: datetime) -> int:
    """Close letters for good; what they are about will not be delivered. Gives their number.

    Personal data that only a retry would have needed goes with it.
    """
    count = 0
    with ledger.transaction() as connection:
        for start in range(0, len(numbers), AT_ONCE):
            these = dead_letters.c.id.in_(numbers[start : start + AT_ONCE])
            closed = update(dead_letters).where(OPEN, these)
            closed = closed.values(status="discarded", closed_at=now, evidence=None)
            rows = connection.execute(closed.returning(dead_letters.c.holder_id)).all()
            forget_personal_fields(connection, [row.holder_id for row in rows if row.holder_id])
            count += len(rows)
    return count


def accept_event(
    ledger: Ledger,
    letter: Letter,
    findings: Sequence[Finding],
    run_id: str,
    now: datetime,
    *,
    still_open: str | None = None,
) -> bool:
    """Store what a letter tells now, and close it unless a reason keeps it open.

    The event itself goes out of a closed letter: it may hold personal data, and is not needed.
    Tells whether the letter was still open; if it was not, nothing is stored.
    """
    asked = CustomerId(letter.customer_id) if letter.customer_id else None
    mine = update(dead_letters).where(dead_letters.c.id == letter.number)
    with ledger.transaction() as connection:
        if not _is_open(connection, letter):
            return False
        store_findings(connection, findings, asked=asked, run_id=run_id, now=now)
        if still_open is None:
            connection.execute(mine.values(status="retried", closed_at=now, evidence=None))
        else:
            connection.execute(mine.values(reason=still_open))
        return True


def change_reason(ledger: Ledger, letter: Letter, reason: str) -> None:
    """Say what is wrong today with an event that still can't be understood."""
    with ledger.transaction() as connection:
        mine = update(dead_letters).where(OPEN, dead_letters.c.id == letter.number)
        connection.execute(mine.values(reason=reason))


def revive_delivery(ledger: Ledger, letter: Letter, now: datetime) -> bool:
    """Make a dead delivery pending again, with its attempts counted from the start.

    Tells whether the letter was still open; if it was not, nothing is changed.
    """
    with ledger.transaction() as connection:
        if not _is_open(connection, letter):
            return False
        dead = and_(
            deliveries.c.destination == letter.destination,
            deliveries.c.holder_id == letter.holder_id,
            deliveries.c.status == Status.DEAD,
        )
        connection.execute(
            update(deliveries)
            .where(dead)
            .values(status=Status.PENDING, attempts=0, next_attempt_at=None, finished_at=None)
        )
        closed = update(dead_letters).where(dead_letters.c.id == letter.number)
        connection.execute(closed.values(status="retried", closed_at=now))
        return True


def _is_open(connection: Connection, letter: Letter) -> bool:
    # Since it was listed, a person may have discarded it, or have had its customer forgotten.
    mine = select(dead_letters.c.id).where(OPEN, dead_letters.c.id == letter.number)
    return connection.execute(mine).first() is not None


def _letter(row: Any) -> Letter:  # noqa: ANN401  # rows are typed by position only
    return Letter(
        number=row.id,
        key=row.key,
        kind=row.kind,
        reason=row.reason,
        customer_id=row.customer_id,
        holder_id=row.holder_id,
        event_id=row.event_id,
        destination=row.destination,
        code=row.code,
        found_at=row.found_at,
        found_by=row.found_by,
        evidence=row.evidence,
    )
