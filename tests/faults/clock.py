"""Time that waiting moves, so that nobody sleeps; everything else takes the time that it takes."""

import threading
import time
from datetime import UTC, datetime, timedelta

BEGIN = datetime(2026, 3, 10, 12, 0, tzinfo=UTC)
"""In the middle of a day, and of a billing cycle that starts on the first."""

RULED = ("configured", "ground", "wiring")


class Clock:
    """One time for the tool and the playground: what has passed, and what was waited or skipped."""

    def __init__(self):
        self._began = time.monotonic()
        self._ahead = 0.0
        self._lock = threading.Lock()
        self._mine = threading.local()

    def now(self):
        return BEGIN + timedelta(seconds=self.monotonic() - self._began)

    def monotonic(self):
        return time.monotonic() + self._ahead

    def jump(self, **change):
        with self._lock:
            self._ahead += timedelta(**change).total_seconds()

    def wait(self, seconds):
        self._mine.waited = self.waited + seconds
        self.jump(seconds=seconds)

    @property
    def waited(self):
        """How long this thread has waited so far, in seconds."""
        return getattr(self._mine, "waited", 0.0)

    def rule(self, monkeypatch):
        """Let the tool live by this clock until the test ends."""

        def wait(stop, seconds):
            stop.go_on()
            self.wait(seconds)

        monkeypatch.setattr("sync.operate.stopping.Stop.wait", wait)
        monkeypatch.setattr("sync.app.wiring.monotonic", self.monotonic)
        for module in ("sync.app", *(f"sync.app.{each}" for each in RULED)):
            monkeypatch.setattr(f"{module}.now", self.now)
