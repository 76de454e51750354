"""Whom the CRM believes to hold something, for the selection of whom to ask."""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import select, update

from sync.ledger.forgotten import remembered
from sync.ledger.ledger import Ledger
from sync.ledger.people import select_customers
from sync.ledger.planning import is_looked_at
from sync.ledger.tables import codes, customers, holders, project
from sync.model.believed import BelievedHolder


def believed_since(ledger: Ledger) -> datetime | None:
    """Give when the CRM was last listed to its end; None if it never was."""
    with ledger.read_only() as connection:
        return connection.execute(select(project.c.believed_since)).scalar()


def store_believed(ledger: Ledger, page: Sequence[BelievedHolder], began: datetime) -> int:
    """Let those be followed whom no look at a code follows.

    Gives how many records name no customer of Voucherify's.
    """
    named = [each.customer_id for each in page if each.customer_id]
    with ledger.transaction() as connection:
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
