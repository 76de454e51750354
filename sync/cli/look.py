"""`check` and `status`: they read and change nothing."""

from contextlib import closing

from sync import app
from sync.cli.shell import AsJson, EnvFile, Shell
from sync.cli.show import findings_text, status_json, status_text
from sync.cli.terminal import say, say_json
from sync.jobs.check import CheckResult, check_crm, check_ledger, check_voucherify
from sync.ledger.overview import overview
from sync.ledger.runs import latest_runs
from sync.model.summary import exit_code
from sync.operate.stopping import stopping_on_signals

RUNS_SHOWN = 5


def check_command(*, as_json: AsJson = False, env_file: EnvFile = None) -> None:
    """Prove that settings, ledger, Voucherify and CRM are in their place; one call."""
    # It writes nothing, so nothing of it needs to end in order.
    shell = Shell(crm_grace=0.0)

    def command() -> int:
        with stopping_on_signals(shell.stop), shell.configured(env_file) as ready:
            findings = _looked(shell, ready)
        code = exit_code({finding.exit_code for finding in findings})
        if as_json:
            say_json({"exit_code": code, "findings": [_as_dict(each) for each in findings]})
        else:
            say(findings_text(findings))
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
            where = ready.ledger_place
        if as_json:
            say_json(status_json(where, figures, runs, spent))
        else:
            say(status_text(where, figures, runs, spent))
        return 0

    shell.leave_after(command)


def _looked(shell: Shell, ready: app.Configured) -> list[CheckResult]:
    env_file = ready.loaded.env_file
    where = f"from the environment and {env_file}" if env_file else "from the environment"
    findings = [CheckResult("settings", f"{where}; relative paths start at {ready.settings.home}")]
    findings += [CheckResult("warning", warning) for warning in ready.warnings]
    ledger = check_ledger(lambda: app.look_at_ledger(ready))
    findings += [ledger, shell.crm_executor.submit(check_crm, ready.adapter).result()]
    if ledger.exit_code:
        return findings
    with (
        app.on_a_copy(ready) as ground,
        app.voucherify(ready, ground.counted_on, shell.stop) as asked,
    ):
        return [*findings, check_voucherify(asked.lister)]


def _as_dict(finding: CheckResult) -> dict[str, object]:
    return {"what": finding.what, "exit_code": finding.exit_code, "text": finding.text}
