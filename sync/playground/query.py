"""Reading query parameters the way the vendor's pages document them.

Contract: a value outside what is documented raises `BadQueryError`, which `api.py` turns into the
vendor's 400; a parameter that nobody asks for is ignored. The last of several equal ones counts.
"""

import re
from collections.abc import Collection
from datetime import datetime
from urllib.parse import parse_qsl

from sync.playground.dice import instant_of

_FILTER = re.compile(r"\[?filters\]?\[(\w+)\]\[conditions\]\[(\$\w+)\](?:\[\d*\])?")
_ROOT = re.compile(r"\[?filters\]?")
_HIGHEST_PAGE = 99


class BadQueryError(Exception):
    """A parameter that the vendor refuses with 400 `invalid_query_params`."""


class Query:
    """The parameters of one call."""

    def __init__(self, text: str) -> None:
        self._pairs = parse_qsl(text, keep_blank_values=True)
        self._values = dict(self._pairs)

    def text(self, name: str) -> str | None:
        """The value as it was sent; None if it was not."""
        return self._values.get(name)

    def choice(self, name: str, allowed: Collection[str]) -> str | None:
        """One of the documented values, or None if the parameter was not sent.

        Raises:
            BadQueryError: it is another value.
        """
        value = self._values.get(name)
        if value is not None and value not in allowed:
            message = f"{name} must be one of: {', '.join(allowed)}"
            raise BadQueryError(message)
        return value

    def instant(self, name: str) -> datetime | None:
        """A date-time with its zone, or None if the parameter was not sent.

        Raises:
            BadQueryError: it is no date-time.
        """
        value = self._values.get(name)
        if value is None:
            return None
        at = instant_of(value)
        if at is None:
            message = f"{name} must be a date-time in ISO 8601 format"
            raise BadQueryError(message)
        return at

    def limit(self) -> int:
        """How many rows a page has: 1 to 100, 10 unless sent."""
        return self._whole("limit", 10, 100)

    def page(self) -> int:
        """Which page is wanted: 1 to 99, 1 unless sent."""
        return self._whole("page", 1, _HIGHEST_PAGE)

    def filters(self, known: Collection[str]) -> dict[str, set[str]]:
        """The values of `filters[NAME][conditions][$is|$in]`, by name.

        Raises:
            BadQueryError: a filter or a condition that the playground does not know.
        """
        found: dict[str, set[str]] = {}
        for key, value in self._pairs:
            if _ROOT.match(key) is None:
                continue
            match = _FILTER.fullmatch(key)
            if match is None or match[1] not in known or match[2] not in {"$is", "$in"}:
                message = f"unknown filter {key}"
                raise BadQueryError(message)
            found.setdefault(match[1], set()).add(value)
        return found

    def _whole(self, name: str, default: int, highest: int) -> int:
        value = self._values.get(name, str(default))
        if not (value.isascii() and value.isdecimal() and 1 <= int(value) <= highest):
            message = f"{name} must be a whole number from 1 to {highest}"
            raise BadQueryError(message)
        return int(value)
