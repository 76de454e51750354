"""Holds what the CRM believes against what Voucherify says is held; changes nothing by itself.

Voucherify's word is that of the looks at codes, which runs make, and, where no look covers what the
CRM believes, of what the customer holds by their own list, which takes calls and is asked for only
if a person wants it (`Asking`). A difference is told with the command that settles it. What an
event explains is a run's, not ours.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

from sync.jobs.asking import Asking
from sync.ledger.ledger import Ledger
from sync.ledger.reconciling import (
    KnownOf,
    Vanished,
    held_though_ended,
    known_of,
    tell_again,
    vanished_without_event,
    write_holder_letters,
)
from sync.model.believed import BelievedHolder
from sync.model.unassignment import HolderId

Kind = Literal[
    "vanished_without_event",
    "believed_though_ended",
    "believed_though_gone",
    "customer_gone",
    "code_gone",
    "held_though_cleared",
]
SETTLED_BY: Mapping[Kind, str] = {
    "vanished_without_event": "HOLDERSYNC_ON_CUSTOMER_GONE=unassign holdersync dead-letters retry",
    "believed_though_ended": "holdersync reconcile --settle, then holdersync run",
    "believed_though_gone": "holdersync run, which looks again; then holdersync reconcile",
    "customer_gone": "holdersync dead-letters list: customer_gone; or end it in the CRM by hand",
    "code_gone": "holdersync dead-letters list: code_gone; retry or discard that one letter",
    "held_though_cleared": "holdersync undo RUN, if a run cleared it; or assign it in the CRM",
}


@dataclass(frozen=True, slots=True)
class Difference:
    """One thing that does not fit: by its ids, and the command that settles it."""

    kind: Kind
    holder_id: str | None
    customer_id: str | None
    record_id: str | None
    settle: str


def reason_of(vanished: Vanished) -> str:
    """Give the reason of a dead letter."""
    where = f"the holders of {vanished.voucher_id}" if vanished.voucher_id else "what they hold"
    then = (
        "set HOLDERSYNC_ON_CUSTOMER_GONE=unassign and retry to unassign, or discard"
        if vanished.voucher_id
        else "its voucher is not known: end it in the CRM by hand, then discard"
    )
    return (
        f"vanished_without_event: {vanished.holder_id} of {vanished.customer_id} is not among "
        f"{where} any more since {vanished.vanished_at:%Y-%m-%d %H:%M} UTC, and no event tells "
        f"why; {then}"
    )


def tell_vanished(ledger: Ledger, lookback: timedelta, run_id: str, now: datetime) -> int:
    """Write dead letters for whoever vanished without an event; give how many are new."""
    found = vanished_without_event(ledger, lookback)
    return write_holder_letters(ledger, {each: reason_of(each) for each in found}, run_id, now)


def differences(
    ledger: Ledger,
    destination: str,
    believed: Iterable[Sequence[BelievedHolder]],
    lookback: timedelta,
    asking: Asking,
) -> Iterator[Difference]:
    """Give every difference, page by page of what the CRM believes."""
    vanished = {each.holder_id: each for each in vanished_without_event(ledger, lookback)}
    for page in believed:
        asking.ask(page)
        known = known_of(ledger, destination, page, asking.began)
        for each in page:
            kind = judged(known[each.record_id])
            if kind is not None and each.holder_id not in vanished:
                yield _difference(kind, each)
    for gone in vanished.values():
        settle = SETTLED_BY["vanished_without_event"]
        yield Difference("vanished_without_event", gone.holder_id, gone.customer_id, None, settle)
    for holder_id in held_though_ended(ledger):
        settle = SETTLED_BY["held_though_cleared"]
        yield Difference("held_though_cleared", holder_id, None, None, settle)


def judged(known: KnownOf) -> Kind | None:
    """Judge what the CRM believes by what is known; None if it fits, or a run is at it."""
    if known.ended:
        return "believed_though_ended" if known.delivered else None
    if known.customer_gone:
        return "customer_gone"
    if known.code_gone:
        return "code_gone"
    return "believed_though_gone" if known.missing else None


def settle(ledger: Ledger, destination: str, found: Sequence[Difference]) -> int:
    """Let the next run tell the CRM again what it was told and does not show."""
    again = [
        HolderId(each.holder_id)
        for each in found
        if each.kind == "believed_though_ended" and each.holder_id
    ]
    return tell_again(ledger, destination, again)


def _difference(kind: Kind, each: BelievedHolder) -> Difference:
    return Difference(kind, each.holder_id, each.customer_id, each.record_id, SETTLED_BY[kind])
