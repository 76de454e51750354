"""Proves, before the first run, that everything is in its place; writes nothing."""

from collections.abc import Callable, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass

from sync.crm.adapter import Capability, Destination, Outcome, ReadsBack, Result, Unassignment
from sync.errors import HoldersyncError, LeaveError, ParkError
from sync.jobs.asked import asked, failed_inside
from sync.voucherify.customers import CustomerLister

CAN_NOT_LOOK = "what the CRM would answer: this adapter can't look without writing"
ASKED_LATER = (
    "whether a customer holds something newer under the same code: before a field that holds only "
    "the code is cleared, a run asks that"
)
NONE_YET = "the ledger holds no unassignment yet; holdersync run --dry-run shows the first ones"
NOTHING_WRITTEN = "nothing was asked to be written"
NO_EMAIL = "looked for without its e-mail address, which the ledger does not keep once it is told"


@dataclass(frozen=True, slots=True)
class CheckResult:
    """One thing that was looked at; `exit_code` is 0 if it is as it should be.

    `not_proven` is what can't be known without a write, a sentence each.
    """

    what: str
    text: str
    exit_code: int = 0
    not_proven: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Sampled:
    """What the CRM would answer to one unassignment of the ledger; no value of a field.

    `record_id` and `fields`, those that would change, are None where the adapter can't tell.
    """

    holder_id: str
    code: str
    outcome: str
    reason: str | None
    record_id: str | None
    fields: tuple[str, ...] | None
    deletes: bool


def check_voucherify(lister: CustomerLister) -> CheckResult:
    """Ask for one customer: proves address, key and role; costs one call."""

    def ask() -> str:
        page = lister.first_answer()
        total = "an unknown number of" if page.total is None else f"{page.total}"
        return f"the key is accepted; the project has {total} customers"

    return _looked_at("voucherify", ask)


def check_crm(destination: Destination) -> CheckResult:
    """Let the adapter prove what it can without writing."""
    try:
        not_proven = tuple(destination.check() or ())
    except HoldersyncError as error:
        return CheckResult("crm", str(error), error.exit_code)
    except (Exception, SystemExit) as error:  # noqa: BLE001 - strangers' code; the rest goes on
        text = failed_inside(destination.destination, error, NOTHING_WRITTEN)
        return CheckResult("crm", text, HoldersyncError.exit_code)
    told = f"{destination.place} can be used ({destination.destination})"
    return CheckResult("crm", told, not_proven=not_proven)


def check_sample(
    destination: Destination, batch: Sequence[Unassignment], executor: Executor | None = None
) -> tuple[CheckResult, tuple[Sampled, ...]]:
    """Ask what the CRM would answer to some unassignments; writes nothing.

    Raises:
        ParkError: somebody asked to stop.
    """
    if not (
        Capability.READS_BACK in destination.capabilities and isinstance(destination, ReadsBack)
    ):
        return CheckResult("sample", "nothing was looked for", not_proven=(CAN_NOT_LOOK,)), ()
    if not batch:
        return CheckResult("sample", NONE_YET), ()
    try:
        outcomes = asked(
            destination.destination,
            lambda: destination.preview(batch),
            Outcome,
            len(batch),
            executor=executor,
            then=NOTHING_WRITTEN,
        )
    except ParkError:
        raise
    except HoldersyncError as error:
        return CheckResult("sample", str(error), error.exit_code), ()
    sample = tuple(map(_sampled, batch, outcomes))
    if all(each.result is Result.RETRY for each in outcomes):
        text = "the CRM can't be asked now"
        return CheckResult("sample", text, LeaveError.exit_code), sample
    asks_later = Capability.CLEARS_BY_CODE in destination.capabilities
    text = f"{len(batch)} unassignments of the ledger were looked for, nothing was written"
    return CheckResult("sample", text, not_proven=(ASKED_LATER,) if asks_later else ()), sample


def check_ledger(open_and_close: Callable[[], str]) -> CheckResult:
    """Open the ledger, if there is one, or see that it can be made."""
    return _looked_at("ledger", open_and_close)


def _sampled(about: Unassignment, outcome: Outcome) -> Sampled:
    is_missing = outcome.result is Result.CONTACT_NOT_FOUND and about.email is None
    change = outcome.change
    return Sampled(
        holder_id=about.holder_id,
        code=about.code,
        outcome=outcome.result.value,
        reason=outcome.reason or (NO_EMAIL if is_missing else None),
        record_id=change.record_id if change else None,
        fields=tuple(change.after) if change else None,
        deletes=change.deletes if change else False,
    )


def _looked_at(what: str, look: Callable[[], str]) -> CheckResult:
    try:
        return CheckResult(what, look())
    except HoldersyncError as error:
        return CheckResult(what, str(error), error.exit_code)
