"""Time that passes only when somebody lets it pass: the true one, and what this machine believes.

Servers tell true time. The machine's wall clock is off by some amount and may jump; its monotonic
clock never does.
"""

from datetime import UTC, datetime, timedelta

DAY_ONE = datetime(2026, 1, 20, 3, 17, tzinfo=UTC)


class Clock:
    """One time for everybody, seen in three ways; no clock jumped since `steady_since`."""

    def __init__(self, begins=DAY_ONE):
        self.true = begins
        self.off_by = timedelta()
        self.steady_since = begins
        self._seconds = 1_000.0

    def now(self):
        """The machine's wall clock, UTC."""
        return self.true + self.off_by

    def monotonic(self):
        return self._seconds

    def passes(self, seconds):
        self._seconds += seconds
        self.true += timedelta(seconds=seconds)

    def jumps(self, by):
        """Set the machine's wall clock forward or back."""
        self.off_by += by
        self.steady_since = self.true

    def is_put_right(self):
        """Let the wall clock show the true time, which is a jump, too."""
        if self.off_by:
            self.jumps(-self.off_by)

    @property
    def stamp(self):
        """True time in whole milliseconds, as Voucherify dates what happens."""
        return self.true.replace(microsecond=self.true.microsecond // 1000 * 1000)
