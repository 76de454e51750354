"""What every command has around it: settings in, logs on, errors to texts and exit codes."""

import logging
import os
import sys
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Annotated, NoReturn

import structlog
import typer

from sync import app
from sync.cli.terminal import tell
from sync.crm.adapter import CrmAdapter
from sync.errors import HoldersyncError, ParkError
from sync.operate import logs
from sync.operate.stopping import CRM_GRACE, Stop
from sync.settings import NothingConfiguredError, load

log = structlog.get_logger(__name__)

EnvFile = Annotated[
    Path | None,
    typer.Option("--env-file", metavar="PATH", help="Settings; default: .env in HOLDERSYNC_HOME."),
]
AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON object on stdout.")]
Customers = Annotated[
    str | None,
    typer.Option(
        metavar="SOURCES", help="Whom to ask, instead of HOLDERSYNC_CUSTOMERS; - is stdin."
    ),
]

WELCOME = """\
holdersync takes people off vouchers in your CRM when Voucherify has unassigned them.
Nothing is configured yet. To look at it first, with invented data and no account:

    holdersync demo

To use it, put these settings into a file named .env (config/.env.example explains all of them):

    VOUCHERIFY_REGION=eu                the region of your project: eu, us or as
    VOUCHERIFY_APP_ID=...               in Voucherify: Project settings, General, Application keys;
    VOUCHERIFY_APP_TOKEN=...            a server-side key whose role may read customers
    VOUCHERIFY_CALLS_PER_CYCLE=20000    how many API calls of your plan this tool may spend
    HOLDERSYNC_CRM=sql                  the CRM to write to
    CRM_SQL_URL=sqlite:///crm.db        for sql: the database that holds voucher_assignments

Then: holdersync check, and holdersync run --dry-run."""

BUG = "this is a bug; what was stored before it is kept, and the next run goes on from there"


class Shell:
    """One command's surroundings; remembers which secrets may not be shown.

    `stop` ends what the command does, and `crm_executor` makes all calls to the CRM.

    Args:
        crm_grace: seconds that a call to the CRM is given after a signal.
    """

    def __init__(self, *, crm_grace: float = CRM_GRACE) -> None:
        self._secrets: tuple[str, ...] = ()
        self.stop = Stop()
        self.crm_executor = self.stop.workers("crm", 1, crm_grace)

    def leave_after(self, command: Callable[[], int]) -> NoReturn:
        """Do a command and leave with its exit code; what goes wrong is told here."""
        try:
            code = command()
        except typer.BadParameter:
            raise
        except NothingConfiguredError as error:
            tell(WELCOME)
            code = error.exit_code
        except HoldersyncError as error:
            self.complain(str(error))
            code = error.exit_code
        except Exception:  # noqa: BLE001 - the last resort: a bug, told without secrets
            self.complain(f"{traceback.format_exc()}{BUG}")
            code = HoldersyncError.exit_code
        if self.stop.is_asked:
            # All is closed and printed. The interpreter's own end may take long on a busy machine,
            # and it would wait for threads that an adapter may have made.
            os._exit(code)
        raise typer.Exit(code)

    def complain(self, text: str) -> None:
        """Tell a person what went wrong, without secrets."""
        tell(f"holdersync: {logs.redact(text, self._secrets)}")

    @contextmanager
    def configured(self, env_file: Path | None) -> Iterator[app.Configured]:
        """Read the settings, turn the logs on, and close the CRM in the end."""
        loaded = load(env_file)
        # Until the adapter says which settings are its own, any that sounds like a secret is one.
        self._secrets = loaded.secrets(loaded.env)
        ready = app.configure(loaded)
        self._secrets = ready.secrets
        try:
            logs.configure(
                log_format=ready.settings.log_format, level=logging.WARNING, secrets=self._secrets
            )
            # In a crontab these would be a mail every night; `check` tells them wherever it runs.
            if sys.stderr.isatty():
                for warning in ready.warnings:
                    log.warning(warning)
            yield ready
        finally:
            self._close(ready.adapter)

    def _close(self, adapter: CrmAdapter) -> None:
        """Close the CRM, unless a call of it never came back: it is promised one at a time."""
        if self.crm_executor.is_busy:
            return
        try:
            with suppress(ParkError):
                self.crm_executor.submit(adapter.close).result()
        except (Exception, SystemExit) as error:  # noqa: BLE001 - strangers' code, all is done
            msg = f"the connection to the CRM could not be closed ({type(error).__name__})"
            log.warning(msg)
        self.crm_executor.shutdown()
