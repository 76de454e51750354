"""Webhooks: is it Voucherify's, and whom does it hint at? Pure; raises only its own error.

Read are the envelope (`type`, `data`, `event`) and the raw payload that a distribution's designer
may send without one. Of the data nothing but ids is kept. It is unproven that Voucherify sends the
holder events by webhook at all: its page says so, and its list of selectable events has none.
Source: Voucherify documentation, "Webhooks" (signature, envelope, retries) and
"customer.holder.assignment.deleted".
"""

import hashlib
import hmac
import json
import re
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import TypeGuard

from sync.errors import DeadLetterError
from sync.model.received import HintKind, Received
from sync.model.unassignment import CampaignId, CustomerId, HolderId, VoucherId
from sync.voucherify.instant import read_instant
from sync.voucherify.shapes import Holder, is_text, parsed
from sync.voucherify.wire import UNASSIGNED

SIGNATURE = "x-voucherify-signature"
OLDEST = timedelta(days=15)
"""Voucherify tries again for two days, and its support sends again what is two weeks old."""
AHEAD = timedelta(minutes=5)
LONGEST_ID = 500
"""Characters; an index of PostgreSQL takes 2,704 bytes."""
DEEPEST = 4
OUTSIDE_STRINGS = re.compile(rb'("(?:[^"\\]|\\.)*+"?)|[ \t\r\n]+', re.DOTALL)
"""White space outside strings, or a string, which is kept; one without an end goes to the end, or
whoever can't sign could let us look for that end from each of its quotes."""
DELETED: Mapping[str, tuple[HintKind, str]] = {
    "customer.deleted": ("customer", "customer"),
    "voucher.deleted": ("code", "voucher"),
    "campaign.deleted": ("campaign", "campaign"),
}


class MalformedError(Exception):
    """It is Voucherify's by its signature, and can't be understood, or is not of our time."""


def is_signed(body: bytes, signature: str | None, secrets: Sequence[str]) -> bool:
    """Tell whether one of the secrets signed a body: as it is, or as compact JSON.

    The signature is an HMAC-SHA256 in hex. All comparisons take the same time.
    """
    if not signature or not signature.isascii():
        return False
    bodies = (body, _compact(body))
    told = signature.strip().lower()
    matches = [
        hmac.compare_digest(hmac.digest(secret.encode(), each, hashlib.sha256).hex(), told)
        for secret in secrets
        for each in bodies
    ]
    return any(matches)


def read_webhook(body: bytes, received_at: datetime) -> Received | None:
    """Give the hint of a webhook; None for an event that tells us nothing.

    Raises:
        MalformedError: it is no JSON object, names nobody, or its time is not of our time.
    """
    told = _json(body)
    event = told.get("event")
    event = event if isinstance(event, Mapping) else told
    kind = event.get("type", told.get("type"))
    data = _data(told)
    written = event.get("created_at", told.get("created_at"))
    # Only of what is a hint the time is asked: what is not has nothing that could be too old, and
    # without an envelope its time is a thing's own, years ago.
    if kind == UNASSIGNED or (not isinstance(kind, str) and _is_assignment(data)):
        return _unassigned(data, _key(event), _at(written, received_at), written)
    if isinstance(kind, str) and kind in DELETED:
        return _deleted(kind, data, _key(event), _at(written, received_at))
    return None


def _compact(body: bytes) -> bytes:
    return OUTSIDE_STRINGS.sub(lambda found: found[1] or b"", body)


def _json(body: bytes) -> Mapping[str, object]:
    try:
        told = json.loads(body)
    except (ValueError, RecursionError):
        told = None
    if not isinstance(told, Mapping):
        msg = "the body is not a JSON object"
        raise MalformedError(msg)
    return told


def _data(told: Mapping[str, object]) -> Mapping[str, object]:
    """Find the payload: under `data`, even twice or in a list of one, or the whole body."""
    data: Mapping[str, object] = told
    for _ in range(DEEPEST):
        inner = data.get("data")
        if isinstance(inner, list) and len(inner) == 1:
            inner = inner[0]
        if "holder" in data or not isinstance(inner, Mapping):
            return data
        data = inner
    return data


def _at(written: object, received_at: datetime) -> datetime:
    if written is None:
        return received_at
    try:
        at = read_instant(written)
    except (ValueError, TypeError):
        msg = "created_at is not a time"
        raise MalformedError(msg) from None
    if not received_at - OLDEST <= at <= received_at + AHEAD:
        msg = f"created_at is older than {OLDEST.days} days, or lies ahead"
        raise MalformedError(msg)
    return min(at, received_at)


def _key(event: Mapping[str, object]) -> str | None:
    own_id = event.get("id")
    # A send-out (whs_) has another id each time; only an event's own is the same for a replay.
    return own_id if _is_id(own_id) and "type" in event else None


def _is_assignment(data: Mapping[str, object]) -> bool:
    # In other payloads the holder is a customer's object.
    holder = data.get("holder")
    return isinstance(holder, Mapping) and holder.get("object") == "redeemable_holder"


def _unassigned(
    data: Mapping[str, object], key: str | None, at: datetime, written: object
) -> Received:
    try:
        holder = parsed(Holder, data.get("holder"), "holder")
    except DeadLetterError as error:
        raise MalformedError(str(error)) from None
    if not (_is_id(holder.id) and _is_id(holder.customer_id)):
        msg = "an id is too long"
        raise MalformedError(msg)
    # A holder may be unassigned once more, under the same id: with another time, of the end or of
    # the assignment, it is no replay.
    times = str(written), holder.created_at.isoformat()
    return Received(
        key=key or _hashed("holder", holder.id, holder.customer_id, *times),
        kind="holder",
        at=at,
        customer_id=CustomerId(holder.customer_id),
        holder_id=HolderId(holder.id),
    )


def _deleted(
    event_type: str, data: Mapping[str, object], key: str | None, at: datetime
) -> Received:
    kind, name = DELETED[event_type]
    thing = data.get(name)
    # Where nothing was found within the envelope, its id is that of the send-out.
    is_envelope = "event" in data or data.get("type") == event_type
    named = thing if isinstance(thing, Mapping) else {} if is_envelope else data
    own_id = named.get("id")
    if not _is_id(own_id):
        msg = f"{event_type} names no {name}"
        raise MalformedError(msg)
    return Received(
        key=key or _hashed(kind, own_id),
        kind=kind,
        at=at,
        customer_id=CustomerId(own_id) if kind == "customer" else None,
        voucher_id=VoucherId(own_id) if kind == "code" else None,
        campaign_id=CampaignId(own_id) if kind == "campaign" else None,
    )


def _hashed(*parts: str) -> str:
    return "sha256:" + hashlib.sha256("\n".join(parts).encode()).hexdigest()[:32]


def _is_id(value: object) -> TypeGuard[str]:
    return is_text(value) and len(value) <= LONGEST_ID
