"""Ledgers for tests, on either kind of database, and a PostgreSQL that is really there.

`--ledger postgresql` runs the same tests on a server: TEST_POSTGRES_URL, else a private one that
is started from the installed binaries, else the one at the standard port.
"""

import os
import shutil
import socket
import subprocess
from contextlib import closing, contextmanager
from itertools import count
from pathlib import Path
from tempfile import TemporaryDirectory

import sqlalchemy as sa
from sqlalchemy.engine import make_url
from sqlalchemy.exc import OperationalError

from sync.ledger.opening import create_or_open

STANDARD = "postgresql+psycopg://postgres@127.0.0.1:5432/postgres"
BINARIES = ("initdb", "pg_ctl")
FAST = ("fsync", "synchronous_commit", "full_page_writes")
"""What a server for tests doesn't need: its data may go with the power."""
IN_MEMORY = Path("/dev/shm")
NOBODY = 65_534


class NoServerError(Exception):
    """There is no PostgreSQL here, and no binaries to start one; the text says so."""


class FileLedgers:
    """Each ledger is an SQLite file in the test's own folder."""

    kind = "sqlite"

    def __init__(self, folder):
        self._folder = folder
        self._templates = {}

    def new(self, folder):
        """Give a URL at which there is no ledger yet."""
        return make_url(f"sqlite:///{folder / 'ledger.db'}")

    def copied(self, prepare, folder):
        """Give the URL of a ledger that `prepare` was applied to; it is migrated once for all."""
        if prepare not in self._templates:
            path = self._folder / f"template{len(self._templates)}.db"
            with closing(create_or_open(make_url(f"sqlite:///{path}"))) as ledger:
                prepare(ledger)
            self._templates[prepare] = path
        url = self.new(folder)
        shutil.copy(self._templates[prepare], url.database)
        return url

    def close(self):
        """Leave the files to pytest."""


class ServerLedgers:
    """Each ledger is a database of its own on one server.

    All are dropped in the end, unless the server goes then, too.
    """

    kind = "postgresql"

    def __init__(self, server_url, *, stays):
        self._url = make_url(server_url)
        self._stays = stays
        self._admin = sa.create_engine(
            self._url, isolation_level="AUTOCOMMIT", poolclass=sa.NullPool
        )
        self._number = count()
        # Copying the files is quicker than logging each page, where no page is synced.
        is_new = self.do("SHOW server_version_num")[0][0] >= "150000"
        self._strategy = "" if stays or not is_new else "STRATEGY file_copy"
        self._names = {}
        self._templates = set()

    def new(self, folder):
        """Give the URL of the folder's database; at first there is no ledger in it."""
        if folder not in self._names:
            self._make(folder, "template0")
        return self._url.set(database=self._names[folder])

    def copied(self, prepare, folder):
        """Give the URL of a ledger that `prepare` was applied to; it is migrated once for all."""
        if prepare not in self._templates:
            with closing(create_or_open(self.new(prepare))) as ledger:
                prepare(ledger)
            self._templates.add(prepare)
        self._drop(folder)
        self._make(folder, self._names[prepare])
        return self.new(folder)

    def do(self, statement):
        """Do something on the server that a ledger can't do for itself."""
        with self._admin.connect() as connection:
            found = connection.exec_driver_sql(statement)
            return found.all() if found.returns_rows else []

    def drop(self, place):
        """Drop the place's database, if there is one."""
        self._drop(place)
        self._names.pop(place, None)

    def close(self):
        """Drop all databases, also those that somebody is still connected to."""
        for place in self._names if self._stays else ():
            self._drop(place)

    def _make(self, place, template):
        name = self._names.setdefault(place, f"holdersync_test_{os.getpid()}_{next(self._number)}")
        self.do(f"CREATE DATABASE {name} TEMPLATE {template} {self._strategy}")

    def _drop(self, place):
        if place in self._names:
            self.do(f"DROP DATABASE IF EXISTS {self._names[place]} WITH (FORCE)")


class PrivateServer:
    """A PostgreSQL in a folder of its own, on a free port of loopback, without a password."""

    def __init__(self):
        where = IN_MEMORY if os.access(IN_MEMORY, os.W_OK) else None
        self._folder = TemporaryDirectory(prefix="holdersync-postgres-", dir=where)
        self._bin = _binaries()
        self._data = Path(self._folder.name) / "data"
        # The server refuses to run as root.
        self._user = {"user": NOBODY, "group": NOBODY} if os.geteuid() == 0 else {}
        if self._user:
            os.chown(self._folder.name, NOBODY, NOBODY)
        with socket.create_server(("127.0.0.1", 0)) as free:
            self._port = free.getsockname()[1]
        self._do("initdb", "--auth=trust", "--username=postgres", "--no-sync", "--encoding=UTF8")
        fast = " ".join(f"-c {each}=off" for each in FAST)
        options = f"-p {self._port} -c listen_addresses=127.0.0.1 -k {self._folder.name} {fast}"
        self._do("pg_ctl", "--wait", "--log", f"{self._folder.name}/log", "-o", options, "start")

    @property
    def url(self):
        return f"postgresql+psycopg://postgres@127.0.0.1:{self._port}/postgres"

    def close(self):
        self._do("pg_ctl", "--mode=immediate", "--wait", "stop")
        self._folder.cleanup()

    def _do(self, program, *arguments):
        subprocess.run(
            [self._bin / program, "--pgdata", self._data, *arguments],
            check=True,
            stdout=subprocess.DEVNULL,
            cwd=self._folder.name,
            timeout=60,
            **self._user,
        )


@contextmanager
def a_server():
    """Give the URL of a server, and whether it stays when the block has ended.

    Raises:
        NoServerError: there is none, and nothing to start one with.
    """
    given = os.environ.get("TEST_POSTGRES_URL")
    if given is None and _binaries() is not None:
        with closing(PrivateServer()) as server:
            yield server.url, False
    elif given is None and not _answers(STANDARD):
        msg = "no PostgreSQL: TEST_POSTGRES_URL is not set, and no initdb and pg_ctl are installed"
        raise NoServerError(msg)
    else:
        yield given or STANDARD, True


def _answers(url):
    try:
        sa.create_engine(url, poolclass=sa.NullPool).connect().close()
    except OperationalError:
        return False
    return True


def _binaries():
    places = [Path(each).parent for each in filter(None, map(shutil.which, BINARIES))]
    places += sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)
    return next((each for each in places if all((each / one).exists() for one in BINARIES)), None)


def select_everybody(reading):
    """Take everybody into a run, as one does that has calls for all."""
    reading.select_hinted()
    reading.select_next(1_000_000, 1_000_000, listed=True)
