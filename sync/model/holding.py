"""Referral codes, and who holds one of them at this moment."""

from dataclasses import dataclass
from datetime import datetime

from sync.model.unassignment import Assignment, CampaignId, HolderId, VoucherId


@dataclass(frozen=True, slots=True)
class Code:
    """A referral code that friends may hold; `code` is the text that people see, if it is known."""

    voucher_id: VoucherId
    code: str | None
    campaign_id: CampaignId | None


@dataclass(frozen=True, slots=True)
class HoldersPage:
    """One page of those who hold a code now.

    `server_time` is the page's `Date`. `assignments` are those of the role REFEREE; `rows` counts
    what the page held, whatever its role, and `total` is what Voucherify says the whole list has.
    `newest` is the id of the page's first row. `next_after` is where the next page starts; None on
    the last one.
    """

    server_time: datetime
    assignments: tuple[Assignment, ...]
    rows: int
    total: int
    newest: HolderId | None
    next_after: str | None
