"""List Customers: everybody, page by page, beyond the 9,900 rows that pages alone reach.

Pages go up to 99 of 100 rows. Behind them the list goes on at the last row's creation time, one
millisecond back, since ties on one instant are not documented; whoever comes twice is the same id.
Source: Voucherify documentation, "List Customers" (GET /v1/customers).
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from sync.errors import UnreadableError
from sync.model.event import Invalid
from sync.model.unassignment import CustomerId
from sync.voucherify.client import Reply, VoucherifyClient
from sync.voucherify.evidence import evidence_of, key_of
from sync.voucherify.instant import read_instant, write_instant
from sync.voucherify.shapes import is_text

PAGE_SIZE = 100
LAST_PAGE = 99
MOST = 1_000_000_000
"""Customers; a larger total is none, and nothing could be reckoned with it."""
STEP_BACK = timedelta(milliseconds=1)
EARLIEST = datetime.min.replace(tzinfo=UTC)
DATE_STEP = timedelta(seconds=1)
"""A `Date` header has whole seconds: what was created a moment ago may seem to be ahead of it."""


@dataclass(frozen=True, slots=True)
class CustomerPage:
    """Up to 100 customers; `total` is what Voucherify says the whole list has, if it does.

    `reached` is the last row's creation time, None if that can't be read or has not come yet;
    `is_last` tells that nobody comes behind.
    """

    server_time: datetime
    customer_ids: tuple[CustomerId, ...]
    invalid: tuple[Invalid, ...]
    total: int | None
    reached: datetime | None
    is_last: bool


class CustomerLister:
    """Lists a project's customers, oldest first, so that new ones join at the end."""

    def __init__(self, client: VoucherifyClient) -> None:
        self._client = client

    def first_answer(self) -> CustomerPage:
        """Ask for one customer: the cheapest call that proves the key and tells the time."""
        return _read(self._client.get(("customers",), [("limit", "1")]))

    def pages(self, reached: datetime | None = None) -> Iterator[CustomerPage]:
        """Give all pages, or those from the creation time that an earlier listing reached.

        A customer may come twice, at a seam.

        Raises:
            UnreadableError: the list can't be followed: another envelope, a page that repeats, or
                more customers with one creation time than pages reach.
        """
        since = None if reached is None else reached - STEP_BACK
        while True:
            before: CustomerPage | None = None
            for number in range(1, LAST_PAGE + 1):
                page = _read(self._client.get(("customers",), _query(number, since)))
                _check_new(page, before)
                before = page
                yield page
                if page.is_last:
                    return
            since = _next_since(since, page.reached)


def _query(number: int, since: datetime | None) -> list[tuple[str, str]]:
    query = [("limit", str(PAGE_SIZE)), ("page", str(number)), ("order", "created_at")]
    if since is not None:
        query.append(("starting_after", write_instant(since)))
    return query


def _check_new(page: CustomerPage, before: CustomerPage | None) -> None:
    if before is not None and page.customer_ids and page.customer_ids == before.customer_ids:
        msg = "the list of customers gives the same page twice, so its end can't be reached"
        raise UnreadableError(msg, signature="customers")


def _next_since(since: datetime | None, last: datetime | None) -> datetime:
    if last is None:
        msg = "the list of customers goes on, but its last customer has no created_at to go on from"
        raise UnreadableError(msg, signature="customers")
    following = last - STEP_BACK
    if since is not None and write_instant(following) <= write_instant(since):
        msg = (
            f"more customers than can be listed ({LAST_PAGE * PAGE_SIZE}) were created at "
            f"{write_instant(last)}; give those customers by HOLDERSYNC_CUSTOMERS=file:PATH"
        )
        raise UnreadableError(msg, signature="customers")
    return following


def _read(reply: Reply) -> CustomerPage:
    fields = reply.body if isinstance(reply.body, Mapping) else {}
    rows = fields.get("customers")
    if not isinstance(rows, list):
        msg = "the list of customers has no field customers"
        raise UnreadableError(msg, signature="customers")
    # has_more is not a required field: without it a short page is the last one.
    has_more = fields.get("has_more")
    ends = not rows or has_more is False or (has_more is None and len(rows) < PAGE_SIZE)
    return CustomerPage(
        server_time=reply.server_time,
        customer_ids=tuple(CustomerId(row["id"]) for row in rows if _has_id(row)),
        invalid=tuple(_invalid(row) for row in rows if not _has_id(row)),
        total=_total(fields.get("total")),
        reached=_created_at(rows, reply.server_time),
        is_last=ends,
    )


def _total(told: object) -> int | None:
    if not isinstance(told, int) or isinstance(told, bool):
        return None
    return told if 0 <= told <= MOST else None


def _has_id(row: object) -> bool:
    return isinstance(row, Mapping) and is_text(row.get("id"))


def _invalid(row: object) -> Invalid:
    evidence = evidence_of({"customer": row})
    reason = "a customer in the list has no usable id, so its activity can't be asked for"
    return Invalid(key_of(evidence), reason, evidence)


def _created_at(rows: list[object], server_time: datetime) -> datetime | None:
    last = rows[-1] if rows else None
    try:
        created_at = read_instant(last.get("created_at")) if isinstance(last, Mapping) else None
    except ValueError:
        return None
    if created_at is None or created_at < EARLIEST + STEP_BACK:
        return None
    # Going on behind a time that has not come yet would pass by whoever is still to be listed.
    return None if created_at - server_time >= DATE_STEP else created_at
