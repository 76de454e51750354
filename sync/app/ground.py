"""Where a job happens: on the ledger under its lock, or on a copy that goes with it."""

from collections.abc import Callable, Iterator
from contextlib import (
    AbstractContextManager,
    ExitStack,
    closing,
    contextmanager,
    nullcontext,
    suppress,
)
from dataclasses import dataclass
from functools import partial

from sync.app.configured import Configured, now
from sync.crm.adapter import Destination
from sync.crm.dry_run import DryRun
from sync.errors import NotNowError, ParkError, TellUserError
from sync.ledger.destinations import admit
from sync.ledger.ledger import Ledger
from sync.ledger.lock import LockName, LockTakenError
from sync.ledger.opening import create_or_open, is_there, open_existing, require_room, upgrade
from sync.ledger.runs import RunKind, latest_runs
from sync.ledger.scratch import counting_ledger, scratch_copy


@dataclass(frozen=True, slots=True)
class Ground:
    """Where a job happens: for real, or on a copy."""

    ledger: Ledger
    counted_on: Ledger
    destination: Destination
    deliver_lock: Callable[[], AbstractContextManager[None]]


@contextmanager
def for_real(configured: Configured, kind: RunKind) -> Iterator[Ground]:
    """Give the ledger and the CRM, under the lock of this kind of job.

    Raises:
        ParkError: another process is at the same kind of job.
        TellUserError: the ledger is not for this project, this release or this destination.
    """
    settings, locks = configured.settings, configured.locks
    with ExitStack() as stack:
        stack.enter_context(_locked(configured, kind))
        ledger = stack.enter_context(closing(create_or_open(configured.ledger_url, locks=locks)))
        ledger.bind(settings.base_url, settings.app_id, now())
        admit(ledger, configured.adapter.destination, now())
        yield Ground(ledger, ledger, configured.adapter, partial(locks.held, "deliver"))


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


def open_ledger(configured: Configured, *, synced: bool = False) -> Ledger:
    """Open the ledger that a run has made; whoever opens it closes it.

    `synced` lets each commit outlive a power failure: for what nothing would tell again.

    Raises:
        TellUserError: there is none, or it is not for this project or this release.
    """
    settings = configured.settings
    ledger = open_existing(configured.ledger_url, synced=synced)
    try:
        ledger.require_project(settings.base_url, settings.app_id)
    except TellUserError:
        ledger.close()
        raise
    return ledger


@contextmanager
def alone(configured: Configured) -> Iterator[Ledger]:
    """Give the ledger while no job is at work on it.

    Raises:
        ParkError: another process is at work.
        TellUserError: there is no ledger, or it is not for this project or this release.
    """
    settings, locks = configured.settings, configured.locks
    with ExitStack() as stack:
        stack.enter_context(_locked(configured, "run"))
        stack.enter_context(_locked(configured, "backfill"))
        ledger = stack.enter_context(closing(open_existing(configured.ledger_url, locks=locks)))
        ledger.require_project(settings.base_url, settings.app_id)
        yield ledger


@contextmanager
def for_undo(configured: Configured, *, dry_run: bool) -> Iterator[Ledger]:
    """Give the ledger for an undo: alone and as the only one who tells the CRM, or to be read.

    Raises:
        ParkError: another process is at work.
        TellUserError: there is no ledger, or it is not for this project or this release.
    """
    if dry_run:
        with closing(open_ledger(configured)) as ledger:
            yield ledger
    else:
        with alone(configured) as ledger, _locked(configured, "deliver"):
            yield ledger


def rebind_ledger(configured: Configured) -> str:
    """Make the ledger go on with the key and address that are configured now."""
    settings, url = configured.settings, configured.ledger_url
    with _locked(configured, "run"), closing(open_existing(url, locks=configured.locks)) as ledger:
        ledger.rebind(settings.base_url, settings.app_id)
    return f"the ledger {configured.ledger_place} belongs to this key of {settings.base_url} now"


def upgrade_ledger(configured: Configured) -> str:
    """Take an older ledger to this release; make none."""
    place, url = configured.ledger_place, configured.ledger_url
    if not is_there(url):
        return f"there is no ledger at {place} yet: the first holdersync run makes it"
    with _locked(configured, "run"):
        upgrade(url, locks=configured.locks)
    return f"the ledger {place} is of this release"


def look_at_ledger(configured: Configured) -> str:
    """Say what is at the ledger's place; make nothing.

    Raises:
        NotNowError: its server can't be reached.
        TellUserError: it can't be used, or can't be made there.
    """
    place, url = configured.ledger_place, configured.ledger_url
    configured.locks.check()
    if is_there(url):
        with on_a_copy(configured):
            return f"{place} can be used"
    require_room(url)
    return f"{place} is not there yet; the first run makes it"


@contextmanager
def _locked(configured: Configured, name: LockName) -> Iterator[None]:
    with ExitStack() as stack:
        try:
            stack.enter_context(configured.locks.held(name))
        except LockTakenError:
            raise ParkError(_holder(configured, name), by="lock") from None
        yield


def _holder(configured: Configured, name: LockName) -> str:
    """Name who holds a lock, as far as the ledger can tell."""
    if name == "deliver":
        return "another process tells the CRM just now; nothing was done"
    who = "another process"
    with (
        suppress(TellUserError, NotNowError),
        closing(open_existing(configured.ledger_url)) as ledger,
    ):
        at_work = [run for run in latest_runs(ledger, 1, name) if run.finished_at is None]
        for run in at_work:
            start = run.start
            who = f"{start.run_id} (process {start.pid} on {start.host})"
    return f"a {name} is at work already: {who}; nothing was done"
