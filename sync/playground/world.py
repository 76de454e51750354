"""The world that a playground shows: one immutable snapshot of everything, truth included.

Contract: a change makes a new `World` (`changes.py`); what somebody read from an old one stays
as it was. The mappings are not to be written.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from typing import Any

from sync.playground.values import (
    LOOKBACK,
    BrokenEvent,
    CrmRow,
    Customer,
    Event,
    ForeignEvent,
    HolderTruth,
    Holding,
    Trap,
    Voucher,
)

_PAGE = 100


@dataclass(frozen=True)  # without slots: the indexes below are computed once and kept
class World:
    """Everything there is at one time.

    Attributes:
        now: The instant at which the world was made, in whole seconds.
        customers: Those that List Customers shows.
        deleted_customers: Those that answer 404; `crm_today` may still know them.
        vouchers: All codes; those of the discount campaign are noise.
        deleted_vouchers: Those that answer 404, deleted alone or with their campaign.
        vanished: The holder ids that ended without any event, alone or with their code: nobody
            holds them, and `truth` says "assigned", since no event says anything else.
        truth: By holder id, every assignment that a CRM believes today or should know in the end.
        crm_today: What the CRM believes before the tool's first run.
        broken: The events within the window that must become one dead letter each.
        foreign: The events that stand in somebody else's list as well.
        traps: Which trap stands in which list.
        events: By customer id, oldest first.
    """

    now: datetime
    customers: tuple[Customer, ...]
    deleted_customers: tuple[Customer, ...]
    vouchers: tuple[Voucher, ...]
    truth: Mapping[str, HolderTruth]
    crm_today: tuple[CrmRow, ...]
    broken: tuple[BrokenEvent, ...]
    foreign: tuple[ForeignEvent, ...]
    traps: tuple[Trap, ...]
    events: Mapping[str, tuple[Event, ...]]
    deleted_vouchers: tuple[Voucher, ...] = ()
    vanished: frozenset[str] = frozenset()

    @property
    def window_start(self) -> datetime:
        """30 days before `now`: nothing ever happens within hours of it."""
        return self.now - LOOKBACK

    def customer(self, reference: str) -> Customer | None:
        """The customer with this id or source id; None if there is none, or no more."""
        return self._customers_by_reference.get(reference)

    def voucher(self, reference: str) -> Voucher | None:
        """The voucher with this id or code; None if there is none."""
        return self._vouchers_by_reference.get(reference)

    def activity(self, customer_id: str) -> tuple[Mapping[str, Any], ...]:
        """The raw items of one customer's list, oldest first; empty for a deleted customer."""
        return tuple(event.item for event in self.events.get(customer_id, ()))

    def event_count(self, customer_id: str, since: datetime | None = None) -> int:
        """How many items a customer's list has, from the instant `since` on."""
        events = self.events.get(customer_id, ())
        return sum(since is None or event.at >= since for event in events)

    def is_held(self, holder: HolderTruth) -> bool:
        """Whether an assignment is there now: not ended, nor vanished, nor a deleted customer's."""
        return (
            holder.status == "assigned"
            and holder.holder_id not in self.vanished
            and self.customer(holder.customer_id) is not None
        )

    def holders_of(self, voucher_id: str) -> tuple[HolderTruth, ...]:
        """Who holds a code now; a deleted customer holds nothing."""
        return self._holders_by_voucher.get(voucher_id, ())

    def held_by(self, customer_id: str) -> tuple[Holding, ...]:
        """What somebody holds now, by id; the discount codes that they own as well."""
        return self._holdings_by_customer.get(customer_id, ())

    def minimum_calls(self, window_start: datetime) -> int:
        """The fewest calls that list all customers and then read everybody from `window_start`.

        Pages of 100 on both; a customer without events still costs one call.
        """
        pages = [
            max(1, -(-self.event_count(customer.customer_id, window_start) // _PAGE))
            for customer in self.customers
        ]
        return max(1, -(-len(self.customers) // _PAGE)) + sum(pages)

    @cached_property
    def by_creation(self) -> tuple[Customer, ...]:
        """The customers, oldest first."""
        return tuple(sorted(self.customers, key=lambda one: (one.created_at, one.customer_id)))

    @cached_property
    def by_update(self) -> tuple[Customer, ...]:
        """The customers, the one that changed longest ago first."""
        return tuple(sorted(self.customers, key=lambda one: (one.updated_at, one.customer_id)))

    @cached_property
    def by_source(self) -> tuple[Customer, ...]:
        """The customers by source id; those without one last."""
        return tuple(
            sorted(
                self.customers,
                key=lambda one: (one.source_id is None, one.source_id or "", one.customer_id),
            )
        )

    @cached_property
    def vouchers_by_creation(self) -> tuple[Voucher, ...]:
        """The codes, oldest first."""
        return tuple(sorted(self.vouchers, key=lambda one: (one.created_at, one.voucher_id)))

    @cached_property
    def _customers_by_reference(self) -> dict[str, Customer]:
        by_source = {one.source_id: one for one in self.customers if one.source_id is not None}
        return by_source | {one.customer_id: one for one in self.customers}

    @cached_property
    def _vouchers_by_reference(self) -> dict[str, Voucher]:
        by_code = {one.code: one for one in self.vouchers}
        return by_code | {one.voucher_id: one for one in self.vouchers}

    @cached_property
    def _holdings_by_customer(self) -> dict[str, tuple[Holding, ...]]:
        found = [_owned(one) for one in self.vouchers if not one.campaign.is_referral]
        for holder in self.truth.values():
            voucher = self.voucher(holder.voucher_id)
            if voucher is not None and self.is_held(holder):
                found.append(_held(holder, voucher))
        by_customer: dict[str, list[Holding]] = {}
        for one in sorted(found, key=lambda one: one.holder_id):
            by_customer.setdefault(one.customer_id, []).append(one)
        return {who: tuple(holdings) for who, holdings in by_customer.items()}

    @cached_property
    def _holders_by_voucher(self) -> dict[str, tuple[HolderTruth, ...]]:
        found: dict[str, list[HolderTruth]] = {}
        for holder in self.truth.values():
            if self.is_held(holder):
                found.setdefault(holder.voucher_id, []).append(holder)
        return {
            voucher_id: tuple(sorted(holders, key=lambda one: one.holder_id))
            for voucher_id, holders in found.items()
        }


def _owned(voucher: Voucher) -> Holding:
    """A discount code as its owner's; the id of such a row is told by nothing else."""
    serial = voucher.voucher_id.removeprefix("v_")
    return Holding(f"rh_{serial}", voucher.owner_id, voucher, "OWNER", voucher.created_at)


def _held(holder: HolderTruth, voucher: Voucher) -> Holding:
    return Holding(holder.holder_id, holder.customer_id, voucher, holder.role, holder.assigned_at)
