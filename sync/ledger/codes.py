"""Referral codes: which are known, who held each at the last look, and what became of it."""

from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import (
    ColumnElement,
    and_,
    case,
    exists,
    func,
    null,
    select,
    update,
)

from sync.database import insert_into
from sync.ledger.due_codes import HERE, HINTED
from sync.ledger.hints import EVER
from sync.ledger.ledger import Ledger
from sync.ledger.listing import Listing, save_listing
from sync.ledger.planning import NOT_COVERED_AFTER, is_held
from sync.ledger.tables import assignments, codes, holders
from sync.model.holding import Code
from sync.model.unassignment import HolderId, VoucherId

AT_ONCE = 500


def name_codes(
    ledger: Ledger, named: Sequence[Code], now: datetime, listing: Listing | None = None
) -> None:
    """Make codes known; one that was gone and is named again is there again.

    `listing` is how far the list was read, if it names them. Without one a person does, in each
    run, so those are looked for once in a while.
    """
    long_gone = and_(codes.c.gone_at.is_not(None), codes.c.due_at <= now.timestamp())
    here: dict[str, Any] = {"gone_at": case((long_gone, null()), else_=codes.c.gone_at)}
    if listing is not None:
        at_once = case((codes.c.gone_at.is_(None), codes.c.due_at), else_=0.0)
        here = {"gone_at": None, "due_at": at_once, "listed_at": now}
    with ledger.transaction() as connection:
        for each in dict.fromkeys(named):
            told = {"code": each.code, "campaign_id": each.campaign_id}
            marks: dict[str, Any] = {
                name: value for name, value in told.items() if value is not None
            }
            row = marks if listing is None else marks | {"listed_at": now}
            statement = insert_into(connection, codes).values(voucher_id=each.voucher_id, **row)
            upsert = statement.on_conflict_do_update(
                index_elements=[codes.c.voucher_id],
                set_=marks | here,
                where=None if row else long_gone,
            )
            connection.execute(upsert)
        if listing is not None:
            save_listing(connection, listing, "codes")


def known_holders(ledger: Ledger, voucher_id: VoucherId) -> Mapping[HolderId, bool]:
    """Give who held a code at its last look, and whether each had vanished then."""
    query = select(holders.c.holder_id, holders.c.vanished_at).where(
        holders.c.voucher_id == voucher_id
    )
    with ledger.read_only() as connection:
        return {
            HolderId(row.holder_id): row.vanished_at is not None
            for row in connection.execute(query)
        }


def store_failed(ledger: Ledger, voucher_id: VoucherId, run_id: str, due_at: float) -> None:
    """Store that a look failed; the next one is due at a time, in seconds since 1970."""
    failed = {"failures": codes.c.failures + 1, "due_at": due_at, "looked_by": run_id}
    with ledger.transaction() as connection:
        connection.execute(update(codes).where(codes.c.voucher_id == voucher_id).values(failed))


def remembered_holders(ledger: Ledger, voucher_id: VoucherId) -> AbstractSet[HolderId]:
    """Give who is known from events to hold a code, no end being known."""
    query = select(assignments.c.holder_id).where(
        assignments.c.voucher_id == voucher_id, is_held(covered=False)
    )
    with ledger.read_only() as connection:
        return {HolderId(each) for each in connection.execute(query).scalars()}


def campaign_heat(ledger: Ledger, campaign_id: str, since: datetime) -> tuple[int, int]:
    """Give how many vanished from a campaign's codes since a time, and how many hold them now."""
    mine = codes.c.campaign_id == campaign_id
    vanished = (
        select(func.count())
        .select_from(holders.join(codes, codes.c.voucher_id == holders.c.voucher_id))
        .where(mine, holders.c.vanished_at >= since)
    )
    with ledger.read_only() as connection:
        held = connection.execute(select(func.coalesce(func.sum(codes.c.total), 0)).where(mine))
        return connection.execute(vanished).scalar_one(), int(held.scalar_one())


def pull_forward(ledger: Ledger, campaign_id: str, now: datetime) -> None:
    """Make a campaign's codes due at once, those that somebody holds and that can be read."""
    at = now.timestamp()
    held = (codes.c.campaign_id == campaign_id) & (codes.c.total > 0) & (codes.c.due_at > at)
    held &= HERE & (codes.c.failures == 0) & codes.c.doubted.is_(False)
    with ledger.transaction() as connection:
        connection.execute(update(codes).where(held).values(due_at=at))


def is_there() -> ColumnElement[bool]:
    """Tell which assignments were there at the last look at their code, or not looked for yet."""
    return ~exists().where(
        holders.c.holder_id == assignments.c.holder_id, holders.c.vanished_at.is_not(None)
    )


def mend_due_codes(ledger: Ledger, at: float, longest: float) -> None:
    """Make codes due that were planned by a clock that was ahead; times are seconds since 1970."""
    with ledger.transaction() as connection:
        odd = HERE & (codes.c.due_at > at + longest)
        connection.execute(update(codes).where(odd).values(due_at=at))


def mend_vanished(ledger: Ledger, at: float) -> None:
    """Let those have vanished at a time, in seconds since 1970, of whom a clock ahead tells so."""
    now = datetime.fromtimestamp(at, UTC)
    with ledger.transaction() as connection:
        odd = update(holders).where(holders.c.vanished_at > now)
        connection.execute(odd.values(vanished_at=now, missed_at=now))


def postpone_codes(ledger: Ledger, voucher_ids: Sequence[VoucherId], until: datetime) -> None:
    """Look at these no sooner than at a time, unless a person asks for it: they may be deleted.

    What told of that is kept, for where nothing else lets them be looked at again.
    """
    with ledger.transaction() as connection:
        for start in range(0, len(voucher_ids), AT_ONCE):
            these = codes.c.voucher_id.in_(voucher_ids[start : start + AT_ONCE])
            later = {"due_at": until.timestamp(), "doubted": True}
            connection.execute(update(codes).where(these).values(later))


def last_look(ledger: Ledger) -> datetime:
    """Give when a code was last looked at; never is long ago."""
    query = select(func.max(codes.c.looked_at)).where(HERE)
    with ledger.read_only() as connection:
        return connection.execute(query).scalar() or EVER


def uncover_codes(ledger: Ledger, now: datetime) -> None:
    """Let the holders of all codes be followed one by one: their lists may not be read any more.

    No code is to blame, so what told of one is followed by the next run, as if none had failed.
    """
    told = update(codes).where(HINTED, codes.c.failures == 0).values(due_at=now.timestamp())
    well = codes.c.failures < NOT_COVERED_AFTER
    with ledger.transaction() as connection:
        connection.execute(told)
        connection.execute(update(codes).where(well).values(failures=NOT_COVERED_AFTER))


def still_hinted(began: datetime) -> ColumnElement[datetime]:
    """Give what `codes.hinted_at` becomes after a look that began at a time."""
    return case((codes.c.hinted_at > began, codes.c.hinted_at), else_=null())
