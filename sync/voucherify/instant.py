"""Instants as Voucherify writes and reads them.

The documentation's examples carry milliseconds and `Z`, other endpoints `+00:00` with two to six
decimals, so any RFC 3339 time with a zone is read.
Source: Voucherify documentation, "List Customer Activity" and "List Customers" examples.
"""

import re
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

RFC_3339 = re.compile(
    r"\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d:\d\d(\.\d{1,9})?([Zz]|[+-]\d\d:\d\d)", re.ASCII
)


def read_instant(text: object) -> datetime:
    """Read an RFC 3339 time with a zone and give it in UTC.

    Raises:
        ValueError: it is none, or no real instant.
    """
    if not isinstance(text, str) or not RFC_3339.fullmatch(text):
        msg = "is not a time with a zone, such as 2024-07-29T09:21:20.221Z"
        raise ValueError(msg)
    try:
        return datetime.fromisoformat(text.upper()).astimezone(UTC)
    except (ValueError, OverflowError) as error:
        msg = "is not a real instant"
        raise ValueError(msg) from error


def write_instant(instant: datetime) -> str:
    """Write an instant as the API's parameters take it: UTC, milliseconds, `Z`; rounds down."""
    return instant.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def read_http_date(text: str | None) -> datetime | None:
    """Read a `Date` header; None if there is none that can be read."""
    try:
        instant = parsedate_to_datetime(text or "")
        return instant.replace(tzinfo=UTC) if instant.tzinfo is None else instant.astimezone(UTC)
    except (ValueError, OverflowError):
        return None
