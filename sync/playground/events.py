"""Making events: an item for the wire together with its place in the list.

Contract: pure apart from the dice. A list is ordered by (instant, id); an item whose
`created_at` is no instant stands where it was written.
"""

from collections.abc import Callable, Iterable
from datetime import datetime

from sync.playground.dice import Dice, instant_of
from sync.playground.payloads import Parties, Shape, assignment_data, item_body
from sync.playground.values import Event, Json

Change = Callable[[Json], None]
"""Alters a payload or an item in place, before anybody else has seen it."""


def unchanged(_: Json) -> None:
    """The change that changes nothing."""


def plain_event(
    dice: Dice,
    event_type: str,
    data: Json,
    at: datetime,
    *,
    shape: Shape = Shape.FLAT_WITH_SOURCE,
    change: Change = unchanged,
) -> Event:
    """An event of any type; `change` may alter the whole item."""
    item = item_body(
        dice.timed_id("evcus", at),
        event_type,
        data,
        at=at,
        group_id=dice.request_id(),
        shape=shape,
    )
    change(item)
    return event_of(item, at)


def assignment_event(
    dice: Dice,
    event_type: str,
    parties: Parties,
    at: datetime,
    *,
    shape: Shape = Shape.FLAT_WITH_SOURCE,
    change_payload: Change = unchanged,
    change: Change = unchanged,
) -> Event:
    """An event that an assignment was created or deleted.

    `change_payload` sees holder, voucher, campaign and customer whatever the shape; `change`
    then sees the whole item.
    """
    data = assignment_data(parties)
    change_payload(data)
    return plain_event(dice, event_type, data, at, shape=shape, change=change)


def event_of(item: Json, written_at: datetime) -> Event:
    """The place in the list for an item from anywhere.

    Raises:
        ValueError: the item has no id to page by.
    """
    event_id = item.get("id")
    if not isinstance(event_id, str):
        message = "an item of an activity list needs an id"
        raise ValueError(message)
    return Event(event_id, instant_of(item.get("created_at")) or written_at, item)


def in_order(events: Iterable[Event]) -> tuple[Event, ...]:
    """The events as a list shows them, oldest first; copies of one event stay together."""
    return tuple(sorted(events, key=lambda event: (event.at, event.event_id)))
