"""`reconcile`: what the CRM believes, against what Voucherify says is held."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict
from typing import Annotated

import typer

from sync import app
from sync.cli.shell import AsJson, EnvFile, Shell
from sync.cli.terminal import say, say_json, table
from sync.jobs.asking import Asking
from sync.jobs.believers import believed, can_list
from sync.jobs.ports import HoldingPages
from sync.jobs.reconcile import SETTLED_BY, Difference, differences, settle
from sync.jobs.tally import DEAD_LETTERED, UNAVAILABLE
from sync.ledger.ledger import Ledger
from sync.model.summary import exit_code
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
    ask: Annotated[
        int,
        typer.Option(
            min=0, help="Ask Voucherify what so many customers hold whom no look at a code covers."
        ),
    ] = 0,
    as_json: AsJson = False,
    env_file: EnvFile = None,
) -> None:
    """Hold what the CRM believes against what was seen to be held; no call but for --ask."""
    shell = Shell()

    def command() -> int:
        with (
            stopping_on_signals(shell.stop),
            shell.configured(env_file) as ready,
            app.alone(ready) as ledger,
            app.voucherify(ready, ledger, shell.stop) as project,
        ):
            name, lists = ready.adapter.destination, can_list(ready.adapter)
            pages = believed(ready.adapter, shell.crm_executor) if lists else ()
            asking = _asking(shell, ready, ledger, project.holdings, ask)
            found = list(differences(ledger, name, pages, ready.settings.lookback, asking))
            again = settle(ledger, name, found) if settling else 0
        if as_json:
            say_json(
                {
                    "crm_was_listed": lists,
                    "differences": [asdict(each) for each in found],
                    "customers": {
                        "asked": asking.asked,
                        "failed": asking.failed,
                        "left": asking.left,
                    },
                    "told_again": again,
                }
            )
        else:
            say("\n".join([*([] if lists else [NOT_LISTED]), _text(found, again), *_told(asking)]))
        if asking.stopped_by is not None:
            shell.complain(str(asking.stopped_by))
        return exit_code(_reasons(found, asking))

    shell.leave_after(command)


def _asking(
    shell: Shell, ready: app.Configured, ledger: Ledger, reader: HoldingPages, at_most: int
) -> Asking:
    return Asking(
        ledger,
        reader,
        at_most=at_most,
        longest=ready.settings.max_staleness,
        lookback=ready.settings.lookback,
        now=app.now,
        go_on=shell.stop.go_on,
    )


def _reasons(found: Sequence[Difference], asking: Asking) -> set[int]:
    reasons = {DEAD_LETTERED} if found else set()
    if asking.failed:
        reasons.add(UNAVAILABLE)
    if asking.stopped_by is not None:
        reasons.add(asking.stopped_by.exit_code)
    return reasons


def _told(asking: Asking) -> list[str]:
    """Tell what was asked, and what is not known because nobody was asked."""
    lines = []
    if asking.asked or asking.failed:
        unread = f"; of {asking.failed} that could not be read" if asking.failed else ""
        lines.append(f"asked Voucherify what {asking.asked} customers hold{unread}")
    if asking.left:
        lines.append(
            f"{asking.left} customers of the CRM's are covered by no look at a code, and were not "
            f"asked for: holdersync reconcile --ask {asking.left} does, a call each"
        )
    return lines


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
