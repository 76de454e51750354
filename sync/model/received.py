"""What a webhook told: a hint, never a finding."""

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from sync.model.unassignment import CampaignId, CustomerId, HolderId, VoucherId

HintKind = Literal["holder", "customer", "code", "campaign"]


@dataclass(frozen=True, slots=True)
class Received:
    """One webhook's hint.

    Args:
        key: the same however often it is sent.
        kind: what it is about: a holder who was unassigned, or what was deleted.
        at: when that happened (UTC).
    """

    key: str
    kind: HintKind
    at: datetime
    customer_id: CustomerId | None = None
    holder_id: HolderId | None = None
    voucher_id: VoucherId | None = None
    campaign_id: CampaignId | None = None
