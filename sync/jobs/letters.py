"""Retries what a person has looked at: events, deliveries, deleted customers."""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from sync.jobs.gone import OnCustomerGone, derived, what_follows
from sync.ledger.ledger import Ledger
from sync.ledger.letters import Letter, accept_event, change_reason, revive_delivery
from sync.ledger.reconciling import (
    assignment_of,
    held_of_code,
    is_back,
    is_customer_back,
    is_explained,
)
from sync.ledger.scheduled import RunProgress
from sync.model.event import Finding, Invalid, Unassigned
from sync.model.unassignment import Assignment, CustomerId
from sync.model.window import Window
from sync.voucherify.wire import Asked, read_item

CLOSED_MEANWHILE = "was closed by somebody else meanwhile"
EXPLAINED = "is explained by now, so there is nothing to do"
SINCE_EVER = Window(datetime(1970, 1, 1, tzinfo=UTC))


@dataclass(frozen=True, slots=True)
class Retried:
    """What became of a letter: closed, or still open for a reason."""

    number: int
    closed: bool
    text: str


@dataclass(frozen=True, slots=True)
class RetryRules:
    """How letters are read this time; a setting may have changed since they were written."""

    lenient: bool
    on_gone: OnCustomerGone


def retry(
    ledger: Ledger,
    letters: Sequence[Letter],
    rules: RetryRules,
    run_id: str,
    now: Callable[[], datetime],
) -> tuple[Retried, ...]:
    """Try each letter again; what can be done now is delivered by the next run."""

    def one(letter: Letter) -> Retried:
        match letter.kind:
            case "delivery":
                is_mine = revive_delivery(ledger, letter, now())
                text = "will be delivered again by the next run" if is_mine else CLOSED_MEANWHILE
                return Retried(letter.number, True, text)
            case "event":
                return _retry_event(ledger, letter, rules, run_id, now())
            case "customer":
                return _retry_customer(ledger, letter, rules, run_id, now())
            case "holder" | "code":
                return _retry_held(ledger, letter, rules, run_id, now())

    return tuple(one(letter) for letter in letters)


def _retry_event(
    ledger: Ledger, letter: Letter, rules: RetryRules, run_id: str, now: datetime
) -> Retried:
    finding = _read_again(letter, rules, now)
    if finding is None or isinstance(finding, Invalid):
        reason = finding.reason if finding else letter.reason
        change_reason(ledger, letter, reason)
        return Retried(letter.number, False, reason)
    is_mine = accept_event(ledger, letter, (finding,), run_id, now)
    text = "is understood now; the next run delivers it" if is_mine else CLOSED_MEANWHILE
    return Retried(letter.number, True, text)


def _read_again(letter: Letter, rules: RetryRules, now: datetime) -> Finding | None:
    if letter.customer_id is None or letter.evidence is None:
        # Not an event of somebody's activity, for example a row of the list of customers.
        return None
    asked = Asked(CustomerId(letter.customer_id), SINCE_EVER, now, rules.lenient)
    return read_item(json.loads(letter.evidence), asked).finding


def _retry_customer(
    ledger: Ledger, letter: Letter, rules: RetryRules, run_id: str, now: datetime
) -> Retried:
    customer_id = CustomerId(letter.customer_id or "")
    if is_customer_back(ledger, customer_id):
        return _explained(ledger, letter, run_id, now)
    reading = RunProgress(ledger, run_id, now)
    held, told = reading.held_by(customer_id), reading.told_of(customer_id)
    gone = what_follows(customer_id, held, rules.on_gone, now, told)
    ended = [Unassigned(each) for each in gone.derived]
    if not accept_event(ledger, letter, ended, run_id, now, still_open=gone.letter):
        return Retried(letter.number, True, CLOSED_MEANWHILE)
    if gone.letter is not None:
        return Retried(letter.number, False, gone.letter)
    text = f"{len(gone.derived)} assignments are ended; the next run delivers that"
    return Retried(letter.number, True, text)


def _retry_held(
    ledger: Ledger, letter: Letter, rules: RetryRules, run_id: str, now: datetime
) -> Retried:
    """Unassign what no event tells of, if a person wants that; else leave the letter open.

    One about what was found again, or what an event told of after all, has nothing to be done.
    """
    settled, held = _state_of(ledger, letter)
    if settled:
        return _explained(ledger, letter, run_id, now)
    if rules.on_gone != "unassign" or not held:
        return Retried(letter.number, False, letter.reason)
    why = "code_gone" if letter.kind == "code" else "vanished"
    found = [Unassigned(derived(each, now, why)) for each in held if each.code]
    unknown = [each.holder_id for each in held if not each.code]
    still_open = f"the codes of {', '.join(unknown)} are not known" if unknown else None
    if not accept_event(ledger, letter, found, run_id, now, still_open=still_open):
        return Retried(letter.number, True, CLOSED_MEANWHILE)
    if still_open is not None:
        return Retried(letter.number, False, still_open)
    return Retried(
        letter.number, True, f"{len(found)} assignments are ended; the next run delivers that"
    )


def _explained(ledger: Ledger, letter: Letter, run_id: str, now: datetime) -> Retried:
    """Close a letter about what is no longer so, and unassign nobody by it."""
    is_mine = accept_event(ledger, letter, (), run_id, now)
    return Retried(letter.number, True, EXPLAINED if is_mine else CLOSED_MEANWHILE)


def _state_of(ledger: Ledger, letter: Letter) -> tuple[bool, Sequence[Assignment]]:
    """Tell whether a letter is settled, and give the assignments that it is about."""
    if letter.kind == "code":
        voucher_id = letter.key.removeprefix("code:")
        return is_back(ledger, voucher_id), held_of_code(ledger, voucher_id)
    holder_id = letter.holder_id or ""
    held = assignment_of(ledger, holder_id)
    return is_explained(ledger, holder_id), [held] if held else []
