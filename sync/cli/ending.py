"""How a run or a backfill ends: with `--json` exactly one object, whatever ends it."""

import os
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import typer

from sync import app
from sync.cli.shell import Shell
from sync.cli.terminal import say_json, show_cursor, tell
from sync.errors import HoldersyncError, ParkError
from sync.jobs.parts import Parts
from sync.jobs.run import known
from sync.jobs.tally import Report, Tally, not_begun
from sync.ledger.runs import RunKind, RunStart
from sync.operate.stopping import stopped, stopping_on_signals

LAST_WORDS = 0.3
"""Seconds that printing may take when the process ends without waiting for the job."""


class Ending:
    """What is printed in the end, once, and how a job ends that does not come back after a signal.

    Args:
        shell: knows how the job is stopped.
        kind: of the job.
        as_json: whether an object is wanted; a public attribute.
    """

    def __init__(self, shell: Shell, kind: RunKind, *, as_json: bool) -> None:
        self._shell = shell
        self._kind = kind
        self.as_json = as_json
        self._began_at = app.now()
        self._start: RunStart | None = None
        self._begun: tuple[Parts, Tally] | None = None
        self._lock = threading.Lock()
        self._code: int | None = None

    def named(self, start: RunStart) -> RunStart:
        """Take in the job's name."""
        self._start = start
        return start

    def begins(self, parts: Parts) -> Tally:
        """Give the tally of a job that begins now; what it holds is known from here on."""
        tally = Tally()
        self._begun = (parts, tally)
        return tally

    def before_it_began(self, error: HoldersyncError) -> Report:
        """Report that the job ended before it began."""
        return not_begun(self._kind, self._began_at, error, self._start)

    def tell(self, value: Mapping[str, Any], code: int) -> None:
        """Print the object, if one is wanted and none was printed."""
        with self._lock:
            if self._code is None:
                self._code = code
                if self.as_json:
                    say_json(value)

    @contextmanager
    def attended(self) -> Iterator[None]:
        """Turn signals into a stop, and print what is known if the block ends by an error."""
        with stopping_on_signals(self._shell.stop, self._end_without_the_job, restores=False):
            try:
                yield
            except typer.BadParameter:
                raise
            except HoldersyncError as error:
                self._tell_what_is_known(error)
                raise
            except Exception:
                self._tell_what_is_known(HoldersyncError())
                raise

    def _tell_what_is_known(self, error: HoldersyncError) -> None:
        if self._begun is None:
            report = self.before_it_began(error)
            self.tell(report.summary.as_json(), report.exit_code)
            return
        parts, tally = self._begun
        tally.cut_short(error)
        self.tell(known(parts, tally).as_json(), tally.exit_code)

    def _end_without_the_job(self) -> None:
        # Standard output may be what the job hangs in.
        last_words = threading.Thread(target=self._say_last_words, daemon=True)
        last_words.start()
        last_words.join(LAST_WORDS)
        os._exit(ParkError.exit_code if self._code is None else self._code)

    def _say_last_words(self) -> None:
        self._tell_what_is_known(stopped())
        show_cursor()
        tell(
            "holdersync: stopped by a signal, without waiting for a call that did not end in time; "
            "what was stored is kept, and the next run goes on from there"
        )
