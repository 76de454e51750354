"""A progress bar on a terminal; nothing anywhere else."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    Task,
    TextColumn,
    TimeRemainingColumn,
)
from rich.text import Text

from sync.jobs.ports import Meter
from sync.operate.stopping import Stop


class QuietWatch:
    """Looks on in silence; ends the job when a signal came."""

    def __init__(self, stop: Stop) -> None:
        self._stop = stop

    def go_on(self) -> None:
        """End the job if it was asked to stop."""
        self._stop.go_on()

    def metered(self, meter: Meter) -> None:
        """Take in where the calls are counted."""

    def planned(self, calls: int) -> None:
        """Take in what the reading will cost."""

    def listed(self, customers: int) -> None:
        """Take in that customers were listed."""

    def read(self, customers: int, selected: int) -> None:
        """Take in how many customers are done."""


class BarWatch(QuietWatch):
    """Shows customers done, their rate, the time left and the calls left of today's share."""

    def __init__(self, stop: Stop, bar: Progress) -> None:
        super().__init__(stop)
        self._bar = bar
        self._meter: Meter | None = None
        self._left_at_start = 0
        self._listed = 0
        self._task = bar.add_task("listing customers", total=None, calls="")

    def metered(self, meter: Meter) -> None:
        """Take in where the calls are counted."""
        self._meter = meter
        self._left_at_start = meter.spent().left_today

    def planned(self, calls: int) -> None:
        """Say what the reading will cost."""
        self._bar.console.print(f"at least {calls} calls to Voucherify")

    def listed(self, customers: int) -> None:
        """Show how many customers were listed."""
        self._listed += customers
        self._bar.update(self._task, completed=self._listed, calls=self._calls())

    def read(self, customers: int, selected: int) -> None:
        """Show how many customers are done."""
        if self._bar.tasks[self._task].total is None:
            self._bar.reset(self._task, total=selected, description="reading customers")
        self._bar.update(self._task, completed=customers, calls=self._calls())

    def _calls(self) -> str:
        if self._meter is None:
            return ""
        return f"{max(0, self._left_at_start - self._meter.count().made)} calls left today"


class RateColumn(TextColumn):
    """Customers per second, as measured by the bar."""

    def __init__(self) -> None:
        super().__init__("")

    def render(self, task: Task) -> Text:
        """Show the speed once it is known."""
        return Text(f"{task.speed:.1f}/s" if task.speed else "")


@contextmanager
def watching(stop: Stop) -> Iterator[QuietWatch]:
    """Give a bar on stderr if a person looks at it, else silence."""
    if not sys.stderr.isatty():
        yield QuietWatch(stop)
        return
    bar = Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        RateColumn(),
        TimeRemainingColumn(),
        TextColumn("{task.fields[calls]}"),
        console=Console(stderr=True),
        transient=True,
    )
    with bar:
        yield BarWatch(stop, bar)
