"""SOQL as it is needed here, and ids that are written in two lengths; no I/O.

Sources: SOQL and SOSL Reference, "Quoted String Escape Sequences"; REST API Developer Guide,
"Request Size Limits" (address and headers together 16,384 bytes); Salesforce Help, "Understand the
15- and 18-character ID".
"""

import re
from collections.abc import Iterator, Sequence
from urllib.parse import quote_plus

AT_ONCE = 200
"""Values that one query asks for at most."""
LONGEST_QUERY = 12_000
"""Bytes of a query in an address; the rest is for the address itself, and the token."""
LONGEST_VALUE = 255
"""Characters that a field has at most if it can be searched."""

_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_]*")
_ID = re.compile(r"[A-Za-z0-9]{15}(?:[A-Za-z0-9]{3})?")
_SHORT = 15
_PART = 5
_SUFFIX = "ABCDEFGHIJKLMNOPQRSTUVWXYZ012345"
_ESCAPED = str.maketrans({"\\": "\\\\", "'": "\\'", '"': '\\"'})
_NEVER_KEPT = re.compile(r"[\x00-\x1f\x7f\ud800-\udfff]")


def is_name(text: str) -> bool:
    """Tell whether this can be the API name of an object or a field."""
    return _NAME.fullmatch(text) is not None


def long_id(text: str) -> str | None:
    """Give an id in its long form; None for what is no id.

    The short form tells ids apart by case alone. The three characters that the long one adds say
    which of the letters are capitals, so there the case of the letters says nothing.
    """
    if _ID.fullmatch(text) is None:
        return None
    if len(text) == _SHORT:
        return text + _suffix(text)
    short = "".join(
        letter.upper() if bits >> place & 1 else letter.lower()
        for part, suffix in zip(_parts(text[:_SHORT]), text[_SHORT:].upper(), strict=True)
        for bits in (max(0, _SUFFIX.find(suffix)),)
        for place, letter in enumerate(part)
    )
    told = text[_SHORT:].upper()
    return short + told if _suffix(short) == told else None


def query(name: str, fields: Sequence[str], where: str, values: Sequence[str]) -> str:
    """Give the query that finds the rows whose field `where` is one of the values."""
    return f"{select(name, fields)} WHERE {where} IN ({','.join(map(_literal, values))})"


def listing(
    name: str, fields: Sequence[str], shows: Sequence[str], after: str | None, at_most: int
) -> str:
    """Give the query that lists the rows behind an Id; without `shows`, whatever they show."""
    shown = " OR ".join(f"{field} != null" for field in shows)
    conditions = [
        *([f"Id > {_literal(after)}"] if after is not None else []),
        *([f"({shown})"] if shown else []),
    ]
    where = f" WHERE {' AND '.join(conditions)}" if conditions else ""
    return f"{select(name, fields)}{where} ORDER BY Id LIMIT {at_most}"


def in_queries(
    name: str, fields: Sequence[str], where: str, values: Sequence[str]
) -> Iterator[Sequence[str]]:
    """Give the values in parts whose query is short enough for an address.

    What no field can hold is left out.
    """
    room = LONGEST_QUERY - _size(query(name, fields, where, ()))
    part: list[str] = []
    used = 0
    for value in values:
        if len(value) > LONGEST_VALUE or _NEVER_KEPT.search(value):
            continue
        size = _size(f"{_literal(value)},")
        if part and (len(part) == AT_ONCE or used + size > room):
            yield part
            part, used = [], 0
        part.append(value)
        used += size
    if part:
        yield part


def select(name: str, fields: Sequence[str]) -> str:
    """Give the beginning of a query; names differ by more than case, and `Id` is always asked."""
    once = {field.casefold(): field for field in ("Id", *fields)}
    return f"SELECT {','.join(once.values())} FROM {name}"  # noqa: S608 - SOQL, names are checked


def _literal(value: str) -> str:
    return f"'{value.translate(_ESCAPED)}'"


def _suffix(short: str) -> str:
    return "".join(
        _SUFFIX[sum(letter.isupper() << place for place, letter in enumerate(part))]
        for part in _parts(short)
    )


def _parts(short: str) -> list[str]:
    return [short[start : start + _PART] for start in range(0, _SHORT, _PART)]


def _size(text: str) -> int:
    return len(quote_plus(text))
