"""All commands under one name."""

import typer

from sync.cli import letters, local, look, plan, reconcile, runs, serve, undo, upkeep
from sync.cli.terminal import open_what_is_closed
from sync.operate.stopping import end_as_decided, handle, handlers

app = typer.Typer(
    name="holdersync",
    help="Mirrors Voucherify's unassignments into a CRM.",
    add_completion=False,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)
dead_letters = typer.Typer(help="What waits for a person.", no_args_is_help=True)
ledger = typer.Typer(help="The tool's own database.", no_args_is_help=True)
app.add_typer(dead_letters, name="dead-letters")
app.add_typer(ledger, name="ledger")

app.command("run")(runs.run_command)
app.command("backfill")(runs.backfill_command)
app.command("plan")(plan.plan_command)
app.command("reconcile")(reconcile.reconcile_command)
app.command("serve")(serve.serve_command)
app.command("check")(look.check_command)
app.command("status")(look.status_command)
app.command("adopt")(upkeep.adopt_command)
app.command("forget")(upkeep.forget_command)
app.command("undo")(undo.undo_command)
app.command("playground")(local.playground_command)
app.command("demo")(local.demo_command)
dead_letters.command("list")(letters.list_command)
dead_letters.command("retry")(letters.retry_command)
dead_letters.command("discard")(letters.discard_command)
ledger.command("upgrade")(upkeep.upgrade_command)
ledger.command("rebind")(upkeep.rebind_command)


def main(arguments: list[str] | None = None) -> None:
    """Do one command and leave with its exit code.

    Without `arguments` the command line is the process's own, and so is its end: a signal that
    comes afterwards does not change the exit code any more.
    """
    open_what_is_closed()
    before = handlers()
    try:
        app(arguments)
    except SystemExit as ended:
        if arguments is None and isinstance(ended.code, int):
            end_as_decided(ended.code)
        else:
            handle(before)
        raise
