"""Whom the CRM believes to hold something, for the selection of whom to ask."""

from collections.abc import Mapping, Sequence
from datetime import datetime

from sqlalchemy import select, update
from sqlalchemy.engine import Connection

from sync.ledger.forgotten import remembered
from sync.ledger.ledger import Ledger
from sync.ledger.people import select_customers
from sync.ledger.planning import is_looked_at
from sync.ledger.tables import assignments, codes, customers, holders, project
from sync.model.believed import BelievedHolder
from sync.model.unassignment import CustomerId, HolderId


def believed_since(ledger: Ledger) -> datetime | None:
    """Give when the CRM was last listed to its end; None if it never was."""
    with ledger.read_only() as connection:
        return connection.execute(select(project.c.believed_since)).scalar()


def store_believed(ledger: Ledger, page: Sequence[BelievedHolder], began: datetime) -> int:
    """Let those be followed whom no look at a code follows.

    A record that names no customer of Voucherify's may name an assignment whose customer is known;
    gives how many name neither.
    """
    with ledger.transaction() as connection:
        known = _customers_of(connection, [each.holder_id for each in page if each.holder_id])
        who = [each.customer_id or known.get(each.holder_id or "") for each in page]
        named = [each for each in who if each]
        kept = remembered(connection, list(dict.fromkeys(named)))
        covered = set(
            connection.execute(
                select(holders.c.customer_id)
                .join(codes, codes.c.voucher_id == holders.c.voucher_id)
                .where(
                    holders.c.customer_id.in_(kept),
                    holders.c.vanished_at.is_(None),
                    is_looked_at(),
                )
            ).scalars()
        )
        followed = [each for each in kept if each not in covered]
        select_customers(connection, followed, {"believed_at": began, "seen": True})
    return len(page) - len(named)


def all_believed(ledger: Ledger, began: datetime) -> None:
    """Take in that the CRM was listed to its end: whom it did not name it does not believe."""
    with ledger.transaction() as connection:
        older = customers.c.believed_at < began
        connection.execute(update(customers).where(older).values(believed_at=None))
        connection.execute(update(project).values(believed_since=began))


def _customers_of(
    connection: Connection, holder_ids: Sequence[HolderId]
) -> Mapping[str, CustomerId]:
    query = select(assignments.c.holder_id, assignments.c.customer_id).where(
        assignments.c.holder_id.in_(holder_ids)
    )
    return {row.holder_id: CustomerId(row.customer_id) for row in connection.execute(query)}
