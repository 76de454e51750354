"""Broken events of the right type: each has one fault, for which a strict reader refuses it.

The assignment that a broken event speaks of stays, in the truth and in the list of holders.
Every one lies within the window, so every one must become exactly one dead letter.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from sync.playground.dice import stamp
from sync.playground.draft import Draft
from sync.playground.events import Change, unchanged
from sync.playground.payloads import Shape
from sync.playground.traps import Spring, hold
from sync.playground.values import BrokenEvent, Customer, Event, Json

_SOMEBODY = "cust_SomebodyElseEntirely0000"
_SOME_CODE = "v_SomeOtherCodeAltogether000000000"
_SOME_CAMPAIGN = "camp_SomeOtherCampaign0000000"

_Retime = Callable[[datetime, datetime], object]
"""(assigned at, world's now) -> what the item shows as `created_at`."""


@dataclass(frozen=True, slots=True)
class Damage:
    """One fault: done to the payload, to the whole item, or to its time."""

    why: str
    payload: Change = unchanged
    item: Change = unchanged
    time: _Retime | None = None
    shape: Shape = Shape.FLAT_WITH_SOURCE


def _without(key: str) -> Change:
    def damage(payload: Json) -> None:
        del payload[key]

    return damage


def _with(*path: str, value: object) -> Change:
    def damage(payload: Json) -> None:
        *parents, last = path
        for key in parents:
            payload = payload[key]
        payload[last] = value

    return damage


def _person_as_holder(payload: Json) -> None:
    payload["holder"] = dict(payload["customer"])


def _never(_: datetime, __: datetime) -> str:
    return "yesterday around noon"


def _untimed(_: datetime, __: datetime) -> None:
    return None


def _too_early(assigned_at: datetime, _: datetime) -> str:
    return stamp(assigned_at - timedelta(hours=1))


def _tomorrow(_: datetime, now: datetime) -> str:
    return stamp(now + timedelta(days=1))


_DAMAGES = (
    Damage("holder missing", _without("holder")),
    Damage("holder is a customer", _person_as_holder),
    Damage("event in the future", time=_tomorrow),
    Damage("event before its assignment", time=_too_early),
    Damage("event time is no time", time=_never),
    Damage("data is null", item=_with("data", value=None)),
    Damage("voucher missing", _without("voucher")),
    Damage("customer.id disagrees", _with("customer", "id", value=_SOMEBODY)),
    Damage("code empty", _with("voucher", "code", value="")),
    Damage("not a voucher", _with("holder", "redeemable_object", value="promotion_tier")),
    Damage("campaign missing", _with("campaign", value=None), shape=Shape.NESTED),
    Damage("customer missing", _without("customer"), shape=Shape.FLAT),
    Damage("voucher.id disagrees", _with("voucher", "id", value=_SOME_CODE)),
    Damage("campaign.id disagrees", _with("campaign", "id", value=_SOME_CAMPAIGN)),
    Damage("voucher.campaign_id disagrees", _with("voucher", "campaign_id", value=_SOME_CAMPAIGN)),
    Damage("data is text", item=_with("data", value="see attachment")),
    Damage("event time missing", time=_untimed),
    Damage("holder.id missing", _with("holder", "id", value=None)),
)


def _spring(damage: Damage) -> Spring:
    def spring(draft: Draft, customer: Customer) -> Iterator[Event]:
        at = draft.recent()
        is_early = damage.time is _too_early
        holder = hold(draft, customer, at if is_early else draft.assigned_before(at))

        def change(item: Json) -> None:
            damage.item(item)
            if damage.time is not None:
                item["created_at"] = damage.time(holder.assigned_at, draft.now)

        event = draft.deleted_event(
            holder, at, shape=damage.shape, change_payload=damage.payload, change=change
        )
        draft.write(customer.customer_id, event)
        draft.broken.append(BrokenEvent(event.event_id, customer.customer_id, damage.why))
        yield event

    return spring


BROKEN: tuple[tuple[str, Spring], ...] = tuple((one.why, _spring(one)) for one in _DAMAGES)
