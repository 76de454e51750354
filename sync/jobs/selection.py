"""Which customers are asked: all that Voucherify lists, or those that a person names."""

import csv
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import islice

from sync.errors import TellUserError
from sync.model.unassignment import CustomerId

ID_COLUMNS = ("customer_id", "id")
OTHER_SEPARATORS = (";", "\t", "|")
BATCH = 500


@dataclass(frozen=True, slots=True)
class CustomerSource:
    """Where customers come from; `label` names it, `ids` is None for all that are listed.

    `ids` is read once, as a stream.
    """

    label: str
    ids: Iterable[CustomerId] | None = None


def read_customer_ids(lines: Iterable[str], name: str) -> Iterator[CustomerId]:
    """Read one id per line, or the column `customer_id` (or `id`) of a CSV with a header.

    Empty lines and spaces around an id don't count; an id that comes twice is asked once, by the
    ledger.

    Raises:
        TellUserError: a CSV without such a column, a quote that is not closed, or a line that is
            not text.
    """
    rows = csv.reader(_without_mark(lines), strict=True)
    try:
        first = next((row for row in rows if _cells(row)), None)
        if first is None:
            return
        column = _column(_cells(first), name)
        if column is None:
            column = 0
            yield CustomerId(_cells(first)[0])
        for row in rows:
            cells = _cells(row)
            if column < len(cells) and cells[column]:
                yield CustomerId(cells[column])
    except (csv.Error, UnicodeDecodeError) as error:
        msg = f"{name}, near line {rows.line_num}: not a text file in UTF-8 with customer ids"
        raise TellUserError(msg) from error


def batches(ids: Iterable[CustomerId]) -> Iterator[tuple[CustomerId, ...]]:
    """Cut a stream of ids into batches."""
    stream = iter(ids)
    while batch := tuple(islice(stream, BATCH)):
        yield batch


def _without_mark(lines: Iterable[str]) -> Iterator[str]:
    for number, line in enumerate(lines):
        yield line if number else line.removeprefix("\ufeff")


def _cells(row: list[str]) -> list[str]:
    cells = [cell.strip() for cell in row]
    return cells if any(cells) else []


def _column(header: list[str], name: str) -> int | None:
    """Find the column of the ids; None if the first line is an id itself."""
    names = [cell.lower().replace(" ", "_") for cell in header]
    for wanted in ID_COLUMNS:
        if wanted in names:
            return names.index(wanted)
    if len(names) == 1 and not any(mark in names[0] for mark in OTHER_SEPARATORS):
        return None
    msg = (
        f"{name}: the first line names no column {' or '.join(ID_COLUMNS)}; give one id per line, "
        "or a CSV with commas"
    )
    raise TellUserError(msg)
