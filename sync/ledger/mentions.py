"""Where the JSON of an event names a person, and what is left of it without that person."""

import json
import re
from collections.abc import Callable
from typing import Any

OWN = frozenset({"id", "customer_id"})
"""Keys under which an event names whom it is about; elsewhere it mentions somebody in passing."""

_BETWEEN_IDS = re.compile(r"[^\w.@%+-]+")
"""What ids stand between in a longer text, such as a link."""

IsMeant = Callable[[str], bool]


def without(evidence: str, is_meant: IsMeant) -> str | None:
    """Give an event's JSON without the texts that name a person.

    None if it is that person's own event: then everything in it may tell of them.
    """
    event = json.loads(evidence)
    if _is_own(event, is_meant):
        return None
    left = _cleared(event, is_meant)
    return evidence if left == event else json.dumps(left, sort_keys=True)


def _is_own(value: Any, is_meant: IsMeant) -> bool:  # noqa: ANN401 - any JSON
    if isinstance(value, list):
        return any(_is_own(each, is_meant) for each in value)
    if not isinstance(value, dict):
        return False
    return any(
        (key in OWN and _names(each, is_meant)) or _is_own(each, is_meant)
        for key, each in value.items()
    )


def _cleared(value: Any, is_meant: IsMeant) -> Any:  # noqa: ANN401 - any JSON
    if isinstance(value, list):
        return [_cleared(each, is_meant) for each in value]
    if isinstance(value, dict):
        kept = {key: each for key, each in value.items() if not _names(key, is_meant)}
        return {key: _cleared(each, is_meant) for key, each in kept.items()}
    return None if _names(value, is_meant) else value


def _names(value: object, is_meant: IsMeant) -> bool:
    if not isinstance(value, str):
        return False
    return is_meant(value) or any(map(is_meant, _BETWEEN_IDS.split(value)))
