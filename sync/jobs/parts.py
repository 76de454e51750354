"""What a job works with; put together in `app`, so that a job names no concrete class."""

from collections.abc import Callable
from concurrent.futures import Executor
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime, timedelta

from sync.crm.adapter import Destination
from sync.jobs.codes import LookRules
from sync.jobs.collect import CollectRules
from sync.jobs.deliver import DeliveryRules
from sync.jobs.held import HeldLookup
from sync.jobs.planning import PlanRules
from sync.jobs.ports import CodePages, HolderPages, Lister, Meter, PageReader, Watch
from sync.ledger.ledger import Ledger
from sync.ledger.runs import RunStart
from sync.voucherify.exports import ExportedCodes


@dataclass(frozen=True, slots=True)
class ReadRules:
    """How far back the activity is read: behind each cursor, and by the first run."""

    lookback: timedelta
    initial_lookback: timedelta


@dataclass(frozen=True, slots=True)
class CodeParts:
    """What lists referral codes, reads who holds them, and bounds that.

    `export` gives all codes at once, in place of the first pass through the list, where it is set.
    """

    lister: CodePages
    reader: HolderPages
    rules: LookRules
    export: Callable[[], ExportedCodes] | None = None


@dataclass(frozen=True, slots=True)
class Parts:
    """All that one run or backfill needs.

    `deliver_lock` is entered around a delivery and raises `LockTakenError` if another process
    delivers. `now` is the local time, UTC. `executor` makes the fetches and `crm_executor`, one
    thread, the CRM's calls; without it they are made in the job's own thread. `held` is asked by
    destinations that clear by a code alone; without it the ledger's memory decides.
    """

    start: RunStart
    ledger: Ledger
    lister: Lister
    reader: PageReader
    executor: Executor
    destination: Destination
    meter: Meter
    read_rules: ReadRules
    collect_rules: CollectRules
    delivery_rules: DeliveryRules
    plan_rules: PlanRules
    deliver_lock: Callable[[], AbstractContextManager[None]]
    watch: Watch
    now: Callable[[], datetime]
    codes: CodeParts
    crm_executor: Executor | None = None
    held: HeldLookup | None = None
