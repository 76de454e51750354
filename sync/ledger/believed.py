"""Whom the CRM believes to hold something, for the selection of whom to ask."""

from collections.abc import Callable, Mapping, Sequence
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
    gives how many name neither. The next plan lets them be read, one after the other.
    """
    with ledger.transaction() as connection:
        known = _customers_of(connection, [each.holder_id for each in page if each.holder_id])
        who = [(each.customer_id or known.get(each.holder_id or ""), each) for each in page]
        named = [(customer_id, each) for customer_id, each in who if customer_id]
        kept = remembered(connection, list(dict.fromkeys(each for each, _ in named)))
        covered = _covered(connection, kept)
        followed = {customer_id for customer_id, each in named if not covered(customer_id, each)}
        select_customers(
            connection, [each for each in kept if each in followed], {"believed_at": began}
        )
    return len(page) - len(named)


def all_believed(ledger: Ledger, began: datetime) -> None:
    """Take in that the CRM was listed to its end: whom it did not name it does not believe."""
    with ledger.transaction() as connection:
        older = customers.c.believed_at < began
        connection.execute(update(customers).where(older).values(believed_at=None))
        connection.execute(update(project).values(believed_since=began))


def _covered(
    connection: Connection, people: Sequence[CustomerId]
) -> Callable[[CustomerId, BelievedHolder], bool]:
    """Tell what looks at codes follow: by the holder's id or, for want of it, by who and which.

    A record that shows neither may mean anything that its customer holds.
    """
    query = (
        select(holders.c.holder_id, holders.c.customer_id, codes.c.code)
        .join(codes, codes.c.voucher_id == holders.c.voucher_id)
        .where(holders.c.customer_id.in_(people), holders.c.vanished_at.is_(None), is_looked_at())
    )
    rows = connection.execute(query).all()
    ids = {row.holder_id for row in rows}
    pairs = {(row.customer_id, row.code) for row in rows}
    holding = {row.customer_id for row in rows}

    def is_covered(customer_id: CustomerId, told: BelievedHolder) -> bool:
        if told.holder_id:
            return told.holder_id in ids
        return (customer_id, told.code) in pairs if told.code else customer_id in holding

    return is_covered


def _customers_of(
    connection: Connection, holder_ids: Sequence[HolderId]
) -> Mapping[str, CustomerId]:
    query = select(assignments.c.holder_id, assignments.c.customer_id).where(
        assignments.c.holder_id.in_(holder_ids)
    )
    return {row.holder_id: CustomerId(row.customer_id) for row in connection.execute(query)}
