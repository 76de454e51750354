"""What can be said of webhooks: never seen, coming, or probably disabled. Pure."""

from datetime import datetime, timedelta

from sync.ledger.inbox import ReceiverState

SILENT_FOR = timedelta(hours=24)
"""Voucherify's tries of one delivery are this far apart at the most."""
MISSED = 5
"""So many unassignments that no webhook told of are no accident."""

NEVER = (
    "never seen; not in Voucherify's selectable list. Nothing is lost by that: runs find them all"
)


def said_of_webhooks(state: ReceiverState, missed: int) -> str:
    """Say what is known of webhooks about holders.

    Args:
        state: what ever came.
        missed: unassignments that were found by other ways, dated later than `SILENT_FOR` after the
            last webhook about a holder.
    """
    if state.holder_last_at is None:
        return NEVER
    since = f"{state.holder_last_at:%Y-%m-%d %H:%M} UTC"
    if missed >= MISSED:
        return (
            f"probably disabled: none came since {since}, and {missed} unassignments were found "
            "without. Voucherify disables a webhook that failed twelve times; see Project settings"
        )
    return f"the last one about a holder came {since}"


def silent_since(state: ReceiverState) -> datetime | None:
    """Give from when an unassignment without a webhook is odd; None if there never was one."""
    return None if state.holder_last_at is None else state.holder_last_at + SILENT_FOR
