"""The traps: everything known or feared about this event, each on a list of its own.

Here are the events that count (in every shape, with nulls, strangers, ties and copies) and those
that only look as if they did; the broken ones are in `broken.py`. A trap springs on one settled
customer; one that finds no free code is left out, which only happens in tiny worlds.
"""

from collections.abc import Callable, Iterable, Iterator
from datetime import datetime, timedelta

from sync.playground.draft import Draft
from sync.playground.events import plain_event
from sync.playground.payloads import Shape, assignment_data, customer_with_metadata
from sync.playground.values import DELETED, Customer, Event, ForeignEvent, HolderTruth, Json, Trap

Spring = Callable[[Draft, Customer], Iterable[Event]]
"""Sets one trap and yields the events that make it up, the one that matters first."""

_AN_HOUR = timedelta(hours=1)
_A_DAY = timedelta(days=1)


class NoRoomError(Exception):
    """The world is too small for this trap."""


def hold(draft: Draft, customer: Customer, at: datetime, *, known: bool = True) -> HolderTruth:
    """Give the customer a code at the instant `at`.

    Raises:
        NoRoomError: no code is left for this customer.
    """
    voucher = draft.free_voucher(customer)
    if voucher is None:
        raise NoRoomError
    return draft.assign(customer, voucher, at, known=known)


def set_traps(draft: Draft, traps: Iterable[tuple[str, Spring]], victims: list[Customer]) -> None:
    """Set each trap on the next victim, as far as there are any."""
    for (name, spring), customer in zip(traps, victims, strict=False):
        try:
            events = list(spring(draft, customer))
        except NoRoomError:
            continue
        draft.traps.append(Trap(name, _list_of(draft, events[0], customer), events[0].event_id))


def _list_of(draft: Draft, event: Event, victim: Customer) -> str:
    """On whose list an event stands, if the trap chose somebody else than its victim."""
    by_event = {one.event_id: one.customer_id for one in draft.truth.values() if one.event_id}
    return by_event.get(event.event_id, victim.customer_id)


def _in_shape(shape: Shape) -> Spring:
    def spring(draft: Draft, customer: Customer) -> Iterator[Event]:
        at = draft.recent()
        holder = hold(draft, customer, draft.assigned_before(at))
        yield draft.end(holder, draft.deleted_event(holder, at, shape=shape))

    return spring


def _with_nulls(draft: Draft, _: Customer) -> Iterator[Event]:
    def more_nulls(item: Json) -> None:
        item["group_id"] = None
        item["data"]["holder"]["campaign_type"] = None

    nameless = [one for one in draft.settled() if one.name is one.email is one.source_id is None]
    if not nameless:
        raise NoRoomError
    at = draft.recent()
    holder = hold(draft, nameless[0], draft.assigned_before(at))
    yield draft.end(holder, draft.deleted_event(holder, at, shape=Shape.FLAT, change=more_nulls))


def _with_strangers(draft: Draft, customer: Customer) -> Iterator[Event]:
    def strange_payload(data: Json) -> None:
        data["holder"] |= {
            "metadata": {"table": 7},
            "voucher_type": "STORE_CREDIT",
            "campaign_type": "AMBASSADOR_PROGRAM",
        }
        data["campaign"]["type"] = "SELF_DRIVING"
        data["customer"]["pronouns"] = None
        data["ledger_entry"] = [{"holder": "not this one"}]

    def strange_item(item: Json) -> None:
        item |= {"object": "event", "category": "SIDE_EFFECT", "version": 3, "holder": "nor this"}

    at = draft.recent()
    holder = hold(draft, customer, draft.assigned_before(at))
    yield draft.end(
        holder,
        draft.deleted_event(holder, at, change_payload=strange_payload, change=strange_item),
    )


def _with_unknown_role(draft: Draft, customer: Customer) -> Iterator[Event]:
    voucher = draft.free_voucher(customer)
    if voucher is None:
        raise NoRoomError
    at = draft.recent()
    holder = draft.assign(customer, voucher, draft.assigned_before(at), "AMBASSADOR")
    yield draft.end(holder, draft.deleted_event(holder, at))


def _with_time_written_as(write: Callable[[datetime], str]) -> Spring:
    def spring(draft: Draft, customer: Customer) -> Iterator[Event]:
        at = draft.recent()
        holder = hold(draft, customer, draft.assigned_before(at))

        def rewrite(item: Json) -> None:
            item["created_at"] = write(at)

        yield draft.end(holder, draft.deleted_event(holder, at, change=rewrite))

    return spring


def _microseconds(at: datetime) -> str:
    return at.isoformat(timespec="microseconds")


def _in_another_zone(at: datetime) -> str:
    return (at + 2 * _AN_HOUR).replace(tzinfo=None).isoformat(timespec="milliseconds") + "+02:00"


def _twice_at_one_instant(draft: Draft, customer: Customer) -> Iterator[Event]:
    at = draft.recent()
    first = hold(draft, customer, draft.assigned_before(at))
    second = hold(draft, customer, draft.assigned_before(at))
    draft.write(customer.customer_id, plain_event(draft.dice, "customer.updated", {}, at))
    yield draft.end(first, draft.deleted_event(first, at))
    yield draft.end(second, draft.deleted_event(second, at))


def _just_before_its_assignment(draft: Draft, customer: Customer) -> Iterator[Event]:
    holder = hold(draft, customer, draft.recent())
    at = holder.assigned_at - timedelta(milliseconds=400)
    yield draft.end(holder, draft.deleted_event(holder, at))


def _listed_twice(draft: Draft, customer: Customer) -> Iterator[Event]:
    at = draft.recent()
    holder = hold(draft, customer, draft.assigned_before(at))
    event = draft.end(holder, draft.deleted_event(holder, at))
    draft.write(customer.customer_id, event)
    yield event


def _assigned_again(draft: Draft, customer: Customer) -> Iterator[Event]:
    at = draft.dice.moment(draft.recent() - _A_DAY, draft.now - _A_DAY)
    holder = hold(draft, customer, draft.assigned_before(at))
    event = draft.end(holder, draft.deleted_event(holder, at))
    draft.assign(customer, draft.vouchers[holder.voucher_id], draft.recent(at + _AN_HOUR))
    yield event


def _on_a_strangers_list_too(draft: Draft, customer: Customer) -> Iterator[Event]:
    others = [one for one in draft.settled() if one.customer_id != customer.customer_id]
    if not others:
        raise NoRoomError
    at = draft.recent()
    holder = hold(draft, draft.dice.one_of(others), draft.assigned_before(at))
    event = draft.end(holder, draft.deleted_event(holder, at))
    draft.write(customer.customer_id, event)
    draft.foreign.append(ForeignEvent(event.event_id, holder.customer_id, customer.customer_id))
    yield event


def _unknown_to_the_crm(draft: Draft, customer: Customer) -> Iterator[Event]:
    holder = hold(draft, customer, draft.recent(), known=False)
    at = draft.dice.moment(holder.assigned_at, draft.now - timedelta(minutes=5))
    yield draft.end(holder, draft.deleted_event(holder, at))


def _before_the_window(draft: Draft, customer: Customer) -> Iterator[Event]:
    at = draft.dice.moment(draft.now - 100 * _A_DAY, draft.now - 32 * _A_DAY)
    holder = hold(draft, customer, draft.assigned_before(at))
    yield draft.end(holder, draft.deleted_event(holder, at))


def _of_type(event_type: str) -> Spring:
    def spring(draft: Draft, customer: Customer) -> Iterator[Event]:
        at = draft.recent()
        holder = hold(draft, customer, draft.assigned_before(at))
        data = assignment_data(draft.parties(holder))
        event = plain_event(draft.dice, event_type, data, at)
        draft.write(customer.customer_id, event)
        yield event

    return spring


def _with_a_person_as_holder(draft: Draft, customer: Customer) -> Iterator[Event]:
    person = customer_with_metadata(customer)
    data: Json = {"holder": person, "customer": person, "balance": 20, "reward": {"id": "rew_1"}}
    event = plain_event(draft.dice, "customer.reward_redemptions.created", data, draft.recent())
    draft.write(customer.customer_id, event)
    yield event


def _told_in_free_text(draft: Draft, customer: Customer) -> Iterator[Event]:
    at = draft.recent()
    holder = hold(draft, customer, draft.assigned_before(at))
    copy = assignment_data(draft.parties(holder))
    told: Json = {"note": f"saw {DELETED} yesterday", "type": DELETED, "data": copy}
    data: Json = {"customer": customer_with_metadata(customer), "event": {"metadata": told}}
    event = plain_event(draft.dice, "customer.custom_event", data, at)
    draft.write(customer.customer_id, event)
    yield event


VALID: tuple[tuple[str, Spring], ...] = (
    *((f"shape {shape.value}", _in_shape(shape)) for shape in Shape),
    ("nulls", _with_nulls),
    ("unknown keys and values", _with_strangers),
    ("assigned again", _assigned_again),
    ("somebody else's event", _on_a_strangers_list_too),
    ("listed twice", _listed_twice),
    ("equal timestamps", _twice_at_one_instant),
    *((f"unknown to the CRM {n}", _unknown_to_the_crm) for n in (1, 2, 3)),
    *((f"before the window {n}", _before_the_window) for n in (1, 2, 3, 4, 5)),
    ("unknown role", _with_unknown_role),
    ("time with microseconds", _with_time_written_as(_microseconds)),
    ("time in another zone", _with_time_written_as(_in_another_zone)),
    ("just before its assignment", _just_before_its_assignment),
)

LOOK_ALIKES: tuple[tuple[str, Spring], ...] = (
    ("person as holder", _with_a_person_as_holder),
    ("told in free text", _told_in_free_text),
    ("type with a suffix", _of_type(f"{DELETED}.v2")),
    ("type in capitals", _of_type("Customer.Holder.Assignment.Deleted")),
    ("type without its prefix", _of_type(DELETED.removeprefix("customer."))),
)
