"""From a seed to a world: people, codes, traps, ordinary assignments, noise.

Contract: the same seed, size and instant always give an equal world. From 100 customers on,
every trap is present; about two in five customers ever held a friend's code, and about one in
four has lost one within the window.
"""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import zip_longest

from sync.playground.broken import BROKEN
from sync.playground.dice import Dice
from sync.playground.draft import Draft
from sync.playground.noise import write_crowd, write_noise
from sync.playground.people import campaigns, creation_instants, new_customer, vouchers
from sync.playground.traps import LOOK_ALIKES, VALID, set_traps
from sync.playground.values import Customer
from sync.playground.world import World

_NAMELESS = 5
_FEWEST_CODES = 3
_MANY = 100


def make_world(seed: int, customers: int, now: datetime) -> World:
    """The world of a seed.

    Args:
        seed: Any whole number.
        customers: How many List Customers shows, 0 or more.
        now: The instant of the world, aware; its part below a second is dropped.

    Raises:
        ValueError: `customers` is negative, or `now` has no time zone.
    """
    if customers < 0 or now.tzinfo is None:
        message = "a world needs 0 or more customers and an aware instant"
        raise ValueError(message)
    dice = Dice(f"playground {seed}")
    now = now.astimezone(UTC).replace(microsecond=0)
    draft = Draft(dice, now, _people(dice, now, customers))
    _hand_out_codes(draft)
    _set_traps(draft)
    _hand_out_ordinary_assignments(draft)
    _make_noise(draft)
    _lose_customers(draft, count=2 if customers >= _MANY else 1)
    return draft.freeze()


def _people(dice: Dice, now: datetime, count: int) -> list[Customer]:
    people = [
        new_customer(dice, serial, created_at, now)
        for serial, created_at in enumerate(creation_instants(dice, now, count))
    ]
    if count > _NAMELESS:
        people[_NAMELESS] = replace(people[_NAMELESS], name=None, email=None, source_id=None)
    return people


def _hand_out_codes(draft: Draft) -> None:
    """Codes, each with the REFERRER who owns it as its first holder."""
    settled = draft.dice.shuffled(draft.settled())
    if not settled:
        return
    wanted = max(_FEWEST_CODES, len(draft.customers) // 10)
    owners = [settled[index % len(settled)] for index in range(wanted)]
    found = campaigns(draft.dice, draft.now)
    for voucher in vouchers(draft.dice, draft.now, owners, found):
        draft.vouchers[voucher.voucher_id] = voucher
        if voucher.campaign.is_referral:
            owner = draft.customers[voucher.owner_id]
            draft.assign(owner, voucher, voucher.created_at, "REFERRER")


def _set_traps(draft: Draft) -> None:
    """Valid, broken and look-alike in turn, so that a small world has some of each."""
    in_turn = [
        trap
        for three in zip_longest(VALID, BROKEN, LOOK_ALIKES)
        for trap in three
        if trap is not None
    ]
    settled = draft.dice.shuffled(draft.settled())
    set_traps(draft, in_turn, settled[: max(1, len(settled) * 2 // 3)])


def _hand_out_ordinary_assignments(draft: Draft) -> None:
    """Codes for friends who meet no trap; part of them were taken away within the window."""
    size = len(draft.customers)
    trapped = {trap.customer_id for trap in draft.traps}
    lost = {one.customer_id for one in draft.truth.values() if one.in_window}
    free = [one for one in draft.settled() if one.customer_id not in trapped]
    friends = max(size // 10, size * 2 // 5 - len(trapped))
    losers = max(size // 20, size // 4 - len(lost))
    for index, customer in enumerate(draft.dice.shuffled(free)[:friends]):
        _befriend(draft, customer, loses_it=index < losers)


def _befriend(draft: Draft, customer: Customer, *, loses_it: bool) -> None:
    for is_first in (True, False) if draft.dice.chance(0.2) else (True,):
        voucher = draft.free_voucher(customer)
        if voucher is None:
            return
        at = draft.recent()
        holder = draft.assign(customer, voucher, draft.assigned_before(at))
        if loses_it and is_first:
            draft.end(holder, draft.deleted_event(holder, at))


def _make_noise(draft: Draft) -> None:
    for customer in draft.customers.values():
        write_noise(draft, customer)
    trapped = {trap.customer_id for trap in draft.traps} | {one.listed_for for one in draft.foreign}
    quiet = [one for one in draft.settled() if one.customer_id not in trapped]
    ties = _instants_of_loss(draft)
    quiet.sort(key=lambda one: one.customer_id not in ties)
    busy = max(2, len(draft.customers) // 100)
    for index, customer in enumerate(quiet[: busy + 1]):
        tie = ties.get(customer.customer_id) or draft.recent()
        write_crowd(draft, customer, tie, pages=2 if index == 0 else 1)


def _instants_of_loss(draft: Draft) -> dict[str, datetime]:
    """By customer id, when a code was taken away within the window, days from either end."""
    latest = draft.now - timedelta(days=1)
    return {
        one.customer_id: one.unassigned_at
        for one in draft.truth.values()
        if one.in_window and one.unassigned_at is not None and one.unassigned_at < latest
    }


def _lose_customers(draft: Draft, count: int) -> None:
    """People that the CRM still has codes for, and that Voucherify has deleted."""
    serial = len(draft.customers)
    for offset in range(count):
        created_at = draft.now - timedelta(days=400)
        customer = new_customer(draft.dice, serial + offset, created_at, draft.now)
        draft.customers[customer.customer_id] = customer
        voucher = draft.free_voucher(customer)
        if voucher is not None:
            draft.assign(customer, voucher, draft.assigned_before(draft.now))
        draft.remove(customer)
