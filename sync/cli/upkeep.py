"""`adopt`, `forget`, `ledger upgrade`, `ledger rebind`: what a person decides now and then."""

from contextlib import closing
from typing import Annotated

import typer

from sync import app
from sync.cli.arguments import customer_of, past_instant_of
from sync.cli.shell import EnvFile, Shell
from sync.cli.terminal import say
from sync.ledger.destinations import adopt
from sync.ledger.forgotten import forget


def adopt_command(
    *,
    since: Annotated[
        str | None,
        typer.Option(metavar="TIME", help="It also hears of unassignments dated from then on."),
    ] = None,
    from_now: Annotated[
        bool, typer.Option("--from-now", help="It hears only of what is found from now on.")
    ] = False,
    env_file: EnvFile = None,
) -> None:
    """Let a new destination in: say what of the past it is to hear."""
    if (since is None) != from_now:
        msg = "give either --since TIME or --from-now"
        raise typer.BadParameter(msg)
    instant = None if since is None else past_instant_of(since, "--since", app.now())
    shell = Shell()

    def command() -> int:
        with shell.configured(env_file) as ready, closing(app.open_ledger(ready)) as ledger:
            adopted = adopt(ledger, ready.adapter.destination, instant, app.now())
        say(
            f"{adopted.destination} is known now; the next run tells it of "
            f"{adopted.of_the_past} unassignments of the past"
        )
        return 0

    shell.leave_after(command)


def forget_command(
    customer: Annotated[str, typer.Argument(help="The customer's id in Voucherify: cust_...")],
    *,
    drop_pending: Annotated[
        bool, typer.Option("--drop-pending", help="Give up what the CRM has not heard yet.")
    ] = False,
    env_file: EnvFile = None,
) -> None:
    """Erase one person from the ledger; no later read brings them back. The CRM is not touched."""
    who = customer_of(customer)
    shell = Shell()

    def command() -> int:
        with shell.configured(env_file) as ready, app.alone(ready) as ledger:
            erased = forget(ledger, who, app.now(), drop_pending=drop_pending)
        say(
            f"forgotten: {erased.unassignments} unassignments ({erased.pending} of them not told "
            f"to the CRM yet) and {erased.letters} dead letters were erased"
        )
        if not erased.was_known:
            say("nobody was known by this id (cust_... in Voucherify); it is kept out from now on")
        say(f"not reached from here: copies and backups of {ready.ledger_place}, and the CRM")
        return 0

    shell.leave_after(command)


def upgrade_command(*, env_file: EnvFile = None) -> None:
    """Take an older ledger to this release; an SQLite file is copied first."""
    shell = Shell()

    def command() -> int:
        with shell.configured(env_file) as ready:
            say(app.upgrade_ledger(ready))
        return 0

    shell.leave_after(command)


def rebind_command(*, env_file: EnvFile = None) -> None:
    """Go on with a changed key, or a changed address, of the same Voucherify project."""
    shell = Shell()

    def command() -> int:
        with shell.configured(env_file) as ready:
            say(app.rebind_ledger(ready))
        return 0

    shell.leave_after(command)
