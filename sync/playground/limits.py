"""How many calls are allowed: the rate window, the billing cycle, and the headers that tell.

Rests on the vendor's page "Limits". Contract: pure; the state goes in and a new one comes out.
Windows are aligned to the clock, so a "minute" window ends with the minute. A refused call
costs nothing. No header tells what is left of the cycle, because the vendor has none.
"""

import math
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Literal

Refusal = Literal["api_calls", "api_calls_cycle"]

_SECONDS = {"minute": 60, "hour": 3600}


@dataclass(frozen=True, slots=True)
class Policy:
    """What is allowed.

    Attributes:
        calls: Calls in one window.
        per: The length of a window.
        cycle_quota: Calls in the billing cycle; None for no end.
        retry_after: Whether a refusal by the rate says `Retry-After`; the vendor may omit it.
    """

    calls: int
    per: Literal["minute", "hour"]
    cycle_quota: int | None = None
    retry_after: bool = True

    def __post_init__(self) -> None:
        if self.calls < 0 or self.per not in _SECONDS or (self.cycle_quota or 0) < 0:
            message = "a rate limit is (calls, 'minute' or 'hour'); calls and quota are 0 or more"
            raise ValueError(message)


@dataclass(frozen=True, slots=True)
class Usage:
    """What has been used: calls in the window of this number, and in the cycle."""

    window: int = 0
    in_window: int = 0
    in_cycle: int = 0


def admit(policy: Policy, usage: Usage, now: datetime) -> tuple[Usage, Refusal | None]:
    """Count one call at the instant `now`; or count nothing and name what refuses it."""
    usage = current(policy, usage, now)
    if policy.cycle_quota is not None and usage.in_cycle >= policy.cycle_quota:
        return usage, "api_calls_cycle"
    if usage.in_window >= policy.calls:
        return usage, "api_calls"
    return replace(usage, in_window=usage.in_window + 1, in_cycle=usage.in_cycle + 1), None


def current(policy: Policy, usage: Usage, now: datetime) -> Usage:
    """The usage as seen at the instant `now`: a new window begins empty."""
    window = int(now.timestamp()) // _SECONDS[policy.per]
    return usage if window == usage.window else replace(usage, window=window, in_window=0)


def rate_headers(policy: Policy, usage: Usage) -> dict[str, str]:
    """The three headers that every answer has; `X-Rate-Limit-Retry` is in epoch seconds."""
    return {
        "X-Rate-Limit-Limit": str(policy.calls),
        "X-Rate-Limit-Remaining": str(max(0, policy.calls - usage.in_window)),
        "X-Rate-Limit-Retry": str(_end(policy, usage)),
    }


def refusal_headers(
    policy: Policy, usage: Usage, now: datetime, refused_by: Refusal
) -> dict[str, str]:
    """What a 429 says besides; waiting is only advised where it helps. In whole seconds."""
    headers: dict[str, str] = {"X-Rate-Limit-Type": refused_by}
    if refused_by == "api_calls" and policy.retry_after:
        headers["Retry-After"] = str(max(1, math.ceil(_end(policy, usage) - now.timestamp())))
    return headers


def _end(policy: Policy, usage: Usage) -> int:
    return (usage.window + 1) * _SECONDS[policy.per]
