"""The life of one assignment in the playground's books: made, believed by a CRM, ended.

Contract: pure apart from the dice.
"""

from dataclasses import fields, replace
from datetime import datetime

from sync.playground.dice import Dice
from sync.playground.values import LOOKBACK, CrmRow, Customer, Event, HolderTruth, Voucher

_CRM_FIELDS = tuple(field.name for field in fields(CrmRow) if field.name != "status")


def new_holder(
    dice: Dice, customer: Customer, voucher: Voucher, at: datetime, role: str
) -> HolderTruth:
    """A fresh assignment, made at the instant `at`, with an id of its own."""
    return HolderTruth(
        holder_id=dice.timed_id("rh", at),
        customer_id=customer.customer_id,
        source_id=customer.source_id,
        email=customer.email,
        voucher_id=voucher.voucher_id,
        code=voucher.code,
        campaign_id=voucher.campaign.campaign_id,
        campaign_name=voucher.campaign.name,
        role=role,
        assigned_at=at,
    )


def as_believed(holder: HolderTruth) -> CrmRow:
    """The assignment as a CRM that never heard of its end believes it."""
    return CrmRow(**{name: getattr(holder, name) for name in _CRM_FIELDS})


def ended(holder: HolderTruth, event: Event, now: datetime) -> HolderTruth:
    """The assignment after a valid event; `now` is the world's, and decides `in_window`."""
    return replace(
        holder,
        status="unassigned",
        unassigned_at=event.at,
        event_id=event.event_id,
        in_window=event.at >= now - LOOKBACK,
    )
