"""Signals: an orderly end within seconds, with everything saved.

A thread of its own hears of signals through a pipe that Python's handler in C writes to. So a
signal is heard even while the job's thread is inside a call that does not come back, such as a
database that waits for a lock, and the end has its times whatever that thread does.
"""

import atexit
import os
import select
import signal
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from math import inf
from time import monotonic
from types import FrameType
from typing import Any

from sync.errors import ParkError
from sync.operate.workers import Workers

SIGNALS = (signal.SIGINT, signal.SIGTERM)
Handler = Callable[[int, FrameType | None], Any] | int | None
Handlers = Mapping[signal.Signals, Handler]

FETCH_GRACE = 2.0
"""Seconds that a fetch under way is given after the signal."""
CRM_GRACE = 4.0
"""Seconds that a CRM write under way is given after the signal."""
LONGEST_END = 4.5
"""Seconds after which the process ends even if the job's own thread does not come back."""
SECOND_END = 0.5
"""The same after a second signal, which leaves everything under way behind at once."""
ONE_SIGNAL = 0.25
"""Signals so close are one: a terminal and a wrapper both send it."""
TICK = 0.02


class Stop:
    """Asked by every part that waits or begins something new.

    Args:
        clock: seconds that never jump.
    """

    def __init__(self, clock: Callable[[], float] = monotonic) -> None:
        self._clock = clock
        self._asked = threading.Event()
        self._asked_at = inf
        self._hurried_at = inf
        self._workers: list[tuple[Workers, float]] = []

    @property
    def is_asked(self) -> bool:
        """Whether somebody asked to stop."""
        return self._asked.is_set()

    @property
    def is_over(self) -> bool:
        """Whether the time that an orderly end may take has passed."""
        end = min(self._asked_at + LONGEST_END, self._hurried_at + SECOND_END)
        return self._clock() >= end

    def ask(self) -> None:
        """Ask everybody to come to an end; asked once more, at once."""
        now = self._clock()
        if not self.is_asked:
            self._asked_at = now
            self._asked.set()
        elif now - self._asked_at >= ONE_SIGNAL:
            self._hurried_at = min(self._hurried_at, now)

    def go_on(self) -> None:
        """Do nothing, or end.

        Raises:
            ParkError: somebody asked to stop.
        """
        if self.is_asked:
            raise stopped()

    def wait(self, seconds: float) -> None:
        """Wait, unless somebody asks to stop; then raise as `go_on` does."""
        self._asked.wait(seconds)
        self.go_on()

    def workers(
        self, name: str, number: int, grace: float, on_leave: Callable[[], None] | None = None
    ) -> Workers:
        """Give threads whose calls are left behind `grace` seconds after the stop; see `Workers`.

        Whoever waits for such a call gets the error that `go_on` raises.
        """
        made = Workers(name, number, on_leave) if on_leave else Workers(name, number)
        self._workers.append((made, grace))
        return made

    def leave_overdue(self) -> None:
        """Leave behind what had its time."""
        now = self._clock()
        for workers, grace in list(self._workers):
            if now >= min(self._asked_at + grace, self._hurried_at):
                workers.leave(stopped())


def stopped() -> ParkError:
    """Give the error that ends a job after a signal."""
    msg = "stopped by a signal; the same command, said again, goes on where this one stopped"
    return ParkError(msg, by="signal")


def end_now() -> None:
    """End the process without another word; the ledger and the CRM are as after a kill."""
    os._exit(ParkError.exit_code)


def handlers() -> Handlers:
    """Give what the signals mean now."""
    return {each: signal.getsignal(each) for each in SIGNALS}


def handle(meaning: Handlers) -> None:
    """Let the signals mean what they meant when `handlers` was asked."""
    for each, handler in meaning.items():
        if signal.getsignal(each) != handler:
            signal.signal(each, handler)


def end_as_decided(code: int) -> None:
    """Let a signal that comes while the process ends, with all done and said, only hasten that."""

    def end(_number: int, _frame: FrameType | None) -> None:
        os._exit(code)

    handle(dict.fromkeys(SIGNALS, end))
    # Later on, no handler of ours can run, and the interpreter would put the usual effect back.
    atexit.register(handle, dict.fromkeys(SIGNALS, signal.SIG_IGN))


@contextmanager
def stopping_on_signals(
    stop: Stop, end: Callable[[], None] = end_now, *, restores: bool = True
) -> Iterator[None]:
    """Turn SIGINT and SIGTERM into a stop while the block runs; call it in the main thread.

    Args:
        stop: asked by a signal, and once more by a second one.
        end: called in another thread when the orderly end took too long; must end the process.
        restores: afterwards, signals mean what they meant before. Else they mean nothing, until
            whoever calls says so: then there is no moment in which one cuts the end short.
    """
    heard, told = os.pipe()
    os.set_blocking(told, False)
    watcher = threading.Thread(target=_watch, args=(stop, heard, end), name="stop", daemon=True)
    watcher.start()
    told_before = signal.set_wakeup_fd(told, warn_on_full_buffer=False)
    before = handlers()
    handle(dict.fromkeys(SIGNALS, _heard_elsewhere))
    try:
        yield
    finally:
        if restores:
            handle(before)
        signal.set_wakeup_fd(told_before)
        os.close(told)
        watcher.join()
        os.close(heard)


def _heard_elsewhere(_number: int, _frame: FrameType | None) -> None:
    """Take the signal's usual effect away. What it means is done by the thread that watches.

    Nothing could be done here: the interrupted code may hold any lock.
    """


def _watch(stop: Stop, heard: int, end: Callable[[], None]) -> None:
    while True:
        ready, _, _ = select.select([heard], [], [], TICK if stop.is_asked else None)
        if ready:
            numbers = os.read(heard, 64)
            if not numbers:
                return
            if any(number in SIGNALS for number in numbers):
                stop.ask()
        stop.leave_overdue()
        if stop.is_over:
            end()
