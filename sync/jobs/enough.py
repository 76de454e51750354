"""When there is no point in asking on: too many customers that end alike, or seem deleted."""

import hashlib
import re
from dataclasses import dataclass
from datetime import timedelta

from sync.errors import (
    FailedError,
    HoldersyncError,
    LeaveError,
    NotNowError,
    ParkError,
    VendorChangedError,
)
from sync.model.unassignment import CustomerId

SAME_IN_A_ROW = 5
"""So many customers ending alike, one after the other, end the reading."""
SAME_BEFORE_ANY = 2
"""So many are enough where nothing was answered yet."""
NOBODY_FOUND = 50
"""So many customers that are said to be deleted, and nobody found beside them, end the reading."""
ASK_AGAIN_AFTER = timedelta(days=1)
"""When those are asked again whose deletion is doubted, unless a person says that it is none."""
UNAVAILABLE = "unavailable"
OWN_ID = re.compile(r"cust_[A-Za-z0-9]{1,64}")


@dataclass(frozen=True, slots=True)
class Streak:
    """Customers that ended alike, one after the other."""

    signature: str = ""
    length: int = 0

    def after(self, error: LeaveError) -> "Streak":
        """Count one more customer; one that ended otherwise begins anew."""
        signature = error.signature if isinstance(error, FailedError) else UNAVAILABLE
        return Streak(signature, self.length + 1 if signature == self.signature else 1)


NO_STREAK = Streak()
VOUCHERIFY_DOWN = Streak(UNAVAILABLE, SAME_IN_A_ROW - 1)
"""Where a collection begins when the list of customers was not to be had: one more is enough."""
CODES_DOWN = Streak(UNAVAILABLE, SAME_IN_A_ROW - SAME_BEFORE_ANY)
"""The same where it was the codes, and nothing else was answered yet."""


def shown(customer_id: CustomerId) -> str:
    """Name a customer in a text; what a person gave may be somebody's name or number instead."""
    if OWN_ID.fullmatch(customer_id):
        return customer_id
    return f"with the given id sha256:{hashlib.sha256(customer_id.encode()).hexdigest()[:12]}"


def too_many_gone(gone: int, found: int, at_most: int, what: str = "customers") -> ParkError | None:
    """Hold back deletions that may be an error, until a person says that they are none.

    `gone` of `what` are said to be deleted and `found` were read; a person allows `at_most`.
    """
    if gone < SAME_IN_A_ROW or gone <= max(found, at_most):
        return None
    msg = (
        f"{gone} {what}, more than were found, are said to be deleted; none of that was stored. "
        f"If it is right, say so: --allow {gone}"
    )
    return ParkError(msg, by="brake")


def nobody_found(gone: int, found: int, at_most: int, what: str = "customers") -> ParkError | None:
    """End a reading that finds only deletions: each further call would be for nothing."""
    if gone < NOBODY_FOUND or found or at_most:
        return None
    return too_many_gone(gone, found, at_most, what)


def too_many_alike(error: LeaveError, then: str = "nothing more is asked") -> HoldersyncError:
    """End the reading: Voucherify changed, or is down; `then` tells what follows."""
    told = f"too many answers in a row were alike, the last one: {error}"
    if isinstance(error, FailedError):
        return VendorChangedError(f"{told}. Voucherify may have changed; {then}")
    return NotNowError(f"{told}; {then} in this run")
