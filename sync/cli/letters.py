"""`dead-letters list`, `retry` and `discard`."""

from collections.abc import Sequence
from contextlib import closing
from typing import Annotated

import typer

from sync import app
from sync.cli.shell import AsJson, EnvFile, Shell
from sync.cli.show import letters_json, letters_text
from sync.cli.terminal import say, say_json
from sync.errors import TellUserError
from sync.jobs.letters import RetryRules, retry
from sync.ledger.ledger import Ledger
from sync.ledger.letters import Letter, discard, open_letters

Numbers = Annotated[
    list[int] | None,
    typer.Argument(min=1, max=2**31 - 1, metavar="[NO]...", help="Numbers, as listed."),
]
All = Annotated[bool, typer.Option("--all", help="All that are open.")]


def list_command(*, as_json: AsJson = False, env_file: EnvFile = None) -> None:
    """List what could not be understood or delivered, with the reason."""
    shell = Shell()

    def command() -> int:
        with shell.configured(env_file) as ready, closing(app.open_ledger(ready)) as ledger:
            letters = open_letters(ledger)
        if as_json:
            say_json({"dead_letters": letters_json(letters)})
        else:
            say(letters_text(letters))
        return 0

    shell.leave_after(command)


def retry_command(numbers: Numbers = None, *, every: All = False, env_file: EnvFile = None) -> None:
    """Try again; the next run delivers what can be delivered now."""
    shell = Shell()

    def command() -> int:
        with shell.configured(env_file) as ready, closing(app.open_ledger(ready)) as ledger:
            letters = _chosen(ledger, numbers, every=every)
            settings = ready.settings
            rules = RetryRules(settings.validation == "lenient", settings.on_customer_gone)
            run_id = app.new_start(ready, "run").run_id
            retried = retry(ledger, letters, rules, run_id, app.now)
        for each in retried:
            say(f"{each.number}: {'closed' if each.closed else 'still open'}; {each.text}")
        return 0 if all(each.closed for each in retried) else 65

    shell.leave_after(command)


def discard_command(
    numbers: Numbers = None, *, every: All = False, env_file: EnvFile = None
) -> None:
    """Close for good; what they are about will not be delivered."""
    shell = Shell()

    def command() -> int:
        with shell.configured(env_file) as ready, closing(app.open_ledger(ready)) as ledger:
            letters = _chosen(ledger, numbers, every=every)
            count = discard(ledger, [letter.number for letter in letters], app.now())
        say(f"{count} dead letters discarded")
        return 0

    shell.leave_after(command)


def _chosen(ledger: Ledger, numbers: list[int] | None, *, every: bool) -> Sequence[Letter]:
    if every == bool(numbers):
        msg = "say which dead letters: their numbers, or --all"
        raise typer.BadParameter(msg)
    letters = open_letters(ledger, None if every else numbers)
    unknown = set(numbers or ()) - {letter.number for letter in letters}
    if unknown:
        msg = f"no open dead letter has the number {', '.join(map(str, sorted(unknown)))}"
        raise TellUserError(msg)
    return letters
