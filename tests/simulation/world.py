"""What really happened in the shop's Voucherify project: the truth that everything is held to.

Only this file knows what is so. The tool learns of it through `voucherify.py` alone, page by page.
"""

from datetime import timedelta
from itertools import count

from tests.simulation import payloads
from tests.simulation.records import Assignment, Customer, Event, Hook, Kind, Voucher

AT_ONCE = timedelta()
FAR, PRIME = 7_919, 1_000_003
"""With these, ids jump up and down, and none comes twice."""


class World:
    """Customers, codes, assignments and events; each step happens at the clock's true time.

    `hooks` are the webhooks that wait to be sent. Holder ids rise with time, or, with `ids_rise`
    False, they don't.
    """

    def __init__(self, clock, *, ids_rise=True):
        self.clock = clock
        self._ids_rise = ids_rise
        self.customers = {}
        self.assignments = {}
        self.events = {}
        self.vouchers = {}
        self.hooks = []
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
            self.ends_silently(assignment)
        self._sends_deletion("customer", customer.id)

    def issues(self):
        number = next(self._numbers)
        voucher = Voucher(
            id=f"v_{number:06d}",
            code=f"FRIEND-{number}",
            campaign_id=f"camp_{number % 3}",
            referrer_id=f"rh_{number:06d}_owner",
            created_at=self.clock.stamp,
        )
        self.vouchers[voucher.id] = voucher
        return voucher

    def deletes(self, voucher):
        """A code is deleted, and no event tells its holders."""
        self._takes_away(voucher)
        self._sends_deletion("voucher", voucher.id)

    def deletes_campaign(self, campaign_id):
        """A campaign is deleted with its codes, and no event tells anybody."""
        for voucher in self.issued():
            if voucher.campaign_id == campaign_id:
                self._takes_away(voucher)
        self._sends_deletion("campaign", campaign_id)

    def ends_silently(self, assignment):
        """An assignment ends, and no event tells of that."""
        assignment.ended_at = self.clock.true

    def assigns(self, customer, voucher, *, late=AT_ONCE):
        """A customer gets a voucher, under an id that nobody had before."""
        number, now = next(self._numbers), self.clock.stamp
        if not self._ids_rise:
            number = number * FAR % PRIME
        assignment = Assignment(f"rh_{number:06d}", customer, voucher, now)
        self.assignments[assignment.holder_id] = assignment
        assignment.began = self._told(Kind.ASSIGNED, customer, assignment, late=late)
        return assignment

    def unassigns(self, assignment, *, late=AT_ONCE, ahead=AT_ONCE, shape="A", repeated=False):
        """An assignment ends; the event may appear `late`, or be dated `ahead` of its time."""
        assignment.ended_at = self.clock.true
        event = self._told(
            Kind.UNASSIGNED,
            assignment.customer,
            assignment,
            late=late,
            ahead=ahead,
            shape=shape,
            repeated=repeated,
        )
        body = payloads.assignment(event.id, payloads.UNASSIGNED, event.at, assignment, "A")
        self.hooks.append(Hook(body, event))
        return event

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

    def holders_of(self, voucher):
        return [
            each for each in self.assignments.values() if each.voucher is voucher and each.stands
        ]

    def standing(self):
        return [each for each in self.assignments.values() if each.stands]

    def issued(self):
        return [each for each in self.vouchers.values() if each.left_at is None]

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

    def _takes_away(self, voucher):
        voucher.left_at = self.clock.true
        for assignment in self.holders_of(voucher):
            self.ends_silently(assignment)

    def _sends_deletion(self, kind, own_id):
        event_id, now = self._new_event_id(), self.clock.stamp
        self.hooks.append(Hook(payloads.deletion(event_id, now, kind, own_id)))

    def _listed(self, event):
        self.events[event.id] = event
        event.owner.events.append(event)
        event.owner.events.sort(key=lambda each: (each.at, each.id))
        return event

    def _new_event_id(self):
        return f"evcus_{next(self._numbers):06d}"
