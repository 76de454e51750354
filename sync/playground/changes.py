"""What can happen to a world while a playground runs: each change gives a new `World`.

Contract: pure apart from the dice. The belief of the CRM (`crm_today`) never changes here.
"""

from collections.abc import Collection
from dataclasses import replace
from datetime import datetime

from sync.playground.assignments import ended, new_holder
from sync.playground.dice import Dice
from sync.playground.events import assignment_event, event_of, in_order, plain_event
from sync.playground.payloads import Parties, customer_with_metadata
from sync.playground.people import new_customer, new_voucher
from sync.playground.values import CREATED, DELETED, Customer, Event, HolderTruth, Json, Voucher
from sync.playground.world import World


def with_unassignment(world: World, dice: Dice, holder_id: str, at: datetime) -> World:
    """The assignment ends at `at`, by a valid event in the person's list.

    Raises:
        KeyError: no such holder, or the customer or the code is deleted.
        ValueError: `at` is more than a second before the assignment.
    """
    holder = world.truth[holder_id]
    if (holder.assigned_at - at).total_seconds() > 1:
        message = f"{holder_id} can't end before it was assigned"
        raise ValueError(message)
    parties = _parties(world, holder)
    event = assignment_event(dice, DELETED, parties, at)
    world = _with_event(world, holder.customer_id, event)
    return replace(world, truth={**world.truth, holder_id: ended(holder, event, world.now)})


def with_assignment(
    world: World,
    dice: Dice,
    customer_id: str,
    voucher_id: str,
    at: datetime,
    *,
    role: str = "REFEREE",
) -> tuple[World, HolderTruth]:
    """A code is assigned at `at`, with its event; returns the new holder as well.

    Raises:
        KeyError: no such customer or voucher.
    """
    customer, voucher = _customer(world, customer_id), world.voucher(voucher_id)
    if voucher is None:
        raise KeyError(voucher_id)
    holder = new_holder(dice, customer, voucher, at, role)
    event = assignment_event(dice, CREATED, Parties(holder, customer, voucher), at)
    world = _with_event(world, customer.customer_id, event)
    return replace(world, truth={**world.truth, holder.holder_id: holder}), holder


def with_item(world: World, customer_id: str, item: Json, written_at: datetime) -> World:
    """A raw item joins a list, at its `created_at` if that is an instant; no truth changes.

    Raises:
        KeyError: no such customer.
        ValueError: the item has no id.
    """
    return _with_event(world, customer_id, event_of(item, written_at))


def without_customer(world: World, customer_id: str) -> World:
    """The customer and the list are gone; the truth about the assignments stays as it was.

    Raises:
        KeyError: no such customer.
    """
    gone = _customer(world, customer_id)
    return replace(
        world,
        customers=tuple(one for one in world.customers if one is not gone),
        deleted_customers=(*world.deleted_customers, gone),
        events={key: value for key, value in world.events.items() if key != gone.customer_id},
    )


def without_vouchers(world: World, voucher_ids: Collection[str]) -> World:
    """The codes are gone, and who held them holds them no more; no list tells of it.

    Raises:
        KeyError: no such code.
    """
    gone = tuple(one for one in world.vouchers if one.voucher_id in voucher_ids)
    if not gone or len(gone) < len(voucher_ids):
        raise KeyError(*voucher_ids)
    lost = [
        one.holder_id
        for one in world.truth.values()
        if one.voucher_id in voucher_ids and one.status == "assigned"
    ]
    return replace(
        world,
        vouchers=tuple(one for one in world.vouchers if one.voucher_id not in voucher_ids),
        deleted_vouchers=(*world.deleted_vouchers, *gone),
        vanished=world.vanished | set(lost),
    )


def without_campaign(world: World, campaign_id: str) -> World:
    """A campaign is gone with all its codes.

    Raises:
        KeyError: no code is of this campaign.
    """
    codes = {one.voucher_id for one in world.vouchers if one.campaign.campaign_id == campaign_id}
    if not codes:
        raise KeyError(campaign_id)
    return without_vouchers(world, codes)


def with_vanished(world: World, holder_id: str) -> World:
    """Somebody holds a code no more, and no event ever tells it.

    Raises:
        KeyError: no such holder, or nobody holds it now.
    """
    if not world.is_held(world.truth[holder_id]):
        raise KeyError(holder_id)
    return replace(world, vanished=world.vanished | {holder_id})


def with_new_voucher(
    world: World, dice: Dice, owner_id: str, campaign_id: str, at: datetime
) -> tuple[World, Voucher]:
    """A code is made at `at` in a campaign that has some; its owner holds it as the REFERRER.

    Raises:
        KeyError: no such customer, or no code is of this campaign.
    """
    owner = _customer(world, owner_id)
    found = {one.campaign.campaign_id: one.campaign for one in world.vouchers}
    voucher = new_voucher(dice, owner, found[campaign_id], at)
    world = replace(world, vouchers=(*world.vouchers, voucher))
    if voucher.campaign.is_referral:
        world, _ = with_assignment(world, dice, owner_id, voucher.voucher_id, at, role="REFERRER")
    return world, voucher


def with_new_customers(
    world: World, dice: Dice, created_at: datetime, count: int
) -> tuple[World, tuple[Customer, ...]]:
    """`count` people that all came at one instant, each with the one event that tells so."""
    serial = len(world.customers) + len(world.deleted_customers)
    added = tuple(
        new_customer(dice, serial + offset, created_at, created_at) for offset in range(count)
    )
    events = {
        one.customer_id: (
            plain_event(
                dice, "customer.created", {"customer": customer_with_metadata(one)}, created_at
            ),
        )
        for one in added
    }
    world = replace(world, customers=(*world.customers, *added), events={**world.events, **events})
    return world, added


def _with_event(world: World, customer_id: str, event: Event) -> World:
    events = in_order((*world.events[customer_id], event))
    return replace(world, events={**world.events, customer_id: events})


def _parties(world: World, holder: HolderTruth) -> Parties:
    voucher = world.voucher(holder.voucher_id)
    if voucher is None:
        raise KeyError(holder.voucher_id)
    return Parties(holder, _customer(world, holder.customer_id), voucher)


def _customer(world: World, customer_id: str) -> Customer:
    customer = world.customer(customer_id)
    if customer is None or customer.customer_id != customer_id:
        raise KeyError(customer_id)
    return customer
