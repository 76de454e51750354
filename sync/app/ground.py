"""Where a job happens: on the ledger under its lock, or on a copy that goes with it."""

import os
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
from sync.ledger.ledger import Ledger, create_or_open, open_existing
from sync.ledger.lock import LockTakenError, held
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
    with (
        suppress(TellUserError, NotNowError),
        closing(open_existing(configured.ledger_url)) as ledger,
    ):
        at_work = [run for run in latest_runs(ledger, 1, kind) if run.finished_at is None]
        for run in at_work:
            start = run.start
            who = f"{start.run_id} (process {start.pid} on {start.host})"
    return f"a {kind} is at work already: {who}; nothing was done"
