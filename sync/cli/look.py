"""`check` and `status`: they read and change nothing."""

from collections.abc import Sequence
from contextlib import closing
from typing import Annotated

import typer

from sync import app
from sync.cli.found import evidence_json, evidence_lines, findings_json, findings_text
from sync.cli.shell import AsJson, EnvFile, Shell
from sync.cli.show import status_json, status_text
from sync.cli.terminal import say, say_json
from sync.errors import HoldersyncError
from sync.jobs.check import (
    CheckResult,
    Sampled,
    check_crm,
    check_ledger,
    check_sample,
    check_voucherify,
)
from sync.jobs.probe import MOST_CALLS, probe
from sync.jobs.webhooks import said_of_webhooks, silent_since
from sync.ledger.deliveries import sample as some_of
from sync.ledger.inbox import count_unassigned_since, receiver_state
from sync.ledger.ledger import Ledger
from sync.ledger.overview import overview
from sync.ledger.probes import evidence
from sync.ledger.runs import latest_runs
from sync.model.probe import Evidence
from sync.model.summary import exit_code
from sync.operate.stopping import stopping_on_signals

RUNS_SHOWN = 5
SAMPLE = 5
"""Unassignments that `check` looks for in the CRM: enough to see a mapping at work."""


def check_command(
    *,
    as_json: AsJson = False,
    probing: Annotated[
        bool,
        typer.Option("--probe", help=f"Ask what is not documented too; up to {MOST_CALLS} calls."),
    ] = False,
    env_file: EnvFile = None,
) -> None:
    """Prove that settings, ledger, Voucherify and CRM are in their place; one call."""
    # It writes nothing, so nothing of it needs to end in order.
    shell = Shell(crm_grace=0.0)

    def command() -> int:
        with stopping_on_signals(shell.stop), shell.configured(env_file) as ready:
            findings, sample = _looked(shell, ready)
            seen: tuple[Evidence, ...] = ()
            if probing:
                seen, ended_by = _probed(shell, ready, findings)
                findings += ended_by
        code = exit_code({finding.exit_code for finding in findings})
        if as_json:
            probes = {"probes": evidence_json(seen)} if probing else {}
            say_json({"exit_code": code} | findings_json(findings, sample) | probes)
        else:
            say("\n".join([findings_text(findings, sample), *evidence_lines(seen)]))
        return code

    shell.leave_after(command)


def status_command(*, as_json: AsJson = False, env_file: EnvFile = None) -> None:
    """Tell from the ledger what was read, delivered and spent; no call."""
    shell = Shell()

    def command() -> int:
        with shell.configured(env_file) as ready, closing(app.open_ledger(ready)) as ledger:
            figures = overview(ledger)
            runs = latest_runs(ledger, RUNS_SHOWN)
            spent = app.spent_on(ready, ledger)
            webhooks = _webhooks(ledger)
            where = ready.ledger_place
        if as_json:
            say_json(status_json(where, figures, runs, spent) | {"webhooks": webhooks})
        else:
            say(status_text(where, figures, runs, spent, webhooks))
        return 0

    shell.leave_after(command)


def _probed(
    shell: Shell, ready: app.Configured, findings: Sequence[CheckResult]
) -> tuple[tuple[Evidence, ...], list[CheckResult]]:
    """Ask the live API; give all that was ever seen, and what ended the asking.

    It needs a ledger to write into, and a key that is accepted.
    """
    if any(each.what == "voucherify" and each.exit_code for each in findings):
        return (), []
    try:
        ledger = app.open_ledger(ready)
    except HoldersyncError as error:
        return (), [CheckResult("probe", str(error), error.exit_code)]
    with closing(ledger), app.voucherify(ready, ledger, shell.stop) as project:
        ended_by = []
        try:
            probe(ledger, project.prober, app.now)
        except HoldersyncError as error:
            ended_by.append(CheckResult("probe", str(error), error.exit_code))
        return tuple(evidence(ledger).values()), ended_by


def _webhooks(ledger: Ledger) -> str:
    state = receiver_state(ledger)
    return said_of_webhooks(state, count_unassigned_since(ledger, silent_since(state)))


def _looked(shell: Shell, ready: app.Configured) -> tuple[list[CheckResult], tuple[Sampled, ...]]:
    env_file = ready.loaded.env_file
    where = f"from the environment and {env_file}" if env_file else "from the environment"
    findings = [CheckResult("settings", f"{where}; relative paths start at {ready.settings.home}")]
    findings += [CheckResult("warning", warning) for warning in ready.warnings]
    ledger = check_ledger(lambda: app.look_at_ledger(ready))
    crm = shell.crm_executor.submit(check_crm, ready.adapter).result()
    findings += [ledger, crm]
    if ledger.exit_code:
        return findings, ()
    sample: tuple[Sampled, ...] = ()
    with (
        app.on_a_copy(ready) as ground,
        app.voucherify(ready, ground.counted_on, shell.stop) as asked,
    ):
        if not crm.exit_code:
            batch = some_of(ground.ledger, ready.adapter.destination, SAMPLE)
            finding, sample = check_sample(ready.adapter, batch, shell.crm_executor)
            findings.append(finding)
        findings.append(check_voucherify(asked.lister))
    return findings, sample
