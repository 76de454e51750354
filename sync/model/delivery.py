"""One unassignment on its way to one destination, and what becomes of it."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from sync.model.outcome import Outcome
from sync.model.unassignment import HolderId, Unassignment


class Status(StrEnum):
    """Where a delivery stands."""

    PENDING = "pending"
    DELIVERED = "delivered"
    DEAD = "dead"


@dataclass(frozen=True, slots=True)
class Delivery:
    """A pending delivery: what to tell, how often it failed, since when its contact is missing.

    `attempts` counts only failures in runs in which another delivery succeeded, so a CRM that was
    down all night kills nothing.
    """

    unassignment: Unassignment
    attempts: int = 0
    missing_since: datetime | None = None


@dataclass(frozen=True, slots=True)
class Settlement:
    """What the ledger is to store of one delivery; decided by the job.

    `next_attempt_at` is None for "in the next run" and for what is final.
    """

    holder_id: HolderId
    status: Status
    outcome: Outcome
    attempts: int = 0
    missing_since: datetime | None = None
    next_attempt_at: datetime | None = None
