"""Faults on order: a small script that says which call meets which fault.

One rule a line; `#` starts a comment; blank lines are ignored::

    rule    = [ "path:" TEXT ] count fault
    count   = N | N "-" M | N "-" | "*"
    fault   = "status" CODE { "retry-after=" SECONDS | "key=" KEY | "type=" LIMIT }
            | "delay" SECONDS
            | "reset" | "close" | "truncate" | "html" | "bad-json"

Counts start at 1 and begin anew whenever a script is set. A rule with `path:` counts only the
calls whose path (as sent, without the query) contains that text; a rule without counts all. The
first rule that fits a call is the only one that strikes it.

==========  ==================================================================================
fault       what the client sees
==========  ==================================================================================
status      an error of this status (400 to 599) with the vendor's body; `retry-after`, `key` and
            `type` fill the header Retry-After, the body's key and the header X-Rate-Limit-Type
delay       the usual answer, so many seconds late
reset       the connection is reset (RST) without an answer
close       the connection is closed without an answer
truncate    the usual head, half of the body, then the end of the connection
html        200 and a page of HTML
bad-json    200 and half of the JSON, with a length that fits
==========  ==================================================================================

Example::

    3 status 503
    12-20 status 500
    path:/activity 2 status 429 retry-after=1 type=api_calls
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, get_args

Kind = Literal["status", "delay", "reset", "close", "truncate", "html", "bad-json"]

_COUNT = re.compile(r"(?P<first>\d+)(?:(?P<dash>-)(?P<last>\d+)?)?")
_STATUS_OPTIONS = frozenset({"retry-after", "key", "type"})
_LOWEST_STATUS, _HIGHEST_STATUS = 400, 599


@dataclass(frozen=True, slots=True)
class Fault:
    """What happens to one call; `seconds` is of a delay."""

    kind: Kind
    status: int = 0
    seconds: float = 0.0
    retry_after: str | None = None
    key: str | None = None
    limit_type: str | None = None


@dataclass(frozen=True, slots=True)
class Rule:
    """A fault for the calls number `first` to `last` (None: no end) among those it counts."""

    path: str
    first: int
    last: int | None
    fault: Fault


def parse_faults(script: str) -> tuple[Rule, ...]:
    """The rules of a script, in its order.

    Raises:
        ValueError: a line is no rule; the message names it by number and text.
    """
    rules = []
    for number, line in enumerate(script.splitlines(), start=1):
        words = line.partition("#")[0].split()
        if not words:
            continue
        try:
            rules.append(_rule(words))
        except ValueError as error:
            message = f"fault script, line {number} ({line.strip()!r}): {error}"
            raise ValueError(message) from None
    return tuple(rules)


class FaultScript:
    """A script that counts calls as they come. Not safe for two threads at once."""

    def __init__(self, rules: Sequence[Rule]) -> None:
        self._rules = rules
        self._counts = {rule.path: 0 for rule in rules}

    def next(self, path: str) -> Fault | None:
        """The fault that strikes the call to this path, if one does."""
        for text in self._counts:
            self._counts[text] += text in path
        for rule in self._rules:
            count = self._counts[rule.path]
            if rule.path in path and rule.first <= count <= (rule.last or count):
                return rule.fault
        return None


def _rule(words: list[str]) -> Rule:
    path = ""
    if words[0].startswith("path:"):
        path, words = words[0].removeprefix("path:"), words[1:]
    if len(words) < 2:  # noqa: PLR2004 - the two parts that every rule has
        message = "a rule needs a count and a fault"
        raise ValueError(message)
    first, last = _span(words[0])
    return Rule(path, first, last, _fault(words[1], words[2:]))


def _span(word: str) -> tuple[int, int | None]:
    if word == "*":
        return 1, None
    match = _COUNT.fullmatch(word)
    if match is None:
        message = f"{word!r} is no count"
        raise ValueError(message)
    first = int(match["first"])
    last = int(match["last"]) if match["last"] else (None if match["dash"] else first)
    if first < 1 or (last is not None and last < first):
        message = f"{word!r} counts nothing"
        raise ValueError(message)
    return first, last


def _fault(kind: str, words: list[str]) -> Fault:
    match kind:
        case "status":
            return _status(words)
        case "delay":
            return Fault("delay", seconds=_seconds(words))
        case "reset" | "close" | "truncate" | "html" | "bad-json":
            if words:
                message = f"{kind} takes nothing more"
                raise ValueError(message)
            return Fault(kind)
        case _:
            message = f"{kind!r} is no fault; one of: {', '.join(get_args(Kind))}"
            raise ValueError(message)


def _status(words: list[str]) -> Fault:
    code = int(words[0]) if words and words[0].isdecimal() else 0
    if not _LOWEST_STATUS <= code <= _HIGHEST_STATUS:
        message = f"status takes a code from {_LOWEST_STATUS} to {_HIGHEST_STATUS}"
        raise ValueError(message)
    options = dict(word.partition("=")[::2] for word in words[1:])
    if not options.keys() <= _STATUS_OPTIONS or "" in options.values():
        message = "status takes retry-after=, key= and type="
        raise ValueError(message)
    return Fault(
        "status",
        status=code,
        retry_after=options.get("retry-after"),
        key=options.get("key"),
        limit_type=options.get("type"),
    )


def _seconds(words: list[str]) -> float:
    message = "delay takes one number of seconds"
    if len(words) != 1:
        raise ValueError(message)
    try:
        seconds = float(words[0])
    except ValueError:
        raise ValueError(message) from None
    if not 0 <= seconds < float("inf"):
        raise ValueError(message)
    return seconds
