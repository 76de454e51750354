"""The computer that the tool runs on: disk, clock, processes, and the points between two effects.

Whatever a process does to the world comes by here as a point, by name. At a point the process may
be killed, the clock may jump, the world may go on, and the turn may pass to another process. Which
of these happens is decided by a fate: see `fates.py`.
"""

import shutil
from collections import Counter, deque
from pathlib import Path
from zlib import crc32

from tests.simulation.databases import connection_class
from tests.simulation.stage import Stage

TOLD = 80
"""So many of the last points are told when a promise is broken."""


class Machine:
    """One computer, for one seed.

    Args:
        folder: its disk, emptied first; on tmpfs if there is one.
        clock: its time.
        template: files that are there from the beginning.
        committed: called with "ledger" or "crm" after each commit of a process.
    """

    def __init__(self, folder, clock, template, committed):
        self.folder = Path(folder)
        self.clock = clock
        self.committed = committed
        self.fate = None
        self.stage = Stage()
        self.passed = Counter()
        self.trace = deque(maxlen=TOLD)
        self.fingerprint = 0
        for old in self.folder.iterdir():
            old.unlink()
        for file in template.iterdir():
            shutil.copyfile(file, self.folder / file.name)
        self._connection_classes = {
            str(self.ledger_file): connection_class(self, "ledger"),
            str(self.crm_file): connection_class(self, "crm"),
        }

    @property
    def ledger_file(self):
        return self.folder / "ledger.db"

    @property
    def crm_file(self):
        return self.folder / "crm.db"

    @property
    def current(self):
        return self.stage.current

    def connection_class_of(self, file):
        return self._connection_classes.get(file)

    def point(self, name, *, within=False):
        """A process comes by a point; `within` a transaction no turn can pass."""
        process = self.current
        process.must_live(name)
        self.passed[name] += 1
        self.tells(f"{process}: {name}")
        self.fate.at(process, name, within=within)
        if not within and (others := self.stage.others()):
            if (number := self.fate.turn(others)) is not None:
                self.stage.passes_turn(number)
            process.must_live(name)

    def tells(self, what, aside=""):
        """Keep what happened for whoever has to understand a broken promise.

        `aside` may differ when the same seed is played again: it holds paths.
        """
        line = f"{self.clock.true:%m-%d %H:%M:%S} {what}"
        self.trace.append(f"{line} {aside}")
        self.fingerprint = crc32(line.encode(), self.fingerprint)
