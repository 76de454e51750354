"""What a job works with; put together in `app`, so that a job names no concrete class."""

from collections.abc import Callable
from concurrent.futures import Executor
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol

from sync.crm.adapter import Destination
from sync.jobs.collect import PageReader
from sync.jobs.deliver import DeliveryRules
from sync.jobs.gone import OnCustomerGone
from sync.jobs.watch import Watch
from sync.ledger.budget import Spent
from sync.ledger.ledger import Ledger
from sync.ledger.runs import RunStart
from sync.transport import CallCount
from sync.voucherify.customers import CustomerLister


class Meter(Protocol):
    """Knows what was spent."""

    def count(self) -> CallCount:
        """Give the calls of this process."""

    def spent(self) -> Spent:
        """Give our own count of the billing cycle."""


@dataclass(frozen=True, slots=True)
class ReadRules:
    """How the activity is read; see design of the cursor in `model.window`."""

    lookback: timedelta
    initial_lookback: timedelta
    on_gone: OnCustomerGone
    in_line: int


@dataclass(frozen=True, slots=True)
class Parts:
    """All that one run or backfill needs.

    `deliver_lock` is entered around a delivery and raises `LockTakenError` if another process
    delivers. `now` is the local time, UTC.
    """

    start: RunStart
    ledger: Ledger
    lister: CustomerLister
    reader: PageReader
    executor: Executor
    destination: Destination
    meter: Meter
    read_rules: ReadRules
    delivery_rules: DeliveryRules
    deliver_lock: Callable[[], AbstractContextManager[None]]
    watch: Watch
    now: Callable[[], datetime]
