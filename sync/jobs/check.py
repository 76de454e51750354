"""Proves, before the first run, that everything is in its place; writes nothing."""

from collections.abc import Callable
from dataclasses import dataclass

from sync.crm.adapter import Destination
from sync.errors import HoldersyncError
from sync.voucherify.customers import CustomerLister


@dataclass(frozen=True, slots=True)
class CheckResult:
    """One thing that was looked at; `exit_code` is 0 if it is as it should be."""

    what: str
    text: str
    exit_code: int = 0


def check_voucherify(lister: CustomerLister) -> CheckResult:
    """Ask for one customer: proves address, key and role; costs one call."""

    def ask() -> str:
        page = lister.first_answer()
        total = "an unknown number of" if page.total is None else f"{page.total}"
        return f"the key is accepted; the project has {total} customers"

    return _looked_at("voucherify", ask)


def check_crm(destination: Destination) -> CheckResult:
    """Let the adapter prove what it can without writing."""

    def ask() -> str:
        not_proven = destination.check() or ()
        told = [f"{destination.place} can be used ({destination.destination})"]
        return "; ".join([*told, *(f"not proven: {each}" for each in not_proven)])

    return _looked_at("crm", ask)


def check_ledger(open_and_close: Callable[[], str]) -> CheckResult:
    """Open the ledger, if there is one, or see that it can be made."""
    return _looked_at("ledger", open_and_close)


def _looked_at(what: str, look: Callable[[], str]) -> CheckResult:
    try:
        return CheckResult(what, look())
    except HoldersyncError as error:
        return CheckResult(what, str(error), error.exit_code)
