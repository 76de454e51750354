"""Signals: an orderly end, with everything saved."""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

from sync.errors import ParkError

SIGNALS = (signal.SIGINT, signal.SIGTERM)


class Stop:
    """Asked by every part that waits or begins something new."""

    def __init__(self) -> None:
        self._asked = threading.Event()

    def ask(self) -> None:
        """Ask everybody to come to an end."""
        self._asked.set()

    def go_on(self) -> None:
        """Do nothing, or end.

        Raises:
            ParkError: somebody asked to stop.
        """
        if self._asked.is_set():
            msg = "stopped by a signal; the next run goes on where this one stopped"
            raise ParkError(msg, by="signal")

    def wait(self, seconds: float) -> None:
        """Wait, unless somebody asks to stop; then raise as `go_on` does."""
        self._asked.wait(seconds)
        self.go_on()


@contextmanager
def stopping_on_signals(stop: Stop) -> Iterator[None]:
    """Turn SIGINT and SIGTERM into a stop while the block runs."""

    def ask(_number: int, _frame: FrameType | None) -> None:
        stop.ask()

    before = {each: signal.signal(each, ask) for each in SIGNALS}
    try:
        yield
    finally:
        for each, handler in before.items():
            signal.signal(each, handler)
