"""Where text leaves the tool: results on stdout, everything else on stderr."""

import json
import os
import re
import sys
from collections.abc import Collection, Iterable, Mapping, Sequence
from contextlib import suppress
from io import StringIO
from pathlib import Path
from typing import Any, TextIO

from rich.console import Console
from rich.table import Table

WIDTH = 120
CONTROL = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f]")
"""Anybody who may name a campaign could otherwise write on our terminal."""


def say(text: str) -> None:
    """Print a result; whoever stopped listening changes nothing about how the job went."""
    try:
        print(_writable(text, sys.stdout), flush=True)
    except OSError as error:
        tell(f"holdersync: the result could not be printed ({error.strerror})")
        # Else Python would try once more at exit, and end with a code of its own.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def tell(text: str) -> None:
    """Print what is not a result, for a person; if that can't be, there is nobody to tell."""
    with suppress(OSError):
        print(_writable(text, sys.stderr), file=sys.stderr, flush=True)


def open_what_is_closed() -> None:
    """Give the process an output where whoever started it closed one; nobody hears it."""
    for name in ("stdout", "stderr"):
        if getattr(sys, name) is None:
            nowhere = Path(os.devnull).open("w", encoding="utf-8")  # noqa: SIM115 - stays open
            setattr(sys, name, nowhere)


def show_cursor() -> None:
    """Give a terminal its cursor back, which a progress bar hides."""
    if sys.stderr.isatty():
        Console(stderr=True).show_cursor()


def say_json(value: Mapping[str, Any]) -> None:
    """Print exactly one JSON object."""
    say(json.dumps(value))


def is_watched() -> bool:
    """Tell whether a person looks at stdout."""
    return sys.stdout.isatty()


def table(
    headers: Sequence[str],
    rows: Iterable[Sequence[object]],
    title: str = "",
    whole: Collection[str] = (),
) -> str:
    """Set rows under headers, as plain text that fits a terminal and a mail.

    What stands under the headers in `whole` stays in one line, to be copied.
    """
    grid = Table(title=title or None, title_justify="left", box=None, pad_edge=False)
    for header in headers:
        grid.add_column(header, overflow="fold", no_wrap=header in whole)
    for row in rows:
        grid.add_row(*("" if cell is None else str(cell) for cell in row))
    page = Console(file=StringIO(), width=_width(), markup=False, highlight=False, emoji=False)
    with page.capture() as captured:
        page.print(grid)
    return "\n".join(line.rstrip() for line in captured.get().splitlines())


def _writable(text: str, stream: TextIO) -> str:
    """Spell out what would steer a terminal, and what the stream's encoding can't write."""
    plain = CONTROL.sub(lambda each: f"\\x{ord(each[0]):02x}", text)
    encoding = stream.encoding or "utf-8"
    return plain.encode(encoding, "backslashreplace").decode(encoding)


def _width() -> int:
    return Console().width if sys.stdout.isatty() else WIDTH
