"""Where the JSON of an event names a person, and what is left of it without that person."""

import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

OWN = frozenset({"id", "customer_id"})
"""Keys under which an event names whom it is about; elsewhere it mentions somebody in passing."""
NO_NAMES = frozenset({"code", "created_at", "type", "object"})
"""Keys whose texts name nobody, whatever they look like; an event is nothing without them."""

_BETWEEN_IDS = re.compile(r"[^\w.@%+-]+")
"""What ids stand between in a longer text, such as a link."""


@dataclass(frozen=True, slots=True)
class Person:
    """How a text is known to be this person's id in Voucherify, or the merchant's own id.

    A merchant's ids may be short numbers, so they are looked for only where they are named so.
    """

    has_id: Callable[[str], bool]
    has_source_id: Callable[[str], bool]


def without(evidence: str, person: Person) -> str | None:
    """Give an event's JSON without the texts that name a person.

    None if it is that person's own event: then everything in it may tell of them.
    """
    event = json.loads(evidence)
    if _is_own(event, person):
        return None
    left = _cleared(event, person)
    return evidence if left == event else json.dumps(left, sort_keys=True)


def _is_own(value: Any, person: Person) -> bool:  # noqa: ANN401 - any JSON
    if isinstance(value, list):
        return any(_is_own(each, person) for each in value)
    if not isinstance(value, dict):
        return False
    return any(
        (key in OWN and _names(each, person))
        or (key == "source_id" and isinstance(each, str) and person.has_source_id(each))
        or _is_own(each, person)
        for key, each in value.items()
    )


def _cleared(value: Any, person: Person) -> Any:  # noqa: ANN401 - any JSON
    if isinstance(value, list):
        return [_cleared(each, person) for each in value]
    if isinstance(value, dict):
        return {
            key: each if key in NO_NAMES and isinstance(each, str) else _cleared(each, person)
            for key, each in value.items()
            if not _names(key, person)
        }
    return None if _names(value, person) else value


def _names(value: object, person: Person) -> bool:
    if not isinstance(value, str):
        return False
    return person.has_id(value) or any(map(person.has_id, _BETWEEN_IDS.split(value)))
