"""What an unassignment changes in one record of a CRM, and what became of taking that back."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from itertools import chain

Fields = Mapping[str, str]
"""Fields of a record by name; an empty text is an empty field."""


@dataclass(frozen=True, slots=True)
class Change:
    """One record's fields as they were, and as an unassignment leaves them.

    `record_id` is the CRM's own. Both sides name the same fields, those that change. What they hold
    is a person's data: it is kept for an undo, for a while, and shown only where somebody asked for
    it. A record that is deleted has no `after`, and can't be written back.
    """

    record_id: str
    before: Fields
    after: Fields

    def __post_init__(self) -> None:
        """Refuse what could not be kept: an adapter may be anybody's, and hand on what it read.

        Raises:
            TypeError: something is no text.
        """
        texts: list[object] = [self.record_id]
        sides: tuple[object, ...] = (self.before, self.after)
        for side in sides:
            texts += chain.from_iterable(side.items()) if isinstance(side, Mapping) else [None]
        if not all(isinstance(each, str) for each in texts):
            msg = "a change names a record and its fields by texts"
            raise TypeError(msg)

    @property
    def deletes(self) -> bool:
        """Tell whether the whole record goes."""
        return not self.after


class Undone(StrEnum):
    """The ways in which taking back one change can end."""

    RESTORED = "restored"
    """The record showed what we left; now it shows what was there before."""
    ALREADY_RESTORED = "already_restored"
    """It shows what was there before."""
    CHANGED_SINCE = "changed_since"
    """Somebody wrote into it after us: left as it is."""
    NOT_FOUND = "not_found"
    """The CRM no longer has this record."""
    REJECTED = "rejected"
    """The CRM's own rules forbid it, or it can't be written back at all."""
    RETRY = "retry"
    """Not now: the CRM is down, busy or over its limit."""


@dataclass(frozen=True, slots=True)
class Restored:
    """What became of one change; `reason` is plain text without personal data."""

    result: Undone
    reason: str | None = None
