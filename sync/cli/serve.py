"""`serve`: the receiver of webhooks."""

from contextlib import closing
from typing import Annotated

import typer

from sync import app
from sync.cli.shell import EnvFile, Shell
from sync.cli.terminal import say
from sync.errors import HoldersyncError, TellUserError
from sync.ledger.inbox import store
from sync.ledger.ledger import Ledger

NOT_INSTALLED = (
    "the receiver needs Starlette and uvicorn. Install them: pip install 'holdersync[serve]'"
)
UNSIGNED = (
    "HOLDERSYNC_WEBHOOK_SECRET: not set; in Voucherify: Project settings, Webhooks, the secret "
    "that signs them"
)


def serve_command(
    *,
    host: Annotated[str, typer.Option(help="The address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65_535, help="0: any that is free.")] = 8787,
    env_file: EnvFile = None,
) -> None:
    """Receive Voucherify's webhooks as hints; the next run reads the customers they name."""
    shell = Shell()

    def command() -> int:
        with shell.configured(env_file) as ready:
            secrets = ready.settings.webhook_secrets
            if not secrets:
                raise TellUserError(UNSIGNED)
            try:
                from sync.operate import receiver  # noqa: PLC0415 - the extra may be missing
            except ImportError as error:
                raise TellUserError(NOT_INSTALLED) from error
            with closing(app.open_ledger(ready, synced=True)) as ledger:
                receiving = receiver.application(
                    lambda told: store(ledger, told, app.now()),
                    lambda: _can_be_written(ledger),
                    secrets,
                    app.now,
                )
                try:
                    listening = receiver.listen(host, port)
                except OSError as error:
                    msg = f"can't listen on {host}:{port}: {error.strerror}"
                    raise TellUserError(msg) from error
                at = listening.getsockname()[1]
                say(f"listening on http://{host}:{at}{receiver.PATH}")
                receiver.serve(receiving, listening)
        return 0

    shell.leave_after(command)


def _can_be_written(ledger: Ledger) -> bool:
    try:
        store(ledger, (), app.now())
    except HoldersyncError:
        return False
    return True
