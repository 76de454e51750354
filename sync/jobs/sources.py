"""Where candidates come from, and the ids that a person names in a file."""

import csv
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import TypeVar

from sync.errors import TellUserError
from sync.model.unassignment import CustomerId, VoucherId

CUSTOMER_COLUMNS = ("customer_id", "id")
VOUCHER_COLUMNS = ("voucher_id", "id")
OTHER_COLUMNS = frozenset(
    {
        *("source_id", "email", "name", "phone", "created_at", "updated_at"),
        *("code", "campaign_id", "customer_id", "is_referral_code"),
    }
)
"""What Voucherify's own exports call their other columns; no id is written so."""
OTHER_SEPARATORS = (";", "\t", "|")
LONGEST_ID = 1_000
"""Characters; what is longer is a line of something else, and no address could hold it."""
BATCH = 500

Id = TypeVar("Id", CustomerId, VoucherId)

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
        lists_codes: all referral codes that Voucherify lists.
        code_ids: codes that a person named, beside those that events tell of; None if nobody did.
        crm: whoever the CRM believes to hold something.
    """

    label: str
    ids: Iterable[CustomerId] | None = None
    lists: bool = False
    codes: bool = False
    lists_codes: bool = False
    code_ids: Iterable[VoucherId] | None = None
    crm: bool = False

    @property
    def named(self) -> Iterable[CustomerId] | None:
        """Whom a backfill reads: those that were named, or, as None, everybody."""
        return None if self.lists else self.ids


def read_ids(lines: Iterable[str], name: str, columns: Sequence[str]) -> Iterator[str]:
    """Read one id per line, or the first of these columns that a CSV with a header has.

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
        column = _column(_cells(first), name, columns)
        if column is None:
            column = 0
            yield _id(_cells(first)[0])
        for row in rows:
            cells = _cells(row)
            if column < len(cells) and cells[column]:
                yield _id(cells[column])
    except (csv.Error, ValueError) as error:
        where = f"{name}, near line {max(1, rows.line_num)}"
        msg = f"{where}: not a text file in UTF-8 with ids; save it as one, or as a CSV"
        raise TellUserError(msg) from error


def batches(ids: Iterable[Id]) -> Iterator[tuple[Id, ...]]:
    """Cut a stream of ids into batches."""
    stream = iter(ids)
    while batch := tuple(islice(stream, BATCH)):
        yield batch


def is_id(text: str) -> bool:
    """Tell whether a text could be an id.

    UTF-16 and many binary files pass for UTF-8, but for their control characters.
    """
    return text == text.strip() != "" and len(text) <= LONGEST_ID and not CONTROL.search(text)


def _id(cell: str) -> str:
    if not is_id(cell):
        msg = "no id"
        raise ValueError(msg)
    return cell


def _cells(row: list[str]) -> list[str]:
    cells = [cell.strip() for cell in row]
    return cells if any(cells) else []


def _column(header: list[str], name: str, columns: Sequence[str]) -> int | None:
    """Find the column of the ids; None if the first line is an id itself."""
    names = [cell.lower().replace(" ", "_") for cell in header]
    for wanted in columns:
        if wanted in names:
            return names.index(wanted)
    is_id = names[0] not in OTHER_COLUMNS and not any(each in names[0] for each in OTHER_SEPARATORS)
    if len(names) == 1 and is_id:
        return None
    msg = (
        f"{name}: the first line names no column {' or '.join(columns)}; give one id per line, "
        "or a CSV with commas"
    )
    raise TellUserError(msg)
