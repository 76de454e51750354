"""Who holds a code now, against who held it at the last look: pure, but for the pages asked for.

The list comes newest first. Where its total and its newest holder are what they were, nothing else
is read; nor where it only grew at its top by as many as its total says. That rests on ids that rise
with time, which is measured and not promised: so the whole list is walked all the same once the
last walk is older than HOLDERSYNC_MAX_STALENESS, and always until ids were seen to rise or where
the first page does not begin with its newest.
A walk counts only when it was read to its end and agrees with its own total: a list that was half
read, or that changed while it was read, makes nobody vanish.
"""

from collections.abc import Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from datetime import datetime, timedelta
from math import ceil

from sync.errors import FailedError, UnreadableError
from sync.jobs.ports import HolderPages
from sync.ledger.due_codes import DueCode
from sync.model.holding import HoldersPage
from sync.model.unassignment import Assignment, HolderId, VoucherId

HALF_READ = "half-read"
TOO_LONG = "too long"
"""With the code's id, since some such codes in a row say nothing of Voucherify."""


@dataclass(frozen=True, slots=True)
class Look:
    """What one look at a code read.

    `holders` are all who hold it if it was `walked`, else only those who are new at its top.
    """

    total: int
    newest: HolderId | None
    holders: tuple[Assignment, ...]
    walked: bool
    calls: int


@dataclass(frozen=True, slots=True)
class Snapshot:
    """What changed since the last look.

    `missing` had vanished before and are missing still; `back` had vanished and are there again.
    """

    appeared: tuple[Assignment, ...]
    vanished: tuple[HolderId, ...] = ()
    missing: tuple[HolderId, ...] = ()
    back: tuple[HolderId, ...] = ()


def look(
    reader: HolderPages, code: DueCode, *, walk: bool, pages_at_most: int | None = None
) -> Look:
    """Read as much of a code's list as it takes; called in worker threads.

    Raises:
        FailedError: that takes more than `pages_at_most`.
        UnreadableError: the list could not be read as a whole; nothing follows from it.
        CodeGoneError, PermissionRefusedError, …: see the reader.
    """
    first = reader.page(code.voucher_id, None)
    grown = grown_by(code, first)
    if first.next_after is not None and not walk and grown is not None:
        return Look(first.total, first.newest, first.assignments[:grown], walked=False, calls=1)
    _require_room(code, first, pages_at_most)
    pages = list(_walked(reader, code.voucher_id, first))
    holders = tuple(each for page in pages for each in page.assignments)
    _require_whole(first, pages, holders)
    return Look(first.total, first.newest, holders, walked=True, calls=len(pages))


def needs_walk(code: DueCode, now: datetime, longest: timedelta, *, ids_rise: bool) -> bool:
    """Tell whether all pages are to be read, whatever the first one says."""
    if code.walked_at is None or code.hinted or not ids_rise:
        return True
    return not timedelta() <= now - code.walked_at < longest


def grown_by(code: DueCode, first: HoldersPage) -> int | None:
    """Give by how many a list only grew at its top, none included; None if it changed otherwise."""
    if code.total is None or code.newest is None or first.rows != len(first.assignments):
        return None
    ids = [each.holder_id for each in first.assignments]
    if code.newest not in ids or not _begins_with_newest(first):
        return None
    grown = ids.index(code.newest)
    return grown if first.total == code.total + grown else None


def compared(
    known: Mapping[HolderId, bool], remembered: AbstractSet[HolderId], holders: Sequence[Assignment]
) -> Snapshot:
    """Compare a whole list with what was known.

    Args:
        known: who held the code at the last look, or vanished before it (then True).
        remembered: who is known from elsewhere to have held it, an end not being known.
        holders: who holds it now, all of them.
    """
    now = {each.holder_id for each in holders}
    there = {each for each, has_vanished in known.items() if not has_vanished} | remembered
    away = {each for each, has_vanished in known.items() if has_vanished}
    return Snapshot(
        appeared=tuple(each for each in holders if each.holder_id not in known),
        vanished=tuple(sorted(there - now - away)),
        missing=tuple(sorted(away - now)),
        back=tuple(sorted(away & now)),
    )


def _begins_with_newest(page: HoldersPage) -> bool:
    return page.assignments[0].assigned_at >= page.assignments[-1].assigned_at


def _require_room(code: DueCode, first: HoldersPage, pages_at_most: int | None) -> None:
    """Let nobody begin what no day has the calls for: all of them would be spent for nothing."""
    pages = ceil(first.total / first.rows) if first.next_after is not None and first.rows else 1
    if pages_at_most is None or pages <= pages_at_most:
        return
    msg = (
        f"{first.total} hold it, which takes {pages} calls, more than a day has; they are read "
        "one by one"
    )
    raise FailedError(msg, signature=f"{TOO_LONG} {code.voucher_id}")


def _walked(
    reader: HolderPages, voucher_id: VoucherId, first: HoldersPage
) -> Iterator[HoldersPage]:
    page, rows = first, first.rows
    yield page
    # A page may say that there is more where nothing is: the total tells when all were read.
    while page.next_after is not None and rows < first.total:
        page = reader.page(voucher_id, page.next_after)
        if page.total != first.total:
            # Busy lists do so: some such codes in a row say nothing of Voucherify.
            msg = "changed while its pages were read"
            raise _half_read(msg, voucher_id)
        if not page.rows:
            return
        rows += page.rows
        yield page


def _require_whole(
    first: HoldersPage, pages: Sequence[HoldersPage], holders: Sequence[Assignment]
) -> None:
    rows = sum(page.rows for page in pages)
    if rows != first.total:
        msg = f"says that it has {first.total} rows and gave {rows}"
        raise _half_read(msg)
    if len({each.holder_id for each in holders}) < len(holders):
        msg = "names a holder on two pages"
        raise _half_read(msg)


def _half_read(what: str, of: str = "") -> UnreadableError:
    signature = f"{HALF_READ} {of}".strip()
    return UnreadableError(f"the list of its holders {what}", signature=signature)
