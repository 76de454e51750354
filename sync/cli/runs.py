"""`run` and `backfill`."""

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import replace
from enum import StrEnum
from typing import Annotated

import structlog
import typer

from sync import app
from sync.cli.arguments import window_of
from sync.cli.customers import source_of
from sync.cli.ending import Ending
from sync.cli.progress import watching
from sync.cli.shell import AsJson, Customers, EnvFile, Shell
from sync.cli.show import (
    Rehearsal,
    held_back_text,
    plan_json,
    plan_text,
    rehearsal_json,
    rehearsal_text,
    summary_text,
)
from sync.cli.terminal import is_watched, say, tell
from sync.crm.dry_run import DryRun
from sync.errors import ParkError
from sync.jobs import backfill as backfilling
from sync.jobs import run as running
from sync.jobs.parts import Parts
from sync.jobs.sources import CustomerSource
from sync.jobs.tally import Report
from sync.ledger.letters import open_letters
from sync.ledger.runs import RunStart
from sync.model.window import Window
from sync.operate.stopping import Stop

log = structlog.get_logger(__name__)


Allow = Annotated[
    int | None,
    typer.Option(min=1, metavar="N", help="Let up to N unassignments, or deletions, pass, once."),
]


class IfBusy(StrEnum):
    """What a run does when another one is at work."""

    FAIL = "fail"
    SKIP = "skip"


def run_command(
    *,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Tell what would be done; change nothing.")
    ] = False,
    as_json: AsJson = False,
    customers: Customers = None,
    if_busy: Annotated[
        IfBusy, typer.Option(help="When another run is at work: end with 75 (fail) or 0 (skip).")
    ] = IfBusy.FAIL,
    allow: Allow = None,
    env_file: EnvFile = None,
) -> None:
    """One pass: deliver what is pending, read what is new, deliver that."""
    shell = Shell()
    ending = Ending(shell, "run", as_json=as_json)

    def command() -> int:
        with (
            ending.attended(),
            shell.configured(env_file) as configured,
            _source(configured, customers) as source,
        ):
            ready = replace(configured, at_most=allow)
            start = ending.named(app.new_start(ready, "run"))
            ground = app.on_a_copy(ready) if dry_run else app.for_real(ready, "run")
            try:
                with _parts(ready, ground, start, shell) as parts:
                    report = running.run(parts, source, ending.begins(parts))
                    rehearsal = _rehearsal(parts)
            except ParkError as error:
                return _busy(ending, error, if_busy)
            _show(ending, report, rehearsal)
            return report.exit_code

    shell.leave_after(command)


def backfill_command(
    *,
    since: Annotated[
        str, typer.Option("--from", metavar="TIME", help="Start: 2026-11-01 or an RFC 3339 time.")
    ],
    until: Annotated[
        str, typer.Option("--to", metavar="TIME", help="End, not included; midnight is UTC.")
    ],
    customers: Customers = None,
    plan: Annotated[
        bool, typer.Option("--plan", help="Say how many calls it will take, and stop.")
    ] = False,
    allow: Allow = None,
    as_json: AsJson = False,
    env_file: EnvFile = None,
) -> None:
    """One manual pass over a stated window; no cursor is moved, and it resumes where it stopped."""
    window = window_of(since, until, app.now())
    shell = Shell()
    ending = Ending(shell, "backfill", as_json=as_json)

    def command() -> int:
        with (
            ending.attended(),
            shell.configured(env_file) as configured,
            _source(configured, customers) as source,
        ):
            ready = replace(configured, at_most=allow)
            if plan:
                return _plan(ending, ready, window, source, shell.stop)
            start = ending.named(app.new_start(ready, "backfill"))
            try:
                with _parts(ready, app.for_real(ready, "backfill"), start, shell) as parts:
                    report = backfilling.backfill(parts, window, source, ending.begins(parts))
            except ParkError as error:
                return _busy(ending, error, IfBusy.FAIL)
            _show(ending, report, None)
            return report.exit_code

    shell.leave_after(command)


@contextmanager
def _parts(
    ready: app.Configured,
    ground: AbstractContextManager[app.Ground],
    start: RunStart,
    shell: Shell,
) -> Iterator[Parts]:
    with (
        ground as entered,
        watching(shell.stop) as watch,
        app.assembled(
            ready, entered, start, shell.stop, watch, crm_executor=shell.crm_executor
        ) as parts,
    ):
        watch.metered(parts.meter)
        yield parts


def _source(ready: app.Configured, customers: str | None) -> AbstractContextManager[CustomerSource]:
    chosen = ready.settings.customers if customers is None else customers
    key = ready.settings.app_token.get_secret_value()
    return source_of(chosen, ready.settings.home, key)


def _plan(
    ending: Ending, ready: app.Configured, window: Window, source: CustomerSource, stop: Stop
) -> int:
    with app.on_a_copy(ready) as ground, app.voucherify(ready, ground.counted_on, stop) as asked:
        plan = backfilling.plan(asked.lister, ground.ledger, window, source, ready.settings.rate)
        spent = asked.meter.spent()
    if not ending.as_json:
        say(plan_text(plan, spent))
    ending.tell(plan_json(plan, spent), 0)
    return 0


def _rehearsal(parts: Parts) -> Rehearsal | None:
    if not isinstance(parts.destination, DryRun):
        return None
    mine = [each for each in open_letters(parts.ledger) if each.found_by == parts.start.run_id]
    return Rehearsal(parts.destination.told, tuple(mine))


def _show(ending: Ending, report: Report, rehearsal: Rehearsal | None) -> None:
    for problem in report.problems:
        log.warning(problem, run_id=report.summary.run_id)
    if report.held_back:
        tell(held_back_text(report.held_back))
    if report.new_letters and rehearsal is None:
        msg = f"{report.new_letters} new dead letters; holdersync dead-letters list tells which"
        log.warning(msg, run_id=report.summary.run_id)
    told = rehearsal_json(rehearsal) if rehearsal else {}
    ending.tell(report.summary.as_json() | told, report.exit_code)
    if ending.as_json:
        return
    if rehearsal is not None:
        say(rehearsal_text(rehearsal))
    if is_watched():
        say(summary_text(report.summary))


def _busy(ending: Ending, error: ParkError, if_busy: IfBusy) -> int:
    report = ending.before_it_began(error)
    code = 0 if if_busy is IfBusy.SKIP else report.exit_code
    ending.tell(report.summary.as_json(), code)
    if code:
        log.warning(str(error))
    return code
