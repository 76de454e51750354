"""What one item of a customer's activity turned out to be."""

from dataclasses import dataclass
from datetime import datetime

from sync.model.unassignment import Assignment, CustomerId, HolderId, Unassignment


@dataclass(frozen=True, slots=True)
class Unassigned:
    """A valid event of our type about the customer that was asked for."""

    unassignment: Unassignment


@dataclass(frozen=True, slots=True)
class Assigned:
    """A `customer.holder.assignment.created` event: remembered, never mirrored."""

    assignment: Assignment


@dataclass(frozen=True, slots=True)
class Hint:
    """An event of our type about another customer: a reason to ask that one, not a finding.

    `holder_id` is the assignment it tells of: once that is known to have ended, nobody is asked.
    `at` is when that happened (UTC): whoever asks has to read that far back.
    """

    customer_id: CustomerId
    holder_id: HolderId
    at: datetime


@dataclass(frozen=True, slots=True)
class Invalid:
    """Something that needs a person: it is, or may be, an unassignment and can't be understood.

    `key` is stable, so that reading it again doesn't make a second dead letter. `evidence` is the
    item as JSON text without names and metadata.
    """

    key: str
    reason: str
    evidence: str


Finding = Unassigned | Assigned | Hint | Invalid


@dataclass(frozen=True, slots=True)
class Page:
    """One page of a customer's activity, read and understood.

    `server_time` is the page's `Date`. `next_after` is where the next page starts; None on the
    last one. `read` counts the items received, `matched` those of our type, valid or not. `ids` are
    the items' own ids, to notice a page that brings nothing new.
    """

    server_time: datetime
    newest: datetime | None
    findings: tuple[Finding, ...]
    read: int
    matched: int
    next_after: str | None
    ids: frozenset[str]


@dataclass(frozen=True, slots=True)
class Gone:
    """A customer was deleted in Voucherify, and what follows from it.

    `derived` are unassignments that no event tells; `letter` is the reason of a dead letter, None
    if nothing is known that a person would have to look after, and `left` are whom it is about.
    """

    customer_id: CustomerId
    derived: tuple[Unassignment, ...] = ()
    letter: str | None = None
    left: tuple[HolderId, ...] = ()
