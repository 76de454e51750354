"""`playground` and `demo`: what runs on this machine alone."""

import json
import signal
from pathlib import Path
from typing import Annotated, Literal

import typer

from sync.cli.demo import show_demo
from sync.cli.shell import Shell
from sync.cli.terminal import say
from sync.playground import Playground


def playground_command(
    *,
    port: Annotated[int, typer.Option(min=0, max=65535, help="0: any free one.")] = 0,
    customers: Annotated[int, typer.Option(min=1, max=20_000)] = 500,
    seed: Annotated[int, typer.Option(help="The same seed gives the same world.")] = 1,
    limit: Annotated[
        str, typer.Option(metavar="N/minute|N/hour", help="The rate limit.")
    ] = "100000/minute",
    cycle_quota: Annotated[
        int | None, typer.Option(min=0, help="Calls until the billing cycle is used up.")
    ] = None,
    faults: Annotated[
        Path | None, typer.Option(exists=True, dir_okay=False, help="A fault script.")
    ] = None,
    empty_on_unknown_type: Annotated[
        bool, typer.Option("--empty-on-unknown-type", help="Instead of 400: an empty list.")
    ] = False,
) -> None:
    """A local Voucherify with an invented world; prints one JSON line and serves until stopped."""
    try:
        playground = Playground(
            customers=customers,
            seed=seed,
            port=port,
            cycle_quota=cycle_quota,
            faults=faults.read_text(encoding="utf-8") if faults else "",
            unknown_type="empty" if empty_on_unknown_type else "error",
            rate_limit=_limit(limit),
        )
    except ValueError as error:
        raise typer.BadParameter(str(error)) from error
    # A second signal must not cut off the orderly end that the first one began.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        with playground:
            keys = ("base_url", "app_id", "app_token")
            say(json.dumps({key: getattr(playground, key) for key in keys}))
            playground.wait()
    except KeyboardInterrupt:
        return


def demo_command(
    *,
    folder: Annotated[
        Path | None, typer.Option(file_okay=False, help="Where to make the two databases.")
    ] = None,
) -> None:
    """Show the whole job on invented data: no account, no key, nothing of yours is touched."""
    Shell().leave_after(lambda: show_demo(folder))


def _limit(text: str) -> tuple[int, Literal["minute", "hour"]]:
    calls, _, window = text.partition("/")
    if calls.isdecimal() and window in ("minute", "hour"):
        return int(calls), "hour" if window == "hour" else "minute"
    msg = f"--limit {text}: give N/minute or N/hour"
    raise ValueError(msg)
