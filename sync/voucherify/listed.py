"""A list by page number and creation time: all of it, beyond the 9,900 rows that pages alone reach.

Pages go up to 99 of 100 rows. Behind them the list goes on at the last row's creation time, one
millisecond back, since ties on one instant are not documented; what comes twice has the same id.
It does so, too, where the total shrinks between two pages, since a deletion moves the rest up.
Source: Voucherify documentation, "Fetching Data", "List Customers" and "List Vouchers".
"""

from collections.abc import Generator, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from sync.errors import UnreadableError
from sync.voucherify.client import Reply, VoucherifyClient
from sync.voucherify.instant import read_instant, write_instant
from sync.voucherify.shapes import is_text

PAGE_SIZE = 100
LAST_PAGE = 99
MOST = 1_000_000_000
"""Rows; a larger total is none, and nothing could be reckoned with it."""
STEP_BACK = timedelta(milliseconds=1)
EARLIEST = datetime.min.replace(tzinfo=UTC)
DATE_STEP = timedelta(seconds=1)
"""A `Date` header has whole seconds: what was created a moment ago may seem to be ahead of it."""


@dataclass(frozen=True, slots=True)
class Rows:
    """Up to 100 rows as they came; `total` is what Voucherify says the whole list has, if it does.

    `reached` is the last row's creation time, None if that can't be read or has not come yet;
    `is_last` tells that nothing comes behind.
    """

    server_time: datetime
    rows: list[object]
    total: int | None
    reached: datetime | None
    is_last: bool

    @property
    def ids(self) -> list[str]:
        """The ids of the rows that have one, in their order."""
        return [own for row in self.rows if (own := id_of(row)) is not None]


@dataclass(frozen=True, slots=True)
class CreationList:
    """One list of a project, oldest first, so that what is new joins at the end.

    Args:
        client: the project.
        name: of the list, in its address and in its body.
        since: the parameter that takes the creation time to begin behind.
        filters: further parameters of every call.
        things: what the rows are, in error texts.
        instead: what a person can do about rows that no list reaches.
    """

    client: VoucherifyClient
    name: str
    since: str
    things: str
    instead: str
    filters: tuple[tuple[str, str], ...] = ()

    def first_row(self) -> Rows:
        """Ask for one row only."""
        return self._read(self.client.get((self.name,), [("limit", "1"), *self.filters]))

    def pages(self, reached: datetime | None = None) -> Iterator[Rows]:
        """Give all pages, or those from the creation time that an earlier listing reached.

        A row may come twice, at a seam, or where others were deleted while the list was read.

        Raises:
            UnreadableError: the list can't be followed: another envelope, a page that repeats, or
                more rows with one creation time than pages reach.
        """
        since = None if reached is None else reached - STEP_BACK
        is_more = True
        while is_more:
            following = yield from self._numbered(since)
            is_more, since = following is not None, following

    def _numbered(self, since: datetime | None) -> Generator[Rows, None, datetime | None]:
        """Give the pages behind a creation time, and return where to go on; None at the end.

        That is always later, so that a list whose total depends on the page has an end, too.
        """
        before: Rows | None = None
        for number in range(1, LAST_PAGE + 1):
            page = self._read(self.client.get((self.name,), self._query(number, since)))
            if before is not None and _has_shrunk(before, page):
                # Others moved up to where the deleted ones were, on pages that were read already.
                following = _further(before.reached, since)
                if following is not None:
                    return following
            if before is not None and page.ids and page.ids == before.ids:
                msg = "gives the same page twice, so its end can't be reached"
                raise self._unreadable(msg)
            yield page
            if page.is_last:
                return None
            before = page
        return self._next_since(since, page.reached)

    def _query(self, number: int, since: datetime | None) -> list[tuple[str, str]]:
        query = [("limit", str(PAGE_SIZE)), ("page", str(number)), ("order", "created_at")]
        if since is not None:
            query.append((self.since, write_instant(since)))
        return [*query, *self.filters]

    def _next_since(self, since: datetime | None, last: datetime | None) -> datetime:
        if last is None:
            msg = "goes on, but its last row has no created_at to go on from"
            raise self._unreadable(msg)
        following = _further(last, since)
        if following is not None:
            return following
        msg = (
            f"more {self.things} than can be listed ({LAST_PAGE * PAGE_SIZE}) were created at "
            f"{write_instant(last)}; {self.instead}"
        )
        raise UnreadableError(msg, signature=self.name)

    def _read(self, reply: Reply) -> Rows:
        fields = reply.body if isinstance(reply.body, Mapping) else {}
        rows = fields.get(self.name)
        if not isinstance(rows, list):
            msg = f"has no field {self.name}"
            raise self._unreadable(msg)
        # has_more is not a required field: without it a short page is the last one.
        has_more = fields.get("has_more")
        return Rows(
            server_time=reply.server_time,
            rows=rows,
            total=read_total(fields.get("total")),
            reached=_reached(rows, reply.server_time),
            is_last=not rows or has_more is False or (has_more is None and len(rows) < PAGE_SIZE),
        )

    def _unreadable(self, what: str) -> UnreadableError:
        return UnreadableError(f"the list of {self.things} {what}", signature=self.name)


def id_of(row: object) -> str | None:
    """Give a row's own id; None if it has none that can be asked for or stored."""
    own_id = row.get("id") if isinstance(row, Mapping) else None
    return own_id if is_text(own_id) else None


def read_total(told: object) -> int | None:
    """Read how many rows a list says it has; None if that is no number."""
    if not isinstance(told, int) or isinstance(told, bool):
        return None
    return told if 0 <= told <= MOST else None


def _has_shrunk(before: Rows, now: Rows) -> bool:
    return before.total is not None and now.total is not None and now.total < before.total


def _further(last: datetime | None, since: datetime | None) -> datetime | None:
    """Give where a list goes on behind its last row; None if that leaves nothing out."""
    following = None if last is None else last - STEP_BACK
    if following is None or since is None or write_instant(following) > write_instant(since):
        return following
    return None


def _reached(rows: list[object], server_time: datetime) -> datetime | None:
    last = rows[-1] if rows else None
    try:
        created_at = read_instant(last.get("created_at")) if isinstance(last, Mapping) else None
    except ValueError:
        return None
    if created_at is None or created_at < EARLIEST + STEP_BACK:
        return None
    # Going on behind a time that has not come yet would pass by whatever is still to be listed.
    return None if created_at - server_time >= DATE_STEP else created_at
