"""The table `voucher_assignments` and the statements on it, for any database of SQLAlchemy's.

Each function takes a connection and does one thing; who begins and ends the transaction decides
what is one step.
"""

from collections.abc import Mapping, Sequence

import sqlalchemy as sa
from sqlalchemy import exc

from sync.crm.adapter import (
    BelievedHolder,
    Change,
    CustomerId,
    Fields,
    HolderId,
    TellUserError,
    Unassignment,
)
from sync.database import PlainText, UtcDateTime, UtcText, iso, plain

ASSIGNED = "assigned"
UNASSIGNED = "unassigned"


class _Id(PlainText):
    """A text of the database's own alphabet, of bounded length."""

    impl = sa.String
    cache_ok = True


class _Name(PlainText):
    """The same in any alphabet, where a database has a type of its own for that."""

    impl = sa.Unicode
    cache_ok = True


metadata = sa.MetaData()
voucher_assignments = sa.Table(
    "voucher_assignments",
    metadata,
    sa.Column("holder_id", _Id(255), primary_key=True),
    sa.Column("customer_id", _Id(255)),
    sa.Column("source_id", _Name(255)),
    sa.Column("voucher_id", _Id(255)),
    sa.Column("voucher_code", _Name(255)),
    sa.Column("campaign_id", _Id(255)),
    sa.Column("campaign_name", _Name(255)),
    sa.Column("status", sa.String(16), nullable=False),
    sa.Column("assigned_at", UtcDateTime),
    sa.Column("unassigned_at", UtcDateTime),
    sa.Column("unassigned_event_id", _Id(255)),
    sa.CheckConstraint(
        f"status IN ('{ASSIGNED}', '{UNASSIGNED}')", name="voucher_assignments_status"
    ),
)
"""What the CRM believes: one row per assignment."""

_ROW = voucher_assignments.c
_END: Mapping[str, sa.ColumnElement[str]] = {
    "status": _ROW.status,
    "unassigned_at": sa.type_coerce(_ROW.unassigned_at, UtcText()),
    "unassigned_event_id": _ROW.unassigned_event_id,
}
ENDED_BY = tuple(_END)
"""The columns that `end_assignment` writes."""


class RaceLostError(Exception):
    """Another writer changed the row between our reading and our writing."""


def table_exists(connection: sa.Connection) -> bool:
    """Tell whether the table is there.

    Raises:
        TellUserError: it is, and lacks columns; names them.
    """
    try:
        columns = sa.inspect(connection).get_columns(voucher_assignments.name)
    except exc.NoSuchTableError:
        return False
    there = {column["name"] for column in columns}
    missing = [column.name for column in voucher_assignments.columns if column.name not in there]
    if missing:
        msg = (
            f"the table {voucher_assignments.name} of CRM_SQL_URL lacks {', '.join(missing)}: "
            "add the columns, or name a database in which the table can be made"
        )
        raise TellUserError(msg)
    return True


def read_assigned(
    connection: sa.Connection, after: str | None, at_most: int
) -> Sequence[BelievedHolder]:
    """Read the next rows that are not ended, behind one, by their holder's id."""
    query = sa.select(_ROW.holder_id, _ROW.customer_id, _ROW.voucher_code).where(
        _ROW.status == ASSIGNED
    )
    if after is not None:
        query = query.where(_ROW.holder_id > after)
    rows = connection.execute(query.order_by(_ROW.holder_id).limit(at_most)).all()
    return [
        BelievedHolder(
            row.holder_id,
            CustomerId(row.customer_id) if row.customer_id else None,
            HolderId(row.holder_id),
            row.voucher_code,
        )
        for row in rows
    ]


def try_rights(connection: sa.Connection) -> None:
    """Prove the rights to read, update and insert with statements that concern no row."""
    nothing = sa.select(voucher_assignments).where(sa.false())
    connection.execute(nothing)
    connection.execute(sa.update(voucher_assignments).where(sa.false()).values(status=_ROW.status))
    connection.execute(
        sa.insert(voucher_assignments).from_select(list(voucher_assignments.columns), nothing)
    )


def read_rows(connection: sa.Connection, holder_ids: Sequence[str]) -> dict[str, Fields]:
    """What each row that is there shows of its end, by holder id; an empty text where it is null.

    The fields are those of `ENDED_BY`.
    """
    stored_as = {holder_id: plain(holder_id) for holder_id in holder_ids}
    rows = connection.execute(
        sa.select(_ROW.holder_id, *_END.values()).where(_ROW.holder_id.in_(set(stored_as.values())))
    )
    found = {
        holder_id: {name: text or "" for name, text in zip(_END, told, strict=True)}
        for holder_id, *told in rows
    }
    return {own: found[stored] for own, stored in stored_as.items() if stored in found}


def shown_once_ended(unassignment: Unassignment) -> Fields:
    """What a row shows of its end once `end_assignment` has ended it."""
    return {
        "status": UNASSIGNED,
        "unassigned_at": iso(unassignment.unassigned_at),
        "unassigned_event_id": plain(unassignment.event_id),
    }


def rewrite(connection: sa.Connection, change: Change) -> bool:
    """Write back what ended a row, if it still shows what was before: one comparing statement.

    Tells whether it did.
    """
    before = (_END[name].is_not_distinct_from(text or None) for name, text in change.before.items())
    after = {name: sa.literal(text or None, _END[name].type) for name, text in change.after.items()}
    result = connection.execute(
        sa.update(voucher_assignments)
        .where(_ROW.holder_id == change.record_id, *before)
        .values(after)
    )
    return result.rowcount > 0


def end_assignment(connection: sa.Connection, unassignment: Unassignment) -> None:
    """Set status, time and event of a row that is still assigned: one comparing statement.

    Raises:
        RaceLostError: it is no longer assigned, or gone.
    """
    result = connection.execute(
        sa.update(voucher_assignments)
        .where(_ROW.holder_id == unassignment.holder_id, _ROW.status == ASSIGNED)
        .values(
            status=UNASSIGNED,
            unassigned_at=unassignment.unassigned_at,
            unassigned_event_id=unassignment.event_id,
        )
    )
    if result.rowcount == 0:
        raise RaceLostError


def insert_ended(connection: sa.Connection, unassignment: Unassignment) -> None:
    """Add a row for an assignment that the table never saw, already unassigned."""
    connection.execute(
        sa.insert(voucher_assignments).values(
            holder_id=unassignment.holder_id,
            customer_id=unassignment.customer_id,
            source_id=unassignment.source_id,
            voucher_id=unassignment.voucher_id,
            voucher_code=unassignment.code,
            campaign_id=unassignment.campaign_id,
            campaign_name=unassignment.campaign_name,
            status=UNASSIGNED,
            assigned_at=unassignment.assigned_at,
            unassigned_at=unassignment.unassigned_at,
            unassigned_event_id=unassignment.event_id,
        )
    )
