"""The three lists that go by the id of a row: activity, holders and redeemables, over a world.

Contract: pure. Each function answers one call with the body that the vendor documents, or raises
`BadQueryError` (400) or `UnknownError` (404).
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal, TypeVar

from sync.playground.event_types import FILTERABLE
from sync.playground.payloads import holder_body, redeemable_body
from sync.playground.query import BadQueryError, Query
from sync.playground.values import Customer, Event, HolderTruth, Holding, Json
from sync.playground.world import World

UnknownType = Literal["error", "empty"]
RoleFilter = Literal["works", "ignored", "refused"]
Row = TypeVar("Row")

_CAMPAIGN_TYPES = (
    "PROMOTION",
    "GIFT_VOUCHERS",
    "REFERRAL_PROGRAM",
    "DISCOUNT_COUPONS",
    "LOYALTY_PROGRAM",
)


class UnknownError(Exception):
    """Nothing has this id: the vendor's 404."""

    def __init__(self, resource_type: str, resource_id: str) -> None:
        super().__init__(f"Cannot find {resource_type} with id {resource_id}")
        self.resource_type = resource_type
        self.resource_id = resource_id


def customer_of(world: World, reference: str) -> Customer:
    """Get Customer: who has this id or source id."""
    customer = world.customer(reference)
    if customer is None:
        resource = "customer"
        raise UnknownError(resource, reference)
    return customer


def activity_page(world: World, reference: str, query: Query, unknown_type: UnknownType) -> Json:
    """List Customer Activity. `start_date` and `end_date` are both included.

    The default order is not documented; the playground's is the newest first, so that a client
    which does not send one is found out.
    """
    limit = query.limit()
    customer = world.customer(reference)
    if customer is None:
        resource = "customer"
        raise UnknownError(resource, reference)
    order = query.choice("order", ("created_at", "-created_at")) or "-created_at"
    fits = _activity_filter(query, unknown_type)
    events: Sequence[Event] = world.events[customer.customer_id]
    if order.startswith("-"):
        events = events[::-1]
    rows = _after(events, query.text("starting_after_id"), _event_id)
    return _cursor_list([row for row in rows if fits(row)], limit, _event_id, _item)


def holders_page(world: World, reference: str, query: Query, role_filter: RoleFilter) -> Json:
    """List Member's Holders: who holds a referral code now, the REFERRER included.

    As in the vendor's example, any page with a row says that there is more, the last one too.
    """
    limit = query.limit()
    voucher = world.voucher(reference)
    if voucher is None or not voucher.campaign.is_referral:
        resource = "voucher"
        raise UnknownError(resource, reference)
    order = query.choice("order", ("id", "-id")) or "-id"
    wanted = _without_role(query.filters(("customer_id", "holder_role")), role_filter)
    holders = [
        one
        for one in world.holders_of(voucher.voucher_id)
        if one.customer_id in wanted.get("customer_id", {one.customer_id})
        and one.role in wanted.get("holder_role", {one.role})
    ]
    total = len(holders)
    if order == "-id":
        holders.reverse()
    rows = _after(holders, query.text("starting_after_id"), _holder_id)
    page = _cursor_list(rows, limit, _holder_id, holder_body)
    if page["data"]:
        page |= {"has_more": True, "more_starting_after": page["data"][-1]["id"]}
    return {**page, "total": total}


def _without_role(wanted: dict[str, set[str]], role_filter: RoleFilter) -> dict[str, set[str]]:
    """The filters that are heeded.

    Raises:
        BadQueryError: a role is asked for, and that is refused.
    """
    if role_filter == "works" or "holder_role" not in wanted:
        return wanted
    if role_filter == "refused":
        message = "unknown filter holder_role"
        raise BadQueryError(message)
    return {name: values for name, values in wanted.items() if name != "holder_role"}


def redeemables_page(world: World, reference: str, query: Query) -> Json:
    """List Customer's Redeemables: what somebody holds now, whatever their role and the campaign.

    What the documents leave open is taken the hard way: a full page always says that there is
    more, so the last one may be empty.
    """
    limit = query.limit()
    customer = world.customer(reference)
    if customer is None:
        resource = "customer"
        raise UnknownError(resource, reference)
    order = query.choice("order", ("id", "-id")) or "-id"
    wanted = query.filters(("id", "redeemable_id", "holder_role", "campaign_id"))
    holdings = [
        one
        for one in world.held_by(customer.customer_id)
        if one.holder_id in wanted.get("id", {one.holder_id})
        and one.voucher.voucher_id in wanted.get("redeemable_id", {one.voucher.voucher_id})
        and one.role in wanted.get("holder_role", {one.role})
        and one.campaign_id in wanted.get("campaign_id", {one.campaign_id})
    ]
    if order == "-id":
        holdings.reverse()
    rows = _after(holdings, query.text("starting_after_id"), _holding_id)
    page = _cursor_list(rows, limit, _holding_id, redeemable_body)
    if len(page["data"]) == limit:
        page |= {"has_more": True, "more_starting_after": _holding_id(rows[limit - 1])}
    return {**page, "total": len(holdings)}


def _activity_filter(query: Query, unknown_type: UnknownType) -> Callable[[Event], bool]:
    start, end = query.instant("start_date"), query.instant("end_date")
    wanted = {
        "type": _wanted_type(query, unknown_type),
        "category": query.choice("category", ("ACTION", "EFFECT")),
        "campaign_id": query.text("campaign_id"),
        "campaign_type": query.choice("campaign_type", _CAMPAIGN_TYPES),
    }
    asked = {name: value for name, value in wanted.items() if value is not None}

    def fits(event: Event) -> bool:
        in_span = (start is None or event.at >= start) and (end is None or event.at <= end)
        return in_span and all(_shown(event.item, name) == asked[name] for name in asked)

    return fits


def _wanted_type(query: Query, unknown_type: UnknownType) -> str | None:
    """The type to filter by; an undocumented one is refused, or matches nothing."""
    value = query.text("type")
    if value is None or value in FILTERABLE:
        return value
    if unknown_type == "error":
        message = "type must be one of the documented customer events"
        raise BadQueryError(message)
    return ""


def _shown(item: Mapping[str, Any], name: str) -> object:
    """What an item says about a filter; campaigns are looked for in every known shape."""
    if name in {"type", "category"}:
        return item.get(name, "ACTION" if name == "category" else None)
    data = item.get("data")
    if isinstance(data, list):
        data = data[0] if data else None
    if isinstance(data, dict) and isinstance(data.get("data"), dict):
        data = data["data"]
    campaign = data.get("campaign") if isinstance(data, dict) else None
    key = name.replace("campaign_id", "id")
    return campaign.get(key) if isinstance(campaign, dict) else None


def _after(rows: Sequence[Row], cursor: str | None, row_id: Callable[[Row], str]) -> Sequence[Row]:
    """The rows behind the last one with this id.

    Raises:
        BadQueryError: the list has no such row.
    """
    if cursor is None:
        return rows
    places = [place for place, row in enumerate(rows) if row_id(row) == cursor]
    if not places:
        message = f"starting_after_id {cursor} is not in this list"
        raise BadQueryError(message)
    return rows[places[-1] + 1 :]


def _cursor_list(
    rows: Sequence[Row],
    limit: int,
    row_id: Callable[[Row], str],
    body: Callable[[Row], Mapping[str, Any]],
) -> Json:
    page, has_more = rows[:limit], len(rows) > limit
    answer = {
        "object": "list",
        "data_ref": "data",
        "data": [body(row) for row in page],
        "has_more": has_more,
    }
    return answer | ({"more_starting_after": row_id(page[-1])} if has_more else {})


def _event_id(event: Event) -> str:
    return event.event_id


def _holder_id(holder: HolderTruth) -> str:
    return holder.holder_id


def _holding_id(holding: Holding) -> str:
    return holding.holder_id


def _item(event: Event) -> Mapping[str, Any]:
    return event.item
