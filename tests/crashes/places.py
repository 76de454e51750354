"""The databases of a shop: made fresh, looked at after a kill, and dropped.

Whoever looks at an SQLite file clears up behind the process that was killed, and the tool would
never meet what the kill left. So a copy is looked at.
"""

import shutil
import time
from contextlib import contextmanager

from sqlalchemy import NullPool, create_engine

LEFT_BEHIND = ("", "-wal", "-journal")
SHARED_MEMORY = "-shm"
ENDS_WITHIN = 10.0
"""Seconds in which a server notices that a client was killed."""
LOOK = 0.002


class FileDatabase:
    """An SQLite file in the shop's folder."""

    kind = "sqlite"

    def __init__(self, home, name):
        self.url = f"sqlite:///{name}.db"
        self._file = home / f"{name}.db"
        self.live = create_engine(f"sqlite:///{self._file}", poolclass=NullPool)
        self._copy = home / "seen" / self._file.name
        self._copy.parent.mkdir(exist_ok=True)
        self._seen = create_engine(f"sqlite:///{self._copy}", poolclass=NullPool)

    @contextmanager
    def seen(self):
        """Give an engine on what is stored now."""
        for suffix in (*LEFT_BEHIND, SHARED_MEMORY):
            file = self._file.with_name(f"{self._file.name}{suffix}")
            copy = self._copy.with_name(f"{self._copy.name}{suffix}")
            copy.unlink(missing_ok=True)
            if file.exists() and suffix != SHARED_MEMORY:
                shutil.copy(file, copy)
        yield self._seen

    def integrity(self, connection):
        """What the database itself finds wrong; empty if nothing."""
        found = [row[0] for row in connection.exec_driver_sql("PRAGMA integrity_check")]
        return [] if found == ["ok"] else found

    def bury(self):
        """Nothing of a killed process lives on in the kernel."""

    def drop(self):
        """The file goes with its folder."""


class ServerDatabase:
    """A database of its own on a PostgreSQL server."""

    kind = "postgresql"

    def __init__(self, server, home, name):
        self._server = server
        url = server.new(home / name)
        self._name = url.database
        self.url = url.render_as_string(hide_password=False)
        self.live = create_engine(url, poolclass=NullPool)

    @contextmanager
    def seen(self):
        """Give an engine on what is stored now."""
        yield self.live

    def integrity(self, _connection):
        """The server looks after that."""
        return []

    def bury(self):
        """Wait until the server has noticed that its clients are dead: so long their locks hold."""
        give_up = time.monotonic() + ENDS_WITHIN
        alive = f"SELECT count(*) FROM pg_stat_activity WHERE datname = '{self._name}'"
        while self._server.do(alive) != [(0,)]:
            assert time.monotonic() < give_up, "the server keeps the session of a killed client"
            time.sleep(LOOK)

    def drop(self):
        self._server.do(f"DROP DATABASE IF EXISTS {self._name} WITH (FORCE)")
