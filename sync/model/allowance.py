"""How many calls the tool may make: its rate, the shop's reserve and its share of the cycle.

No header tells the calls left in a billing cycle, so that count is our own.
Source: Voucherify documentation, "API limits" (requests per minute or hour, per billing cycle).
"""

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from math import ceil


@dataclass(frozen=True, slots=True)
class Rate:
    """Calls per second that this tool may make."""

    per_second: float

    def __post_init__(self) -> None:
        if not 0 < self.per_second < float("inf"):
            msg = "a rate is more than nothing"
            raise ValueError(msg)

    @property
    def interval(self) -> float:
        """Seconds between two calls."""
        return 1 / self.per_second


@dataclass(frozen=True, slots=True)
class Reserve:
    """The part of the observed limit that is always left for the shop: a share or a number."""

    share: float = 0.0
    calls: int = 0

    def of(self, limit: int) -> int:
        """Give the number of calls to leave of a window of `limit` calls."""
        # Rounded first: 7 % of 100 is a little more than 7 in binary, and would be 8.
        return max(self.calls, ceil(round(self.share * limit, 6)))


@dataclass(frozen=True, slots=True)
class Share:
    """The tool's own calls per billing cycle, and the day of the month on which a cycle starts."""

    calls_per_cycle: int
    start_day: int

    def cycle_of(self, today: date) -> tuple[date, date]:
        """Give the first day of today's cycle and the first day of the next one.

        A start day that a month does not have is that month's last day.
        """
        this_month = _day_in_month(today.year, today.month, self.start_day)
        if today >= this_month:
            return this_month, _day_in_month(*_next_month(today), self.start_day)
        return _day_in_month(*_previous_month(today), self.start_day), this_month

    def todays(self, today: date, used_before_today: int) -> int:
        """Give the calls that may be made today: what is left, spread over the days left."""
        _, cycle_end = self.cycle_of(today)
        left = max(0, self.calls_per_cycle - used_before_today)
        return ceil(left / (cycle_end - today).days)


def next_day(now: datetime) -> datetime:
    """Give the next midnight, UTC: when a new daily share begins."""
    tomorrow = now.date() + timedelta(days=1)
    return datetime(tomorrow.year, tomorrow.month, tomorrow.day, tzinfo=UTC)


def _next_month(day: date) -> tuple[int, int]:
    return (day.year + 1, 1) if day.month == 12 else (day.year, day.month + 1)  # noqa: PLR2004


def _previous_month(day: date) -> tuple[int, int]:
    return (day.year - 1, 12) if day.month == 1 else (day.year, day.month - 1)


def _day_in_month(year: int, month: int, day: int) -> date:
    first_of_next = date(*_next_month(date(year, month, 1)), 1)
    last = (first_of_next - timedelta(days=1)).day
    return date(year, month, min(day, last))
