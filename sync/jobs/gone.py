"""What follows when a customer was deleted in Voucherify, and its events with it."""

from collections.abc import Sequence
from datetime import datetime
from typing import Literal

from sync.model.event import Gone
from sync.model.unassignment import Assignment, CustomerId, EventId, HolderId, Unassignment

OnCustomerGone = Literal["dead-letter", "unassign"]


def what_follows(
    customer_id: CustomerId,
    held: Sequence[Assignment],
    policy: OnCustomerGone,
    now: datetime,
) -> Gone:
    """Decide what a deletion means for the assignments that we know of.

    No event will ever tell that they ended. With the policy `unassign` each becomes a derived
    unassignment, dated now; else, or where its code is not known, a person decides.
    """
    known = [each for each in held if policy == "unassign" and each.code]
    others = [each.holder_id for each in held if each not in known]
    letter = _letter(others, policy) if others else None
    return Gone(customer_id, tuple(derived(each, now) for each in known), letter)


def _letter(holder_ids: Sequence[HolderId], policy: OnCustomerGone) -> str:
    told = f"customer_gone: deleted in Voucherify while holding {', '.join(holder_ids)}; "
    if policy == "unassign":
        return f"{told}their codes are not known: end them in the CRM by hand, then discard this"
    return f"{told}set HOLDERSYNC_ON_CUSTOMER_GONE=unassign and retry to unassign, or discard"


def derived(held: Assignment, now: datetime, why: str = "customer_gone") -> Unassignment:
    """Give the unassignment that no event tells, dated now."""
    return Unassignment(
        holder_id=held.holder_id,
        event_id=EventId(f"derived:{why}:{held.holder_id}"),
        role=held.role,
        customer_id=held.customer_id,
        source_id=None,
        email=None,
        voucher_id=held.voucher_id,
        code=held.code or "",
        campaign_id=held.campaign_id,
        campaign_name=None,
        assigned_at=held.assigned_at,
        unassigned_at=now,
    )
