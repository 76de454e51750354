"""The two lists that go by page number, of customers and of vouchers, as pages over a world.

Contract: pure. Each function answers one call with the body that the vendor documents, or raises
`BadQueryError` (400).
"""

from collections.abc import Callable, Sequence
from datetime import datetime

from sync.playground.payloads import customer_body, simple_voucher
from sync.playground.query import BadQueryError, Query
from sync.playground.values import Customer, Json
from sync.playground.world import World

_CUSTOMER_ORDERS = (
    "created_at",
    "-created_at",
    "updated_at",
    "-updated_at",
    "source_id",
    "-source_id",
)


def customers_page(world: World, query: Query) -> Json:
    """List Customers.

    `starting_after` is a date-time: with order `created_at` or `updated_at` what is newer,
    ascending; without an order, or descending, what is older. Equal timestamps are dropped
    (strictly newer, strictly older), the reading that is hardest on a client.
    """
    limit, page = query.limit(), query.page()
    order = query.choice("order", _CUSTOMER_ORDERS) or "-created_at"
    fits = _customer_filter(query)
    rows = [one for one in _ordered_customers(world, order) if fits(one)]
    total = len(rows)
    cursor = query.instant("starting_after")
    if cursor is not None:
        rows = _beyond(rows, order, cursor)
    skipped = limit * (page - 1)
    return {
        "object": "list",
        "data_ref": "customers",
        "customers": [customer_body(one) for one in rows[skipped : skipped + limit]],
        "total": total,
        "has_more": skipped + limit < len(rows),
    }


def vouchers_page(world: World, query: Query) -> Json:
    """List Vouchers, newest first, or only those that are (or are no) referral codes.

    `created_at[after]` and `created_at[before]` leave out the instants that they name, the reading
    that is hardest on a client.
    """
    limit, page = query.limit(), query.page()
    order = query.choice("order", ("created_at", "-created_at")) or "-created_at"
    wanted = query.filters(("is_referral_code",)).get("is_referral_code", {"true", "false"})
    is_within = _span(query, "created_at")
    rows = [
        one
        for one in world.vouchers_by_creation
        if str(one.campaign.is_referral).lower() in wanted and is_within(one.created_at)
    ]
    if order.startswith("-"):
        rows.reverse()
    skipped = limit * (page - 1)
    return {
        "object": "list",
        "data_ref": "vouchers",
        "vouchers": [simple_voucher(one) for one in rows[skipped : skipped + limit]],
        "total": len(rows),
        "has_more": skipped + limit < len(rows),
    }


def _ordered_customers(world: World, order: str) -> Sequence[Customer]:
    match order.removeprefix("-"):
        case "created_at":
            rows = world.by_creation
        case "updated_at":
            rows = world.by_update
        case _:
            rows = world.by_source
    return rows[::-1] if order.startswith("-") else rows


def _customer_filter(query: Query) -> Callable[[Customer], bool]:
    same = {name: query.text(name) for name in ("email", "name", "city")}
    asked = {name: value for name, value in same.items() if value is not None}
    spans = {name: _span(query, name) for name in ("created_at", "updated_at")}

    def fits(customer: Customer) -> bool:
        return all(getattr(customer, name) == value for name, value in asked.items()) and all(
            is_within(getattr(customer, name)) for name, is_within in spans.items()
        )

    return fits


def _span(query: Query, name: str) -> Callable[[datetime], bool]:
    """Whether an instant lies strictly between `NAME[after]` and `NAME[before]`."""
    after, before = query.instant(f"{name}[after]"), query.instant(f"{name}[before]")

    def is_within(at: datetime) -> bool:
        return (after is None or at > after) and (before is None or at < before)

    return is_within


def _beyond(rows: Sequence[Customer], order: str, cursor: datetime) -> list[Customer]:
    match order:
        case "created_at":
            return [one for one in rows if one.created_at > cursor]
        case "-created_at":
            return [one for one in rows if one.created_at < cursor]
        case "updated_at":
            return [one for one in rows if one.updated_at > cursor]
        case "-updated_at":
            return [one for one in rows if one.updated_at < cursor]
        case _:
            message = "starting_after needs an order by created_at or updated_at"
            raise BadQueryError(message)
