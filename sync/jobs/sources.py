"""Where candidates come from, and the ids that a person names in a file."""

import csv
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import islice

from sync.errors import TellUserError
from sync.model.unassignment import CustomerId, VoucherId

ID_COLUMNS = ("customer_id", "id")
OTHER_COLUMNS = frozenset({"source_id", "email", "name", "phone", "created_at", "updated_at"})
"""What Voucherify's own export of customers calls its other columns; no id is written so."""
OTHER_SEPARATORS = (";", "\t", "|")
LONGEST_ID = 1_000
"""Characters; what is longer is a line of something else, and no address could hold it."""
BATCH = 500

CONTROL = re.compile("[\x00-\x1f\x7f\ud800-\udfff]")
MARK = "\ufeff"
"""A byte order mark; files that were put together have one in the middle, too."""


@dataclass(frozen=True, slots=True)
class CustomerSource:
    """Where candidates come from; sources add up. Hints are followed whatever is named.

    Each stream of ids is read once per run.

    Args:
        label: names it; a backfill of another label is another one.
        ids: the customers that a person named; None if nobody did.
        lists: everybody whom Voucherify lists.
        codes: whoever vanishes from the holders of referral codes.
        code_ids: codes that a person named, beside those that Voucherify lists; None if nobody did.
        crm: whoever the CRM believes to hold something.
    """

    label: str
    ids: Iterable[CustomerId] | None = None
    lists: bool = False
    codes: bool = False
    code_ids: Iterable[VoucherId] | None = None
    crm: bool = False

    @property
    def named(self) -> Iterable[CustomerId] | None:
        """Whom a backfill reads: those that were named, or, as None, everybody."""
        return None if self.lists else self.ids


def read_customer_ids(lines: Iterable[str], name: str) -> Iterator[CustomerId]:
    """Read one id per line, or the column `customer_id` (or `id`) of a CSV with a header.

    Empty lines and spaces around an id don't count; an id that comes twice is asked once, by the
    ledger.

    Raises:
        TellUserError: a CSV without such a column, a quote that is not closed, or a line that is
            not text, or too long for an id.
    """
    rows = csv.reader((line.removeprefix(MARK) for line in lines), strict=True)
    try:
        first = next((row for row in rows if _cells(row)), None)
        if first is None:
            return
        column = _column(_cells(first), name)
        if column is None:
            column = 0
            yield _id(_cells(first)[0])
        for row in rows:
            cells = _cells(row)
            if column < len(cells) and cells[column]:
                yield _id(cells[column])
    except (csv.Error, ValueError) as error:
        where = f"{name}, near line {max(1, rows.line_num)}"
        msg = f"{where}: not a text file in UTF-8 with customer ids; save it as one, or as a CSV"
        raise TellUserError(msg) from error


def batches(ids: Iterable[CustomerId]) -> Iterator[tuple[CustomerId, ...]]:
    """Cut a stream of ids into batches."""
    stream = iter(ids)
    while batch := tuple(islice(stream, BATCH)):
        yield batch


def is_id(text: str) -> bool:
    """Tell whether a text could be an id.

    UTF-16 and many binary files pass for UTF-8, but for their control characters.
    """
    return text == text.strip() != "" and len(text) <= LONGEST_ID and not CONTROL.search(text)


def _id(cell: str) -> CustomerId:
    if not is_id(cell):
        msg = "no id"
        raise ValueError(msg)
    return CustomerId(cell)


def _cells(row: list[str]) -> list[str]:
    cells = [cell.strip() for cell in row]
    return cells if any(cells) else []


def _column(header: list[str], name: str) -> int | None:
    """Find the column of the ids; None if the first line is an id itself."""
    names = [cell.lower().replace(" ", "_") for cell in header]
    for wanted in ID_COLUMNS:
        if wanted in names:
            return names.index(wanted)
    is_id = names[0] not in OTHER_COLUMNS and not any(each in names[0] for each in OTHER_SEPARATORS)
    if len(names) == 1 and is_id:
        return None
    msg = (
        f"{name}: the first line names no column {' or '.join(ID_COLUMNS)}; give one id per line, "
        "or a CSV with commas"
    )
    raise TellUserError(msg)
