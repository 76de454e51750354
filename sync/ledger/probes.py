"""What was proven about the live API, and what of the ledger can prove it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select

from sync.database import insert_into
from sync.ledger.ledger import Ledger
from sync.ledger.tables import codes, probes, unassignments
from sync.model.probe import Evidence
from sync.model.unassignment import CustomerId, EventId, HolderId, VoucherId

IDS_RISE = "holder_ids_rise"


@dataclass(frozen=True, slots=True)
class Told:
    """An unassignment of the ledger, by its ids and time: something that is known to be there."""

    holder_id: HolderId
    event_id: EventId
    customer_id: CustomerId
    voucher_id: VoucherId
    unassigned_at: datetime


def evidence(ledger: Ledger) -> Mapping[str, Evidence]:
    """Give what was seen, by its subject."""
    with ledger.read_only() as connection:
        rows = connection.execute(select(probes).order_by(probes.c.subject)).all()
    return {
        row.subject: Evidence(row.subject, row.verdict, row.told, row.probed_at) for row in rows
    }


def do_ids_rise(ledger: Ledger) -> bool:
    """Tell that holder ids were seen to rise with time, and never to fall."""
    seen = evidence(ledger).get(IDS_RISE)
    return seen is not None and seen.verdict == "proven"


def store_evidence(ledger: Ledger, seen: Sequence[Evidence]) -> None:
    """Store what was seen; an open question takes no earlier answer away."""
    with ledger.transaction() as connection:
        for each in seen:
            values = {"verdict": each.verdict, "told": each.told, "probed_at": each.at}
            statement = insert_into(connection, probes).values(subject=each.subject, **values)
            key = [probes.c.subject]
            if each.verdict == "open":
                upsert = statement.on_conflict_do_update(
                    index_elements=key, set_=values, where=probes.c.verdict == "open"
                )
            else:
                upsert = statement.on_conflict_do_update(index_elements=key, set_=values)
            connection.execute(upsert)


def newest_told(ledger: Ledger, at_most: int) -> Sequence[Told]:
    """Give the newest unassignments that events told of, one of each customer."""
    query = (
        select(unassignments)
        .where(unassignments.c.event_id.not_like("derived:%"))
        .order_by(unassignments.c.unassigned_at.desc())
        .limit(at_most * 4)
    )
    with ledger.read_only() as connection:
        rows = connection.execute(query).all()
    by_customer = {row.customer_id: row for row in reversed(rows)}
    newest = sorted(by_customer.values(), key=lambda row: row.unassigned_at, reverse=True)
    return [
        Told(
            HolderId(row.holder_id),
            EventId(row.event_id),
            CustomerId(row.customer_id),
            VoucherId(row.voucher_id),
            row.unassigned_at,
        )
        for row in newest[:at_most]
    ]


def held_codes(ledger: Ledger, at_most: int) -> Sequence[VoucherId]:
    """Give the codes that most hold, as far as they were looked at; else any that are known."""
    query = (
        select(codes.c.voucher_id)
        .where(codes.c.gone_at.is_(None))
        .order_by(codes.c.total.desc().nulls_last(), codes.c.voucher_id)
        .limit(at_most)
    )
    with ledger.read_only() as connection:
        return [VoucherId(each) for each in connection.execute(query).scalars()]
