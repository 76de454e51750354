"""What the adapters that speak HTTP share: how their settings are read, and a pacer."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import datetime

from sync.crm.adapter import TellUserError
from sync.model.patience import Patience
from sync.transport import Answer, Observed

LONGEST_WAIT = 86_400.0
"""Seconds; a `Retry-After` beyond it is taken for this, so that a slip delays and no more."""
LONGEST_NUMBER = 9


def required(env: Mapping[str, str], *names: str) -> list[str]:
    """Give the settings of these names, without the space around them.

    Raises:
        TellUserError: some are missing; names them.
    """
    told = {name: env.get(name, "").strip() for name in names}
    missing = [name for name, value in told.items() if not value]
    if missing:
        msg = f"{', '.join(missing)}: missing; config/.env.example explains each"
        raise TellUserError(msg)
    return list(told.values())


def read_as(parse: Callable[[str], str], setting: str, value: str) -> str:
    """Read a setting's value by `parse`.

    Raises:
        TellUserError: it has another form; names the setting.
    """
    try:
        return parse(value)
    except ValueError as error:
        msg = f"{setting}: {error}"
        raise TellUserError(msg) from None


def parse_token(text: str) -> str:
    """Read what is sent in a header.

    Raises:
        ValueError: it has characters that no header takes.
    """
    if not all("!" <= each <= "~" for each in text):
        msg = "has characters that no token has"
        raise ValueError(msg)
    return text


def to_write(patience: Patience) -> Patience:
    """Give the patience of a write: less than to read, since what was read is soon out of date."""
    return replace(patience, attempts=2, total=5.0)


def seconds_asked(answer: Answer) -> float | None:
    """Read `Retry-After` as a number of seconds; None if it is none (RFC 9110, 10.2.3)."""
    digits = (answer.headers.get("Retry-After") or "").strip()
    is_number = digits.isascii() and digits.isdigit() and len(digits) <= LONGEST_NUMBER
    return min(float(digits), LONGEST_WAIT) if is_number else None


class Unpaced:
    """A pacer that lets every call start: a CRM says by 429 what is too much for it."""

    def reserve(self) -> float:
        """Count nothing."""
        return 0.0

    def start(self, slot: float) -> float:
        """Let it start now."""
        return slot

    def end(self, *, started: bool) -> None:
        """Take nothing in."""

    def observe(self, seen: Observed) -> None:
        """Take nothing in."""

    def refuse_cycle(self) -> datetime | None:
        """Know no cycle."""
        return None
