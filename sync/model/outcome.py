"""What a CRM answered for one unassignment, and what one run did in all."""

from dataclasses import dataclass, field
from datetime import timedelta
from enum import StrEnum

from sync.model.change import Change


class Result(StrEnum):
    """The ways in which a delivery can end."""

    REMOVED = "removed"
    """The CRM showed this assignment; now it does not."""
    ALREADY_REMOVED = "already_removed"
    """The CRM no longer showed it."""
    SUPERSEDED = "superseded"
    """The CRM shows, or may show, a newer assignment: left as it is."""
    ASSIGNMENT_NOT_FOUND = "assignment_not_found"
    """The contact is there, or none is needed; this assignment was never seen."""
    CONTACT_NOT_FOUND = "contact_not_found"
    """No such contact. It may still come, so this is asked again for some days."""
    REJECTED = "rejected"
    """The CRM's own rules forbid it, or it isn't clear whom it is about: a person is needed."""
    RETRY = "retry"
    """Not now: the CRM is down, busy or over its limit."""


FINAL = frozenset(
    {Result.REMOVED, Result.ALREADY_REMOVED, Result.SUPERSEDED, Result.ASSIGNMENT_NOT_FOUND}
)


@dataclass(frozen=True, slots=True)
class Outcome:
    """A result with what a person or the next run must know.

    `reason` is plain text without personal data; `REJECTED` and `RETRY` have one. `after` is how
    long a `RETRY` should wait, if the CRM said so. `change` is what `REMOVED` changed, where the
    adapter can tell; it is a person's data, so it is not shown with the rest.
    """

    result: Result
    reason: str | None = None
    after: timedelta | None = None
    change: Change | None = field(default=None, repr=False)

    def __post_init__(self) -> None:
        """Refuse a change that could not be kept.

        Raises:
            TypeError: it is something else.
        """
        change: object = self.change
        if not isinstance(change, Change | None):
            msg = "the change of an outcome is a Change"
            raise TypeError(msg)

    @classmethod
    def rejected(cls, reason: str) -> "Outcome":
        """A person is needed: becomes a dead letter with this reason."""
        return cls(Result.REJECTED, reason)

    @classmethod
    def retry(cls, reason: str, after: timedelta | None = None) -> "Outcome":
        """Not now: stays pending.

        With `after` the CRM is over its limit: no failure of what it did not take. Without it,
        ten of them, in runs in which another unassignment was taken, make a dead letter.
        """
        return cls(Result.RETRY, reason, after)
