"""A voucher export: all referral codes in three calls, as a CSV file that Voucherify prepares.

Made, looked at until it is done, and got from the address that it names then. The example in the
documentation heads its columns with titles ("Voucher Type") instead of the names of the fields, so
case, spaces and underscores in a heading don't matter, nor does the order of columns.
Source: Voucherify documentation, "Create Export", "Get Export" and "Download Export".
"""

import csv
import io
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from sync.errors import FailedError, UnavailableError, UnreadableError
from sync.model.holding import Code
from sync.model.unassignment import CampaignId, VoucherId
from sync.voucherify.client import VoucherifyClient
from sync.voucherify.shapes import is_text

FIELDS = ("id", "code", "campaign_id", "is_referral_code")
WANTED: Mapping[str, object] = {
    "exported_object": "voucher",
    "parameters": {
        "order": "created_at",
        "fields": list(FIELDS),
        "filters": {
            "junction": "and",
            "is_referral_code": {"conditions": {"$is": ["true"]}},
        },
    },
}
LARGEST_FILE = 64 * 1024 * 1024
"""Bytes; a row takes about 80, so that is some 800,000 codes."""
FIRST_WAIT = 2.0
LONGEST_WAIT = 30.0
LONGEST_EXPORT = 300.0
"""Seconds of waiting after which an export is given up in this run; about a dozen calls."""
IGNORED = re.compile(r"[\s_-]")
UNREADABLE = "export"


@dataclass(frozen=True, slots=True)
class ExportedCodes:
    """The referral codes of an export; those made after `server_time` (UTC) may be missing.

    `codes` is read as it is taken, once. Whoever takes from it may get `UnreadableError`: what was
    given before stands, and there is no telling what is missing.
    """

    server_time: datetime
    codes: Iterator[Code]


@dataclass(frozen=True, slots=True)
class _Export:
    id: str
    status: str
    url: str | None


class CodeExport:
    """Exports a project's referral codes.

    Args:
        client: the project.
        wait: waits the given seconds, or raises to end the run.
    """

    def __init__(self, client: VoucherifyClient, wait: Callable[[float], None]) -> None:
        self._client = client
        self._wait = wait

    def read(self) -> ExportedCodes:
        """Have all codes exported and give them.

        Raises:
            UnavailableError: the export is not done in time; the next run makes another.
            FailedError: Voucherify failed to make it, or its file is too large to be held; List
                Vouchers has the same codes.
            UnreadableError: an answer is not as documented, or names an address that is not
                Voucherify's.
            RefusedError, ParkError, CredentialsRefusedError: see the client.
        """
        made = self._client.post(("exports",), WANTED)
        url = self._done(_read(made.body))
        return ExportedCodes(made.server_time, _codes(self._client.download(url, LARGEST_FILE)))

    def _done(self, export: _Export) -> str:
        """Wait until it is done, and give the address of its file."""
        waited, seconds = 0.0, FIRST_WAIT
        while export.url is None:
            if export.status == "ERROR":
                msg = f"Voucherify failed to make the export {export.id}"
                raise FailedError(msg, signature=UNREADABLE)
            if waited >= LONGEST_EXPORT:
                msg = (
                    f"the export {export.id} was not done within {LONGEST_EXPORT:.0f} s; "
                    "the next run makes another"
                )
                raise UnavailableError(msg)
            self._wait(seconds)
            waited += seconds
            seconds = min(2 * seconds, LONGEST_WAIT)
            export = _read(self._client.get(("exports", export.id), []).body)
        return export.url


def _read(body: object) -> _Export:
    fields = body if isinstance(body, Mapping) else {}
    export_id, status, result = (fields.get(name) for name in ("id", "status", "result"))
    url = result.get("url") if isinstance(result, Mapping) else None
    if not is_text(export_id) or not is_text(status):
        msg = "an export has no id or no status"
        raise UnreadableError(msg, signature=UNREADABLE)
    if status != "DONE":
        return _Export(export_id, status, None)
    if not is_text(url):
        msg = f"the export {export_id} is done, but names no address of its file"
        raise UnreadableError(msg, signature=UNREADABLE)
    return _Export(export_id, status, url)


def _codes(file: bytes) -> Iterator[Code]:
    reader = csv.reader(io.TextIOWrapper(io.BytesIO(file), "utf-8-sig", newline=""), strict=True)
    try:
        headings = [IGNORED.sub("", each).lower() for each in next(reader, [])]
        columns = [_column(headings, name) for name in FIELDS]
        if columns[0] is None:
            msg = "has no column id"
            raise _unreadable(msg)
        for row in reader:
            if row and (code := _code(row, columns, len(headings), reader.line_num)):
                yield code
    except (csv.Error, UnicodeDecodeError) as error:
        msg = f"can't be read as CSV behind line {reader.line_num}"
        raise _unreadable(msg) from error


def _column(headings: Sequence[str], name: str) -> int | None:
    heading = name.replace("_", "")
    if headings.count(heading) > 1:
        msg = f"has two columns {name}"
        raise _unreadable(msg)
    return headings.index(heading) if heading in headings else None


def _code(row: Sequence[str], columns: Sequence[int | None], width: int, line: int) -> Code | None:
    """Read a row; None if it says that it is no referral code."""
    if len(row) != width:
        msg = f"has {len(row)} instead of {width} cells in line {line}"
        raise _unreadable(msg)
    voucher_id, code, campaign_id, is_referral = (
        None if column is None else row[column] for column in columns
    )
    if is_referral is not None and is_referral.strip().lower() == "false":
        return None
    if not is_text(voucher_id):
        msg = f"has no usable id in line {line}"
        raise _unreadable(msg)
    return Code(
        VoucherId(voucher_id),
        code if is_text(code) else None,
        CampaignId(campaign_id) if is_text(campaign_id) else None,
    )


def _unreadable(what: str) -> UnreadableError:
    return UnreadableError(f"the file of an export {what}", signature=UNREADABLE)
