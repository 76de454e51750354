"""The frozen values that a playground's world is made of: people, codes, events, and the truth.

Contract: plain data without behaviour. Every instant is aware, in UTC, and whole milliseconds,
because that is what Voucherify's documents print.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Literal, TypeAlias

Json: TypeAlias = dict[str, Any]

LOOKBACK = timedelta(days=30)
"""How far behind the world's `now` an event counts as recent: the tool's own first look."""

CREATED = "customer.holder.assignment.created"
DELETED = "customer.holder.assignment.deleted"


@dataclass(frozen=True, slots=True)
class Customer:
    """A person. `nickname` is only ever shown inside `metadata`."""

    customer_id: str
    source_id: str | None
    name: str | None
    email: str | None
    city: str | None
    nickname: str
    created_at: datetime
    updated_at: datetime


@dataclass(frozen=True, slots=True)
class Campaign:
    """A campaign; only those of type REFERRAL_PROGRAM have codes that are assigned to friends."""

    campaign_id: str
    name: str
    campaign_type: Literal["REFERRAL_PROGRAM", "DISCOUNT_COUPONS"]
    category_id: str
    prefix: str
    created_at: datetime

    @property
    def is_referral(self) -> bool:
        """Whether the codes of this campaign are referral codes."""
        return self.campaign_type == "REFERRAL_PROGRAM"


@dataclass(frozen=True, slots=True)
class Voucher:
    """A code. `owner_id` is the REFERRER: never the person that an unassignment is about."""

    voucher_id: str
    code: str
    campaign: Campaign
    owner_id: str
    created_at: datetime
    updated_at: datetime


@dataclass(frozen=True, slots=True)
class HolderTruth:
    """One assignment and what became of it.

    `status` is "unassigned" only if a valid event in that customer's own list says so.
    `in_window` says whether that event is younger than 30 days before the world's `now`;
    it is false while the status is "assigned".
    """

    holder_id: str
    customer_id: str
    source_id: str | None
    email: str | None
    voucher_id: str
    code: str
    campaign_id: str
    campaign_name: str
    role: str
    assigned_at: datetime
    status: Literal["assigned", "unassigned"] = "assigned"
    unassigned_at: datetime | None = None
    event_id: str | None = None
    in_window: bool = False


@dataclass(frozen=True, slots=True)
class Holding:
    """One voucher that somebody holds now; an OWNER's of a discount campaign is nobody's truth."""

    holder_id: str
    customer_id: str
    voucher: Voucher
    role: str
    since: datetime

    @property
    def campaign_id(self) -> str:
        """The campaign of the voucher."""
        return self.voucher.campaign.campaign_id


@dataclass(frozen=True, slots=True)
class CrmRow:
    """One assignment as a CRM believes it today, before the tool ever ran."""

    holder_id: str
    customer_id: str
    source_id: str | None
    email: str | None
    voucher_id: str
    code: str
    campaign_id: str
    campaign_name: str
    role: str
    assigned_at: datetime
    status: Literal["assigned"] = "assigned"


@dataclass(frozen=True, slots=True)
class Event:
    """One item of a customer's list.

    `at` is where the item stands in the list: its `created_at`, or the instant at which it was
    written when `created_at` is no instant. `item` is what goes over the wire; don't change it.
    """

    event_id: str
    at: datetime
    item: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class BrokenEvent:
    """An event of the right type, within the window, that no strict reader may accept."""

    event_id: str
    customer_id: str
    why: str


@dataclass(frozen=True, slots=True)
class ForeignEvent:
    """A valid event about `customer_id` that also stands in the list of `listed_for`."""

    event_id: str
    customer_id: str
    listed_for: str


@dataclass(frozen=True, slots=True)
class Trap:
    """Where a trap stands: its name, the list that holds it, and the event."""

    name: str
    customer_id: str
    event_id: str
