"""What a shop's Voucherify project holds: customers, codes, assignments and events."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import Enum

FUTURE_TAKEN = timedelta(minutes=5)
"""An event dated further ahead needs a person."""


class Kind(Enum):
    """What an event in somebody's list tells."""

    ASSIGNED = "an assignment began"
    UNASSIGNED = "an assignment ended"
    MISFILED = "somebody else's assignment ended"
    MISFILED_ASSIGNED = "somebody else's assignment began"
    NONSENSE = "something that can't be understood"
    OTHER = "something that is not ours"


@dataclass(eq=False, slots=True)
class Voucher:
    """A referral code; `referrer_id` is the holder's id of whose code it is."""

    id: str
    code: str
    campaign_id: str
    referrer_id: str
    created_at: datetime
    left_at: datetime | None = None

    def is_here(self, at):
        return self.left_at is None or at < self.left_at

    def __repr__(self):
        return self.id


@dataclass(eq=False, slots=True)
class Customer:
    """`listed_from` is when List Customers begins to show them; None: it never does."""

    id: str
    source_id: str
    email: str
    created_at: datetime
    listed_from: datetime | None
    left_at: datetime | None = None
    events: list["Event"] = field(default_factory=list)

    def is_here(self, at):
        return self.left_at is None or at < self.left_at

    def is_listed(self, at):
        return self.is_here(at) and self.listed_from is not None and self.listed_from <= at

    def __repr__(self):
        return self.id


@dataclass(eq=False, slots=True)
class Assignment:
    """`ended_at` is when it was true no more, whoever tells of it; an event may never do so."""

    holder_id: str
    customer: Customer
    voucher: Voucher
    assigned_at: datetime
    ended_at: datetime | None = None
    began: "Event" = None
    told_by: list["Event"] = field(default_factory=list)

    @property
    def stands(self):
        return self.ended_at is None

    def __repr__(self):
        return self.holder_id


@dataclass(frozen=True, eq=False, slots=True)
class Event:
    """`at` is its `created_at`; it is in the list from `seen_from` on, often the same instant."""

    id: str
    kind: Kind
    owner: Customer
    at: datetime
    seen_from: datetime
    text: str
    assignment: Assignment | None = None
    repeated: bool = False

    @property
    def is_too_early(self):
        """Whether it was first seen with a date too far ahead to be believed."""
        return self.at - self.seen_from > FUTURE_TAKEN - timedelta(seconds=10)

    def __repr__(self):
        return f"{self.id} ({self.kind.value}, {self.at:%m-%dT%H:%M:%S}, of {self.owner})"


@dataclass(frozen=True, slots=True)
class Hook:
    """A webhook that Voucherify has to send; `event` is the unassignment that it tells of."""

    body: str
    event: Event | None = None
