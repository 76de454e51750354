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
    told: Sequence[HolderId] = (),
) -> Gone:
    """Decide what a deletion means for the assignments that we know of.

    No event will ever tell that they ended. With the policy `unassign` each becomes a derived
    unassignment, dated now; else, or where its code is not known, a person decides. So it is with
    those who were `told` to have ended, and of whom nothing else can be read any more.
    """
    known = [each for each in held if policy == "unassign" and each.code]
    others = [each.holder_id for each in held if each not in known]
    letter = _letter(others, told, policy) if others or told else None
    ended = tuple(derived(each, now) for each in known)
    return Gone(customer_id, ended, letter, (*others, *told))


def _letter(others: Sequence[HolderId], told: Sequence[HolderId], policy: OnCustomerGone) -> str:
    held = f"while holding {', '.join(others)}" if others else ""
    ended = f"after news that {', '.join(told)} ended" if told else ""
    what = f"customer_gone: deleted in Voucherify {' and '.join(filter(None, (held, ended)))}; "
    if policy == "unassign" or not others:
        return f"{what}their codes are not known: end them in the CRM by hand, then discard this"
    return f"{what}set HOLDERSYNC_ON_CUSTOMER_GONE=unassign and retry to unassign, or discard"


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
