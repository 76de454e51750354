"""Voucherify's JSON to the tool's values: tolerant in what is ignored, strict in what is kept.

Whatever the JSON is, an item becomes a finding, is ignored because it is another event, or becomes
`Invalid` with a reason; reading one item never raises. All ids come from `holder`; the person is
`holder.customer_id` (`voucher.holder_id` is somebody else in the vendor's own example). Nothing is
inferred from an id's prefix, since the vendor reserves the right to change the format of ids.

Source: Voucherify documentation, "customer.holder.assignment.deleted" and "List Customer Activity".
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from sync.errors import DeadLetterError
from sync.model.event import Assigned, Finding, Hint, Invalid, Unassigned
from sync.model.unassignment import (
    Assignment,
    CampaignId,
    CustomerId,
    EventId,
    HolderId,
    Unassignment,
    VoucherId,
)
from sync.model.window import Window
from sync.voucherify.evidence import evidence_of, key_of
from sync.voucherify.instant import read_instant
from sync.voucherify.shapes import (
    Created,
    Deleted,
    DeletedLenient,
    Event,
    Holder,
    is_text,
    parsed,
)

UNASSIGNED = "customer.holder.assignment.deleted"
ASSIGNED = "customer.holder.assignment.created"
EARLIEST_AFTER_ASSIGNMENT = timedelta(seconds=-1)
LATEST_IN_FUTURE = timedelta(minutes=5)
DEEPEST_WRAPPING = 4


@dataclass(frozen=True, slots=True)
class Asked:
    """Whose activity was asked for, for which window, and how the answer is to be read.

    `server_time` is the `Date` of the answer (UTC). `lenient` accepts an event whose holder is
    complete and that has a code, where the documentation requires more.
    """

    customer_id: CustomerId
    window: Window
    server_time: datetime
    lenient: bool = False


@dataclass(frozen=True, slots=True)
class Item:
    """What one item turned out to be; an item of another type has no finding."""

    created_at: datetime | None
    matched: bool
    finding: Finding | None


def read_item(item: object, asked: Asked) -> Item:
    """Understand one item of a customer's activity; never raises, whatever the JSON is."""
    if not isinstance(item, Mapping):
        return Item(None, matched=False, finding=_invalid(item, "an item is not a JSON object"))
    created_at = _instant_or_none(item.get("created_at"))
    kind = item.get("type")
    if not isinstance(kind, str):
        reason = "the event has no type, so it may be an unassignment"
        return Item(created_at, matched=False, finding=_invalid(item, reason))
    if kind not in {UNASSIGNED, ASSIGNED}:
        return Item(created_at, matched=False, finding=None)
    if created_at is not None and not asked.window.holds(created_at):
        return Item(created_at, matched=False, finding=None)
    try:
        finding = _deleted(item, asked) if kind == UNASSIGNED else _created(item)
    except DeadLetterError as error:
        finding = _invalid(item, str(error))
    return Item(created_at, matched=kind == UNASSIGNED, finding=finding)


def _deleted(item: Mapping[str, object], asked: Asked) -> Finding:
    event = parsed(Event, item, "the event")
    payload = _payload(item)
    shape = DeletedLenient if asked.lenient else Deleted
    body = parsed(shape, payload, "the event's data")
    _check_ids_agree(body)
    _check_times(event.created_at, body.holder.created_at, asked.server_time)
    if body.holder.customer_id != asked.customer_id:
        other, its_holder = CustomerId(body.holder.customer_id), HolderId(body.holder.id)
        return Hint(other, its_holder, event.created_at)
    holder = body.holder
    return Unassigned(
        Unassignment(
            holder_id=HolderId(holder.id),
            event_id=EventId(event.id),
            role=holder.holder_role,
            customer_id=CustomerId(holder.customer_id),
            source_id=body.customer.source_id,
            email=body.customer.email,
            voucher_id=VoucherId(holder.redeemable_id),
            code=body.voucher.code,
            campaign_id=_campaign_id(holder),
            campaign_name=body.campaign.name,
            assigned_at=holder.created_at,
            unassigned_at=event.created_at,
        )
    )


def _created(item: Mapping[str, object]) -> Finding | None:
    # An assignment that can't be read must not be ignored: it may be the newer one that an
    # unassignment has to leave alone. One of something else than a voucher never is.
    payload = _payload(item)
    if _is_of_something_else(payload.get("holder")):
        return None
    body = parsed(Created, payload, "the assignment's data")
    holder = body.holder
    return Assigned(
        Assignment(
            holder_id=HolderId(holder.id),
            customer_id=CustomerId(holder.customer_id),
            voucher_id=VoucherId(holder.redeemable_id),
            code=body.voucher.code if body.voucher else None,
            campaign_id=_campaign_id(holder),
            role=holder.holder_role,
            assigned_at=holder.created_at,
        )
    )


def _is_of_something_else(holder: object) -> bool:
    what = holder.get("redeemable_object") if isinstance(holder, Mapping) else None
    return isinstance(what, str) and what != "voucher"


def _payload(item: Mapping[str, object]) -> Mapping[str, object]:
    """Find the objects of the event: flat, wrapped in `data` once more, or in a list of one."""
    data = item.get("data")
    for _ in range(DEEPEST_WRAPPING):
        if isinstance(data, list) and len(data) == 1:
            data = data[0]
        elif isinstance(data, Mapping) and "holder" not in data and "data" in data:
            data = data["data"]
        else:
            break
    if not isinstance(data, Mapping):
        msg = "the event's data is not an object with holder, voucher, campaign and customer"
        raise DeadLetterError(msg)
    return data


def _check_ids_agree(body: Deleted) -> None:
    holder = body.holder
    pairs = (
        ("customer.id", body.customer.id, "holder.customer_id", holder.customer_id),
        ("voucher.id", body.voucher.id, "holder.redeemable_id", holder.redeemable_id),
        ("campaign.id", body.campaign.id, "holder.campaign_id", holder.campaign_id),
        ("voucher.campaign_id", body.voucher.campaign_id, "holder.campaign_id", holder.campaign_id),
        ("voucher.campaign_id", body.voucher.campaign_id, "campaign.id", body.campaign.id),
    )
    for name, value, other_name, other in pairs:
        if value is not None and other is not None and value != other:
            msg = f"{name} and {other_name} differ, so it is not clear what was unassigned"
            raise DeadLetterError(msg)


def _check_times(unassigned_at: datetime, assigned_at: datetime, server_time: datetime) -> None:
    if unassigned_at - assigned_at < EARLIEST_AFTER_ASSIGNMENT:
        msg = "the unassignment is dated before the assignment (holder.created_at)"
        raise DeadLetterError(msg)
    if unassigned_at - server_time > LATEST_IN_FUTURE:
        msg = "the event is dated more than 5 minutes in the future"
        raise DeadLetterError(msg)


def _campaign_id(holder: Holder) -> CampaignId | None:
    return CampaignId(holder.campaign_id) if holder.campaign_id else None


def _invalid(item: object, reason: str) -> Invalid:
    evidence = evidence_of(item)
    own_id = item.get("id") if isinstance(item, Mapping) else None
    return Invalid(own_id if is_text(own_id) else key_of(evidence), reason, evidence)


def _instant_or_none(text: object) -> datetime | None:
    try:
        return read_instant(text)
    except ValueError:
        return None
