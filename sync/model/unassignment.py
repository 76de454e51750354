"""Who held which voucher, and the fact that it ended.

`holder_id` is the natural key of everything: a re-assignment of the same voucher to the same
customer is another holder, so a late unassignment can't be mistaken for a newer one.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import NewType

HolderId = NewType("HolderId", str)
EventId = NewType("EventId", str)
CustomerId = NewType("CustomerId", str)
VoucherId = NewType("VoucherId", str)
CampaignId = NewType("CampaignId", str)


@dataclass(frozen=True, slots=True)
class Assignment:
    """One customer holds one voucher since `assigned_at` (UTC)."""

    holder_id: HolderId
    customer_id: CustomerId
    voucher_id: VoucherId
    code: str | None
    campaign_id: CampaignId | None
    role: str
    assigned_at: datetime


@dataclass(frozen=True, slots=True)
class Unassignment:
    """One assignment was deleted, as one event told it.

    Both times are UTC. `unassigned_at` is the event's own time: the payload has none.
    `superseded_by` is a newer assignment of the same customer and voucher, or of another voucher
    with the same code, if one is known; it is looked up at delivery, so that what was learned in
    between counts.
    """

    holder_id: HolderId
    event_id: EventId
    role: str
    customer_id: CustomerId
    source_id: str | None
    email: str | None
    voucher_id: VoucherId
    code: str
    campaign_id: CampaignId | None
    campaign_name: str | None
    assigned_at: datetime
    unassigned_at: datetime
    superseded_by: HolderId | None = None
