"""A world in the making: the bookkeeping that keeps lists, truth and the CRM's belief in step.

Contract: whoever writes an assignment or an unassignment goes through a `Draft`, so the truth
can't drift from the lists. `freeze` ends it.
"""

from collections import defaultdict
from collections.abc import Iterable
from datetime import datetime, timedelta

from sync.playground.assignments import as_believed, ended, new_holder
from sync.playground.dice import Dice
from sync.playground.events import Change, assignment_event, in_order, unchanged
from sync.playground.payloads import Parties, Shape
from sync.playground.people import SETTLED, is_settled, off_border
from sync.playground.values import (
    CREATED,
    DELETED,
    LOOKBACK,
    BrokenEvent,
    CrmRow,
    Customer,
    Event,
    ForeignEvent,
    HolderTruth,
    Trap,
    Voucher,
)
from sync.playground.world import World

_QUIET = timedelta(minutes=10)
_AN_HOUR = timedelta(hours=1)
_ORDINARY_SHAPES = (Shape.FLAT_WITH_SOURCE, Shape.FLAT_WITH_SOURCE, Shape.FLAT, Shape.NESTED)


class Draft:
    """Collects what becomes a `World`. All of it depends on the dice alone."""

    def __init__(self, dice: Dice, now: datetime, customers: Iterable[Customer]) -> None:
        self.dice = dice
        self.now = now
        self.customers = {customer.customer_id: customer for customer in customers}
        self.deleted: dict[str, Customer] = {}
        self.vouchers: dict[str, Voucher] = {}
        self.truth: dict[str, HolderTruth] = {}
        self.broken: list[BrokenEvent] = []
        self.foreign: list[ForeignEvent] = []
        self.traps: list[Trap] = []
        self._believed: list[CrmRow] = []
        self._held: dict[str, set[str]] = defaultdict(set)
        self._events: dict[str, list[Event]] = defaultdict(list)

    def settled(self) -> list[Customer]:
        """The customers that are old enough to hold codes."""
        return [one for one in self.customers.values() if is_settled(one, self.now)]

    def recent(self, after: datetime | None = None) -> datetime:
        """An instant well within the window, at least ten minutes ago and not before `after`."""
        start = self.now - LOOKBACK + timedelta(days=2)
        return self.dice.moment(max(start, after or start), self.now - _QUIET)

    def assigned_before(self, end: datetime) -> datetime:
        """When a code was assigned that was still held an hour before `end`."""
        start = self.now - SETTLED + timedelta(days=1)
        return off_border(self.now, self.dice.moment(start, end - _AN_HOUR))

    def free_voucher(self, customer: Customer) -> Voucher | None:
        """A referral code that the customer neither owns nor ever held; None if none is left."""
        held = self._held[customer.customer_id]
        free = [
            voucher
            for voucher in self.vouchers.values()
            if voucher.campaign.is_referral
            and voucher.owner_id != customer.customer_id
            and voucher.voucher_id not in held
        ]
        return self.dice.one_of(free) if free else None

    def write(self, customer_id: str, event: Event) -> None:
        """Put an event on a customer's list. It changes no truth."""
        self._events[customer_id].append(event)

    def assign(
        self,
        customer: Customer,
        voucher: Voucher,
        at: datetime,
        role: str = "REFEREE",
        *,
        known: bool = True,
    ) -> HolderTruth:
        """Assign a code, with its event; the CRM believes in it from then on if it is `known`."""
        holder = new_holder(self.dice, customer, voucher, at, role)
        self.truth[holder.holder_id] = holder
        self._held[customer.customer_id].add(voucher.voucher_id)
        if known:
            self._believed.append(as_believed(holder))
        shape = self.dice.one_of(_ORDINARY_SHAPES)
        parties = Parties(holder, customer, voucher)
        event = assignment_event(self.dice, CREATED, parties, at, shape=shape)
        self.write(customer.customer_id, event)
        return holder

    def deleted_event(
        self,
        holder: HolderTruth,
        at: datetime,
        *,
        shape: Shape | None = None,
        change_payload: Change = unchanged,
        change: Change = unchanged,
    ) -> Event:
        """An event that this assignment was deleted; it is on no list yet."""
        return assignment_event(
            self.dice,
            DELETED,
            self.parties(holder),
            at,
            shape=shape or self.dice.one_of(_ORDINARY_SHAPES),
            change_payload=change_payload,
            change=change,
        )

    def parties(self, holder: HolderTruth) -> Parties:
        """The assignment with its person and its code."""
        customer, voucher = self.customers[holder.customer_id], self.vouchers[holder.voucher_id]
        return Parties(holder, customer, voucher)

    def end(self, holder: HolderTruth, event: Event) -> Event:
        """End an assignment by a valid event, which goes on the list of the person."""
        self.write(holder.customer_id, event)
        self.truth[holder.holder_id] = ended(holder, event, self.now)
        return event

    def remove(self, customer: Customer) -> None:
        """Delete a customer: the list goes with it, the CRM's rows stay."""
        self.deleted[customer.customer_id] = self.customers.pop(customer.customer_id)
        self._events.pop(customer.customer_id, None)

    def freeze(self) -> World:
        """The finished world."""
        return World(
            now=self.now,
            customers=tuple(self.customers.values()),
            deleted_customers=tuple(self.deleted.values()),
            vouchers=tuple(self.vouchers.values()),
            truth=self.truth,
            crm_today=tuple(self._believed),
            broken=tuple(self.broken),
            foreign=tuple(self.foreign),
            traps=tuple(self.traps),
            events={one: in_order(self._events[one]) for one in self.customers},
        )
