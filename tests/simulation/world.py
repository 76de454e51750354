"""What really happened in the shop's Voucherify project: the truth that everything is held to.

Only this file knows what is so. The tool learns of it through `voucherify.py` alone, page by page.
"""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import Enum
from itertools import count

from tests.simulation import payloads

AT_ONCE = timedelta()
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


@dataclass(frozen=True, slots=True)
class Voucher:
    id: str
    code: str
    campaign_id: str


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
    """`ended_at` is when it was true no more, whoever tells of it."""

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


class World:
    """Customers, assignments and events; each step happens at the clock's true time."""

    def __init__(self, clock):
        self.clock = clock
        self.customers = {}
        self.assignments = {}
        self.events = {}
        self.vouchers = []
        self._numbers = count(1)

    def joins(self, *, listed_after=AT_ONCE):
        """A customer is created; `listed_after` None keeps them out of the list for ever."""
        number, now = next(self._numbers), self.clock.stamp
        customer = Customer(
            id=f"cust_{number:06d}",
            source_id=f"shop/{number}",
            email=f"person{number}@example.com",
            created_at=now,
            listed_from=None if listed_after is None else now + listed_after,
        )
        self.customers[customer.id] = customer
        return customer

    def leaves(self, customer):
        """A customer is deleted, with all their events."""
        customer.left_at = self.clock.true
        for assignment in self.held_by(customer):
            assignment.ended_at = self.clock.true

    def issues(self):
        number = next(self._numbers)
        voucher = Voucher(f"v_{number:06d}", f"FRIEND-{number}", f"camp_{number % 3}")
        self.vouchers.append(voucher)
        return voucher

    def assigns(self, customer, voucher, *, late=AT_ONCE):
        """A customer gets a voucher, under an id that nobody had before."""
        number, now = next(self._numbers), self.clock.stamp
        assignment = Assignment(f"rh_{number:06d}", customer, voucher, now)
        self.assignments[assignment.holder_id] = assignment
        assignment.began = self._told(Kind.ASSIGNED, customer, assignment, late=late)
        return assignment

    def unassigns(self, assignment, *, late=AT_ONCE, ahead=AT_ONCE, shape="A", repeated=False):
        """An assignment ends; the event may appear `late`, or be dated `ahead` of its time."""
        assignment.ended_at = self.clock.true
        return self._told(
            Kind.UNASSIGNED,
            assignment.customer,
            assignment,
            late=late,
            ahead=ahead,
            shape=shape,
            repeated=repeated,
        )

    def tells_again(self, assignment, shape="A"):
        """The same end is told once more, later, by an event with another id."""
        return self._told(Kind.UNASSIGNED, assignment.customer, assignment, shape=shape)

    def misfiles(self, event, customer):
        """An event of somebody else appears in a customer's list too, with its own time."""
        event_id, held = self._new_event_id(), event.assignment
        began = event.kind is Kind.ASSIGNED
        of_type = payloads.ASSIGNED if began else payloads.UNASSIGNED
        text = payloads.assignment(event_id, of_type, event.at, held, "A")
        seen_from = max(event.seen_from, self.clock.true)
        kind = Kind.MISFILED_ASSIGNED if began else Kind.MISFILED
        return self._listed(Event(event_id, kind, customer, event.at, seen_from, text, held))

    def says_nonsense(self, customer, how):
        """An event appears that may be an unassignment and can't be understood."""
        event_id, now = self._new_event_id(), self.clock.stamp
        text = payloads.nonsense(event_id, now, customer, how)
        return self._listed(Event(event_id, Kind.NONSENSE, customer, now, self.clock.true, text))

    def chats(self, customer):
        """An event of another type appears."""
        event_id, now = self._new_event_id(), self.clock.stamp
        text = payloads.other(event_id, now, customer)
        return self._listed(Event(event_id, Kind.OTHER, customer, now, self.clock.true, text))

    def held_by(self, customer):
        return [
            each for each in self.assignments.values() if each.customer is customer and each.stands
        ]

    def standing(self):
        return [each for each in self.assignments.values() if each.stands]

    def here(self):
        return [each for each in self.customers.values() if each.left_at is None]

    def _told(
        self, kind, owner, assignment, *, late=AT_ONCE, ahead=AT_ONCE, shape="A", repeated=False
    ):
        event_id, at = self._new_event_id(), self.clock.stamp + ahead
        of_type = payloads.ASSIGNED if kind is Kind.ASSIGNED else payloads.UNASSIGNED
        text = payloads.assignment(event_id, of_type, at, assignment, shape)
        seen_from = self.clock.true + late
        event = Event(event_id, kind, owner, at, seen_from, text, assignment, repeated)
        if kind is Kind.UNASSIGNED:
            assignment.told_by.append(event)
        return self._listed(event)

    def _listed(self, event):
        self.events[event.id] = event
        event.owner.events.append(event)
        event.owner.events.sort(key=lambda each: (each.at, each.id))
        return event

    def _new_event_id(self):
        return f"evcus_{next(self._numbers):06d}"
