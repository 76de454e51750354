"""The written form of each kind of setting: text in, value out.

Contract: pure. What is not understood is a `ValueError` whose text is the allowed form and never
holds the text that was given, because a token may have been pasted into the wrong line.
"""

import re
from datetime import timedelta
from pathlib import Path
from typing import Final

from sync.model.allowance import Rate, Reserve

_DAY: Final = 86_400
_SECONDS: Final = {"s": 1, "m": 60, "h": 3_600, "d": _DAY, "w": 7 * _DAY}
_RATE_SECONDS: Final = {"s": 1, "min": 60, "h": 3_600}
_LEAST_RATE: Final = 1 / 3_600
_LONGEST: Final = 3_650 * _DAY
_ALL: Final = 100
_SHORT = re.compile(r"(?P<count>[0-9]{1,9})(?P<unit>[smhdw])")
_ISO = re.compile(
    r"P(?=[0-9T])(?:(?P<d>[0-9]{1,9})D)?"
    r"(?:T(?=[0-9])(?:(?P<h>[0-9]{1,9})H)?(?:(?P<m>[0-9]{1,9})M)?(?:(?P<s>[0-9]{1,9})S)?)?"
)
_RATE = re.compile(r"(?P<calls>[0-9]{1,9}(?:\.[0-9]{1,9})?)/(?P<unit>s|min|h)")
_SHARE = re.compile(r"(?P<percent>[0-9]{1,2}(?:\.[0-9]{1,9})?)%")
_WHOLE = re.compile(r"[0-9]+(?:_[0-9]+)*")
_VISIBLE = re.compile(r"[!-~]+")
_BETWEEN_SOURCES = re.compile(
    r",(?=\s*(?:(?:all|crm|holders|hints|-)\s*(?:,|$)|(?:holders|file):))"
)
_PLAIN = re.compile(r"[^\x00-\x1f\x7f\ud800-\udfff]*")


def parse_duration(text: str, *, or_none: bool = False) -> timedelta:
    """Read `PT1H`, `P30D` or `90s`, `5m`, `1h`, `30d`, `2w`; `or_none` allows a length of zero.

    A plain number is refused: it doesn't say whether it means seconds or days.

    Raises:
        ValueError: not such a form, nothing, or more than ten years.
    """
    seconds = _seconds(text)
    if seconds is None:
        msg = "write a duration with its unit: 90s, 5m, 1h, 30d, 2w, or as ISO 8601: PT1H, P30D"
        raise ValueError(msg)
    if not (seconds or or_none) or seconds > _LONGEST:
        msg = f"write a duration {'up to' if or_none else 'above zero, up to'} 3650d"
        raise ValueError(msg)
    return timedelta(seconds=seconds)


def parse_rate(text: str) -> Rate:
    """Read calls per second, minute or hour: `2/s`, `50/min`, `3000/h`.

    Raises:
        ValueError: not such a form, or less than one call an hour: no calendar would reach the
            end of what a backfill plans with it.
    """
    match = _RATE.fullmatch(text)
    per_second = float(match["calls"]) / _RATE_SECONDS[match["unit"]] if match else 0.0
    if per_second < _LEAST_RATE:
        msg = (
            "write calls per second, minute or hour, one an hour at the least: 2/s, 50/min or "
            "3000/h"
        )
        raise ValueError(msg)
    return Rate(per_second)


def parse_reserve(text: str) -> Reserve:
    """Read a share of the observed limit (`30%`) or a number of calls (`200`).

    Raises:
        ValueError: not such a form, or a share that would leave the tool no call.
    """
    match = _SHARE.fullmatch(text)
    if match is not None:
        return Reserve(share=float(match["percent"]) / _ALL)
    try:
        return Reserve(calls=parse_whole(text, least=0, most=1_000_000_000))
    except ValueError:
        msg = "write a share below 100% (30%), or a number of calls (200)"
        raise ValueError(msg) from None


def parse_whole(text: str, *, least: int, most: int) -> int:
    """Read a whole number of digits and `_`: `20000` or `20_000`.

    Raises:
        ValueError: anything else, or not from `least` to `most`.
    """
    # The length is checked first: Python refuses to read thousands of digits in its own words.
    if len(text) <= len(f"{most:_}") and _WHOLE.fullmatch(text) and least <= int(text) <= most:
        return int(text)
    msg = f"write a whole number from {least} to {most:_}, of digits and _ only"
    raise ValueError(msg)


def parse_visible(text: str) -> str:
    """Read a text that can stand in an HTTP header: visible ASCII, no spaces.

    Anything else would only fail later, in an error of the HTTP library that shows the text.

    Raises:
        ValueError: another character is in it.
    """
    if _VISIBLE.fullmatch(text) is None:
        msg = "write it without spaces, line ends and letters outside ASCII"
        raise ValueError(msg)
    return text


def parse_customers(text: str) -> str:
    """Read where candidates come from, as `split_sources` does, and keep the text.

    Raises:
        ValueError: anything else.
    """
    split_sources(text)
    return text


def split_sources(text: str) -> tuple[str, ...]:
    """Split a list of sources: `all`, `crm`, `holders`, `holders:PATH`, `file:PATH`, `hints`, `-`.

    A comma ends a path only where another source follows. Each kind may be named once.

    Raises:
        ValueError: anything else.
    """
    sources = tuple(each.strip() for each in _BETWEEN_SOURCES.split(text))
    kinds = ["file" if each == "-" else each.partition(":")[0] for each in sources]
    if not all(map(_is_source, sources)) or len(set(kinds)) < len(kinds):
        msg = (
            "write all, crm, holders, holders:PATH, file:PATH, hints or - (standard input), or "
            "several of them with commas between"
        )
        raise ValueError(msg)
    return sources


def _is_source(text: str) -> bool:
    kind, colon, path = text.partition(":")
    if colon:
        return kind in {"file", "holders"} and bool(path.strip()) and is_plain(path)
    return text in {"all", "crm", "holders", "hints", "-"}


def parse_home(text: str) -> Path:
    """Read a directory, and give it as an absolute path; a relative one starts where we are.

    Raises:
        ValueError: no such directory, or one that a SQLite URL can't name.
    """
    try:
        home = Path.cwd() / text
        usable = is_plain(str(home)) and home.is_dir() and "?" not in str(home)
    except OSError:
        usable = False
    if not usable:
        msg = (
            "name a directory that exists, in UTF-8 and without ? in its path; ~ is not expanded, "
            "and the default is the working directory"
        )
        raise ValueError(msg)
    return home


def is_plain(text: str) -> bool:
    """Tell whether a text is Unicode without control characters, so that it can name something."""
    return _PLAIN.fullmatch(text) is not None


def _seconds(text: str) -> int | None:
    if short := _SHORT.fullmatch(text):
        return int(short["count"]) * _SECONDS[short["unit"]]
    if iso := _ISO.fullmatch(text):
        return sum(int(count or 0) * _SECONDS[unit] for unit, count in iso.groupdict().items())
    return None
