"""Settings to objects: the only place where concrete classes meet."""

import os
import secrets
import socket
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import (
    AbstractContextManager,
    ExitStack,
    closing,
    contextmanager,
    nullcontext,
    suppress,
)
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from random import Random
from time import monotonic

from sqlalchemy.engine import URL, make_url

from sync.crm.adapter import CrmAdapter, Destination
from sync.crm.dry_run import DryRun
from sync.crm.registry import adapter_class
from sync.errors import ParkError, TellUserError
from sync.jobs.deliver import DeliveryRules
from sync.jobs.parts import Parts, ReadRules
from sync.jobs.watch import Watch
from sync.ledger.budget import Allowance, Budget, Spent
from sync.ledger.destinations import admit
from sync.ledger.ledger import Ledger, create_or_open, ledger_file, open_existing
from sync.ledger.lock import LockTakenError, held
from sync.ledger.runs import RunKind, RunStart, latest_runs
from sync.ledger.scratch import counting_ledger, scratch_copy
from sync.operate.stopping import Stop
from sync.settings import Loaded, Settings, load
from sync.transport import CallCount, Patience, Transport
from sync.voucherify.activity import ActivityReader
from sync.voucherify.client import VoucherifyClient, credentials
from sync.voucherify.customers import CustomerLister

WORKERS = 6
"""Threads that fetch; enough to hide the latency of any rate that a plan allows."""
IN_LINE = 2 * WORKERS


@dataclass(frozen=True, slots=True)
class Configured:
    """Settings that are whole, and the CRM they name; nothing was connected to yet.

    `at_most` is a person's word for one run, in place of HOLDERSYNC_MAX_UNASSIGNMENTS.
    """

    loaded: Loaded
    adapter: CrmAdapter
    warnings: tuple[str, ...]
    at_most: int | None = None

    @property
    def settings(self) -> Settings:
        """The settings."""
        return self.loaded.settings

    @property
    def ledger_url(self) -> URL:
        """Where the ledger is; absolute."""
        return make_url(self.settings.ledger_url)

    @property
    def ledger_file(self) -> Path:
        """The ledger's file; absolute."""
        return ledger_file(self.ledger_url)

    @property
    def secrets(self) -> tuple[str, ...]:
        """What must never be shown."""
        return self.loaded.secrets(type(self.adapter).setting_names)


@dataclass(frozen=True, slots=True)
class CallMeter:
    """Knows what this process sent, and what all have spent."""

    transport: Transport
    budget: Budget

    def count(self) -> CallCount:
        """Give the calls of this process."""
        return self.transport.count

    def spent(self) -> Spent:
        """Give our own count of the billing cycle."""
        return self.budget.spent()


@dataclass(frozen=True, slots=True)
class Voucherify:
    """One project, ready to be asked."""

    lister: CustomerLister
    reader: ActivityReader
    meter: CallMeter


@dataclass(frozen=True, slots=True)
class Ground:
    """Where a job happens: for real, or on a copy."""

    ledger: Ledger
    counted_on: Ledger
    destination: Destination
    deliver_lock: Callable[[], AbstractContextManager[None]]


def now() -> datetime:
    """Give the local time, UTC; everything below is handed this function."""
    return datetime.now(UTC)


def configure(env_file: Path | None, environ: Mapping[str, str] = os.environ) -> Configured:
    """Read the settings and make the adapter that they name.

    Raises:
        TellUserError: something has to be changed first.
    """
    loaded = load(env_file, environ=environ)
    chosen = adapter_class(loaded.settings.crm)
    warnings = loaded.check_names(chosen.setting_names)
    return Configured(loaded, chosen.from_env(loaded.env), (*loaded.warnings, *warnings))


def new_start(configured: Configured, kind: RunKind) -> RunStart:
    """Name a run that begins now."""
    started_at = now()
    return RunStart(
        run_id=f"{started_at:%Y%m%dT%H%M%SZ}-{secrets.token_hex(3)}",
        kind=kind,
        host=socket.gethostname(),
        pid=os.getpid(),
        destination=configured.adapter.destination,
        started_at=started_at,
    )


@contextmanager
def for_real(configured: Configured, kind: RunKind) -> Iterator[Ground]:
    """Give the ledger and the CRM, under the lock of this kind of job.

    Raises:
        ParkError: another process is at the same kind of job.
        TellUserError: the ledger is not for this project, this release or this destination.
    """
    settings, file = configured.settings, configured.ledger_file
    with ExitStack() as stack:
        stack.enter_context(_locked(configured, kind))
        ledger = stack.enter_context(closing(create_or_open(configured.ledger_url)))
        ledger.bind(settings.base_url, settings.app_id, now())
        admit(ledger, configured.adapter.destination, now())
        yield Ground(ledger, ledger, configured.adapter, partial(held, file, "deliver"))


@contextmanager
def on_a_copy(configured: Configured) -> Iterator[Ground]:
    """Give a copy of the ledger and a CRM that is only told; no later run can notice anything.

    Only the calls that are spent are counted on the real ledger, if there is one.

    Raises:
        TellUserError: as in `for_real`.
    """
    settings = configured.settings
    with ExitStack() as stack:
        ledger = stack.enter_context(scratch_copy(configured.ledger_url))
        counted_on = stack.enter_context(counting_ledger(configured.ledger_url, ledger))
        ledger.bind(settings.base_url, settings.app_id, now())
        admit(ledger, configured.adapter.destination, now())
        yield Ground(ledger, counted_on, DryRun(configured.adapter), nullcontext)


@contextmanager
def voucherify(configured: Configured, counted_on: Ledger, stop: Stop) -> Iterator[Voucherify]:
    """Give the project that the settings name; nothing is sent yet."""
    settings = configured.settings
    allowance = Allowance(settings.rate, settings.reserve, settings.share, settings.max_wait)
    budget = Budget(counted_on, allowance, now=now, monotonic=monotonic)
    longest = settings.max_wait.total_seconds()
    transport = Transport(
        headers=credentials(settings.app_id, settings.app_token.get_secret_value()),
        pacer=budget,
        patience=Patience(total=max(Patience().total, 2 * longest)),
        wait=stop.wait,
        random=Random(),  # noqa: S311 - jitter, no secret
    )
    client = VoucherifyClient(
        transport, base_url=settings.base_url, pacer=budget, max_wait=settings.max_wait
    )
    with closing(budget), closing(transport):
        yield Voucherify(
            lister=CustomerLister(client),
            reader=ActivityReader(client, lenient=settings.validation == "lenient"),
            meter=CallMeter(transport, budget),
        )


@contextmanager
def assembled(
    configured: Configured, ground: Ground, start: RunStart, stop: Stop, watch: Watch
) -> Iterator[Parts]:
    """Give all that a run or a backfill works with."""
    with (
        voucherify(configured, ground.counted_on, stop) as project,
        ThreadPoolExecutor(WORKERS, thread_name_prefix="fetch") as executor,
    ):
        yield Parts(
            start=start,
            ledger=ground.ledger,
            lister=project.lister,
            reader=project.reader,
            executor=executor,
            destination=ground.destination,
            meter=project.meter,
            read_rules=read_rules(configured.settings),
            delivery_rules=delivery_rules(configured),
            deliver_lock=ground.deliver_lock,
            watch=watch,
            now=now,
        )


def open_ledger(configured: Configured) -> Ledger:
    """Open the ledger that a run has made; whoever opens it closes it.

    Raises:
        TellUserError: there is none, or it is not for this project or this release.
    """
    settings = configured.settings
    ledger = open_existing(configured.ledger_url)
    try:
        ledger.require_project(settings.base_url, settings.app_id)
    except TellUserError:
        ledger.close()
        raise
    return ledger


def rebind_ledger(configured: Configured) -> str:
    """Make the ledger go on with the key and address that are configured now."""
    settings = configured.settings
    with _locked(configured, "run"), closing(open_existing(configured.ledger_url)) as ledger:
        ledger.rebind(settings.base_url, settings.app_id)
    return f"the ledger {configured.ledger_file} belongs to this key of {settings.base_url} now"


def upgrade_ledger(configured: Configured) -> str:
    """Take an older ledger to this release; make none."""
    file = configured.ledger_file
    if not file.exists():
        return f"there is no ledger at {file} yet: the first holdersync run makes it"
    with _locked(configured, "run"), closing(create_or_open(configured.ledger_url)):
        return f"the ledger {file} is of this release"


def look_at_ledger(configured: Configured) -> str:
    """Say what is at the ledger's place; make nothing.

    Raises:
        TellUserError: it can't be used, or can't be made there.
    """
    file = configured.ledger_file
    if file.exists():
        with on_a_copy(configured):
            return f"{file} can be used"
    if not os.access(file.parent, os.W_OK | os.X_OK):
        msg = f"the first run can't make {file}: see that {file.parent} is there and yours"
        raise TellUserError(msg)
    return f"{file} is not there yet; the first run makes it"


def read_rules(settings: Settings) -> ReadRules:
    """Give the rules of reading that the settings name."""
    return ReadRules(
        lookback=settings.lookback,
        initial_lookback=settings.initial_lookback,
        on_gone=settings.on_customer_gone,
        in_line=IN_LINE,
    )


def delivery_rules(configured: Configured) -> DeliveryRules:
    """Give the rules of delivering: the settings, unless a person's word stands above them."""
    settings = configured.settings
    return DeliveryRules(
        at_most=configured.at_most or settings.max_unassignments,
        not_found_for=settings.not_found_for,
    )


@contextmanager
def _locked(configured: Configured, kind: RunKind) -> Iterator[None]:
    with ExitStack() as stack:
        try:
            stack.enter_context(held(configured.ledger_file, kind))
        except LockTakenError:
            raise ParkError(_holder(configured, kind), by="lock") from None
        yield


def _holder(configured: Configured, kind: RunKind) -> str:
    """Name who holds a lock, as far as the ledger can tell."""
    who = "another process"
    with suppress(TellUserError), closing(open_existing(configured.ledger_url)) as ledger:
        at_work = [run for run in latest_runs(ledger, 1, kind) if run.finished_at is None]
        for run in at_work:
            start = run.start
            who = f"{start.run_id} (process {start.pid} on {start.host})"
    return f"a {kind} is at work already: {who}; nothing was done"
