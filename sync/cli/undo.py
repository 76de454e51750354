"""`undo`: writes back what a run changed in the CRM."""

from collections import Counter
from typing import Annotated

import typer

from sync import app
from sync.cli.changed import DELETED, changed_json, fields_text
from sync.cli.shell import AsJson, EnvFile, Shell
from sync.cli.terminal import say, say_json, table
from sync.jobs.undo import Answer, Undoing, UndoRules, undo
from sync.operate.stopping import stopping_on_signals


def undo_command(
    run: Annotated[
        str, typer.Argument(metavar="RUN", help="Id of a run or backfill, as in holdersync status.")
    ],
    *,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Show each field; write nothing back.")
    ] = False,
    as_json: AsJson = False,
    env_file: EnvFile = None,
) -> None:
    """Write back what a run cleared in the CRM, where the CRM still shows what the run left."""
    shell = Shell()

    def command() -> int:
        with (
            stopping_on_signals(shell.stop),
            shell.configured(env_file) as ready,
            app.for_undo(ready, dry_run=dry_run) as ledger,
        ):
            rules = UndoRules(dry_run, app.now, shell.stop.go_on, shell.crm_executor)
            undoing = undo(ledger, ready.adapter, run, rules)
            if as_json:
                say_json(undoing_json(undoing, dry_run=dry_run))
            else:
                say(undoing_text(undoing, dry_run=dry_run))
            if undoing.stopped_by is not None:
                shell.complain(str(undoing.stopped_by))
            return undoing.exit_code

    shell.leave_after(command)


def undoing_text(undoing: Undoing, *, dry_run: bool) -> str:
    """Show what an undo did, or would do; the fields only where nothing was written."""
    headers = ["holder", "record", "would be" if dry_run else "is", "because"]
    rows = [_row(each) for each in undoing.answers]
    if dry_run:
        headers += ["fields"]
        rows = [[*_row(each), _fields_back(each)] for each in undoing.answers]
    parts = ["\n".join(_told(undoing, dry_run=dry_run))]
    if rows:
        parts.append(table(headers, rows, whole=("holder", "record")))
    return "\n\n".join(parts)


def undoing_json(undoing: Undoing, *, dry_run: bool) -> dict[str, object]:
    """Give the same; `before` and `after` are what the run met and what it left."""
    return {
        "run_id": undoing.run.run_id,
        "destination": undoing.run.destination,
        "dry_run": dry_run,
        "changes": [_as_dict(each, dry_run=dry_run) for each in undoing.answers],
        "undone_before": undoing.before,
        "unknown": undoing.unknown,
        "left": undoing.left,
        "exit_code": undoing.exit_code,
    }


def _told(undoing: Undoing, *, dry_run: bool) -> list[str]:
    counted = Counter(_word(each) for each in undoing.answers)
    sums = ", ".join(f"{count} {name}" for name, count in counted.items())
    begin = "dry run, nothing was written: " if dry_run else ""
    none = "none was come to" if undoing.left else "nothing left to write back"
    if not (undoing.left or undoing.before):
        none = "that run changed nothing in the CRM that could be written back"
    lines = [f"{begin}undo of {undoing.run.run_id}: {sums or none}"]
    if undoing.before:
        lines.append(f"{undoing.before} were written back by an undo before, and are not touched")
    if undoing.unknown:
        lines.append(
            f"{undoing.unknown} more were removed by it; what they changed is not kept here, so "
            "that can't be undone"
        )
    if undoing.left:
        lines.append(f"{undoing.left} were not come to: say the same command again")
    return lines


def _word(answer: Answer) -> str:
    return answer.restored.result.value.replace("_", " ")


def _row(answer: Answer) -> list[str]:
    kept = answer.kept
    return [kept.holder_id, kept.change.record_id, _word(answer), answer.restored.reason or ""]


def _fields_back(answer: Answer) -> str:
    change = answer.kept.change
    return DELETED if change.deletes else fields_text(change.after, change.before)


def _as_dict(answer: Answer, *, dry_run: bool) -> dict[str, object]:
    fields = changed_json(answer.kept.change) if dry_run else {}
    return {
        "holder_id": answer.kept.holder_id,
        "record_id": answer.kept.change.record_id,
        "result": answer.restored.result.value,
        "reason": answer.restored.reason,
    } | fields
