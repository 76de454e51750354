"""Where text leaves the tool: results on stdout, everything else on stderr."""

import json
import os
import sys
from collections.abc import Iterable, Mapping, Sequence
from io import StringIO
from typing import Any

from rich.console import Console
from rich.table import Table

WIDTH = 120


def say(text: str) -> None:
    """Print a result; whoever stopped listening changes nothing about how the job went."""
    try:
        print(text, flush=True)
    except OSError as error:
        tell(f"holdersync: the result could not be printed ({error.strerror})")
        # Else Python would try once more at exit, and end with a code of its own.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def tell(text: str) -> None:
    """Print what is not a result, for a person."""
    print(text, file=sys.stderr, flush=True)


def say_json(value: Mapping[str, Any]) -> None:
    """Print exactly one JSON object."""
    say(json.dumps(value))


def is_watched() -> bool:
    """Tell whether a person looks at stdout."""
    return sys.stdout.isatty()


def table(headers: Sequence[str], rows: Iterable[Sequence[object]], title: str = "") -> str:
    """Set rows under headers, as plain text that fits a terminal and a mail."""
    grid = Table(title=title or None, title_justify="left", box=None, pad_edge=False)
    for header in headers:
        grid.add_column(header, overflow="fold")
    for row in rows:
        grid.add_row(*("" if cell is None else str(cell) for cell in row))
    page = Console(file=StringIO(), width=_width(), markup=False, highlight=False, emoji=False)
    with page.capture() as captured:
        page.print(grid)
    return "\n".join(line.rstrip() for line in captured.get().splitlines())


def _width() -> int:
    return Console().width if sys.stdout.isatty() else WIDTH
