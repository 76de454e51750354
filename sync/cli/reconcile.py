"""`reconcile`: what the CRM believes, against what Voucherify says is held."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict
from typing import Annotated

import typer

from sync import app
from sync.cli.shell import AsJson, EnvFile, Shell
from sync.cli.terminal import say, say_json, table
from sync.jobs.believers import believed, can_list
from sync.jobs.reconcile import SETTLED_BY, Difference, differences, settle
from sync.operate.stopping import stopping_on_signals

NOT_LISTED = (
    "this CRM can't be listed, so only what the ledger alone can tell was looked for: who vanished "
    "without an event, and who is held again"
)
SHOWN = 50
"""Differences that are listed one by one; --json has them all."""


def reconcile_command(
    *,
    settling: Annotated[
        bool,
        typer.Option("--settle", help="Let the next run tell the CRM again what it does not show."),
    ] = False,
    as_json: AsJson = False,
    env_file: EnvFile = None,
) -> None:
    """Hold what the CRM believes against what the looks at codes saw; changes nothing, no call."""
    shell = Shell()

    def command() -> int:
        with stopping_on_signals(shell.stop), shell.configured(env_file) as ready:
            name = ready.adapter.destination
            with app.alone(ready) as ledger:
                lists = can_list(ready.adapter)
                pages = believed(ready.adapter, shell.crm_executor) if lists else ()
                found = list(differences(ledger, name, pages, ready.settings.lookback))
                again = settle(ledger, name, found) if settling else 0
        if as_json:
            say_json(
                {
                    "crm_was_listed": lists,
                    "differences": [asdict(each) for each in found],
                    "told_again": again,
                }
            )
        else:
            say(_text(found, again) if lists else f"{NOT_LISTED}\n{_text(found, again)}")
        return 65 if found else 0

    shell.leave_after(command)


def _text(found: Sequence[Difference], again: int) -> str:
    if not found:
        return "the CRM believes what Voucherify holds, as far as codes were looked at"
    counts = Counter(each.kind for each in found)
    lines = [f"{number} {kind}: {SETTLED_BY[kind]}" for kind, number in counts.items()]
    rows = [
        (each.kind, each.holder_id or "", each.customer_id or "", each.record_id or "")
        for each in found[:SHOWN]
    ]
    shown = table(("what", "holder", "customer", "record in the CRM"), rows)
    told = [f"{again} are told to the CRM again by the next run"] if again else []
    return "\n".join([*lines, "", shown, *told])
