"""Events that are none of the tool's business: what most of an activity list is made of.

Contract: no event here is of the two assignment types. Many carry personal data (name, email,
metadata), so that a leak can be searched for.
"""

from collections.abc import Callable
from datetime import datetime, timedelta

from sync.playground.draft import Draft
from sync.playground.events import plain_event
from sync.playground.payloads import Shape, customer_with_metadata, simple_voucher
from sync.playground.people import off_border
from sync.playground.values import LOOKBACK, Customer, Json

_Build = Callable[[Draft, Customer], Json]

_SHAPES = (Shape.FLAT_WITH_SOURCE, Shape.FLAT_WITH_SOURCE, Shape.FLAT, Shape.NESTED)
_TIES = 40
_PAGE = 100
_AN_HOUR = timedelta(hours=1)


def _person(_: Draft, customer: Customer) -> Json:
    return {"customer": customer_with_metadata(customer)}


def _segment(draft: Draft, customer: Customer) -> Json:
    segment = {"id": draft.dice.long_id("seg"), "name": "Regulars", "object": "segment"}
    return {**_person(draft, customer), "segment": segment}


def _order(draft: Draft, customer: Customer) -> Json:
    order = {
        "id": draft.dice.long_id("ord"),
        "amount": draft.dice.whole(500, 20_000),
        "status": "PAID",
        "customer_id": customer.customer_id,
        "object": "order",
    }
    return {**_person(draft, customer), "order": order}


def _redemption(draft: Draft, customer: Customer) -> Json:
    redemption = {"id": draft.dice.long_id("r"), "result": "SUCCESS", "object": "redemption"}
    discount = next(reversed(draft.vouchers.values()), None)  # the last ones are of no friend
    found = {"voucher": simple_voucher(discount)} if discount else {}
    return {**_person(draft, customer), "redemption": redemption, **found}


def _reward(draft: Draft, customer: Customer) -> Json:
    return {**_person(draft, customer), "holder": customer_with_metadata(customer), "balance": 5}


def _nothing(_: Draft, __: Customer) -> Json:
    return {}


_KINDS: tuple[tuple[str, _Build], ...] = (
    ("customer.updated", _person),
    ("customer.segment.entered", _segment),
    ("customer.segment.left", _segment),
    ("customer.entered_segment", _segment),
    ("customer.order.paid", _order),
    ("customer.order.updated", _order),
    ("customer.redemption.succeeded", _redemption),
    ("customer.redemption.failed", _redemption),
    ("customer.publication.succeeded", _redemption),
    ("customer.voucher.deleted", _redemption),
    ("customer.voucher.gift.balance_added", _reward),
    ("customer.reward_redemptions.completed", _reward),
    ("customer.voucher.loyalty_card.pending_points.added", _reward),
    ("customer.email.sent", _person),
    ("customer.custom_event", _person),
    ("customer.wallet.pass_installed", _nothing),
    ("quest.finished", _person),
)


def write_noise(draft: Draft, customer: Customer) -> None:
    """From no event to 40 on a list, the first of which tells that the customer was created."""
    count = draft.dice.whole(0, 40)
    if count:
        write_creation(draft, customer)
    for _ in range(count - 1):
        _write(draft, customer, _any_time(draft, customer))


def write_creation(draft: Draft, customer: Customer) -> None:
    """The event that tells that the customer was created."""
    data = _person(draft, customer)
    event = plain_event(draft.dice, "customer.created", data, customer.created_at)
    draft.write(customer.customer_id, event)


def write_crowd(draft: Draft, customer: Customer, tie: datetime, pages: int) -> None:
    """Fill more than `pages` pages within the window, the last border amid 40 equal timestamps.

    `tie` is the instant that those 40 share, well within the window.
    """
    before = _PAGE * pages - _TIES // 2
    start = draft.now - LOOKBACK + _AN_HOUR * 24
    for _ in range(before):
        _write(draft, customer, draft.dice.moment(start, tie))
    for _ in range(_TIES):
        _write(draft, customer, tie)
    for _ in range(_TIES):
        _write(draft, customer, draft.dice.moment(tie, draft.now - _AN_HOUR))


def _any_time(draft: Draft, customer: Customer) -> datetime:
    recent = draft.now - LOOKBACK + timedelta(days=1)
    newest = draft.now - _AN_HOUR
    if draft.dice.chance(0.5) or customer.created_at > recent - timedelta(days=2):
        return draft.dice.moment(max(recent, customer.created_at), newest)
    return off_border(draft.now, draft.dice.moment(customer.created_at, recent))


def _write(draft: Draft, customer: Customer, at: datetime) -> None:
    event_type, build = draft.dice.one_of(_KINDS)
    shape = draft.dice.one_of(_SHAPES)
    event = plain_event(draft.dice, event_type, build(draft, customer), at, shape=shape)
    draft.write(customer.customer_id, event)
