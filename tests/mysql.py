"""A MySQL for tests that is really there: a MariaDB of our own, or one that somebody runs.

TEST_MYSQL_URL, else a private one that is started from the installed binaries, else the one at the
standard port.
"""

import os
import shutil
import socket
import subprocess
from contextlib import closing, contextmanager
from itertools import count
from pathlib import Path
from tempfile import TemporaryDirectory
from time import monotonic, sleep

import sqlalchemy as sa
from sqlalchemy.engine import make_url
from sqlalchemy.exc import OperationalError

from tests.ledgers import IN_MEMORY, NOBODY, NoServerError

STANDARD = "mysql+pymysql://root@127.0.0.1:3306/mysql"
BINARIES = ("mariadb-install-db", "mariadbd")
PLACES = f"{os.environ.get('PATH', '')}:/usr/sbin:/usr/local/sbin"
SMALL = ("--innodb-log-file-size=8M", "--innodb-buffer-pool-size=16M")
FAST = (*SMALL, "--innodb-flush-log-at-trx-commit=0", "--skip-log-bin")
"""What a server for tests doesn't need: its data may go with the power."""
STARTS_WITHIN = 60.0


class MysqlServer:
    """A server on which each test has databases of its own; they are dropped in the end."""

    def __init__(self, server_url):
        self._url = make_url(server_url)
        self._admin = sa.create_engine(self._url, poolclass=sa.NullPool)
        self._number = count()
        self._names = {}

    def new(self, place):
        """Give the URL of the database that belongs to a place; at first it is empty."""
        if place not in self._names:
            name = f"holdersync_test_{os.getpid()}_{next(self._number)}"
            self.do(f"CREATE DATABASE {name} CHARACTER SET utf8mb4")
            self._names[place] = name
        return self._url.set(database=self._names[place])

    def drop(self, place):
        """Drop it, if there is one."""
        if (name := self._names.pop(place, None)) is not None:
            self.do(f"DROP DATABASE IF EXISTS {name}")

    def do(self, statement):
        with self._admin.begin() as connection:
            connection.exec_driver_sql(statement)

    def close(self):
        for place in list(self._names):
            self.drop(place)


class PrivateServer:
    """A MariaDB in a folder of its own, on a free port of loopback, without a password."""

    def __init__(self):
        where = IN_MEMORY if os.access(IN_MEMORY, os.W_OK) else None
        self._folder = TemporaryDirectory(prefix="holdersync-mariadb-", dir=where)
        home = Path(self._folder.name)
        self._bin = _binaries()
        # The server refuses to run as root.
        is_root = os.geteuid() == 0
        self._how = {"cwd": home, "stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
        self._how |= {"user": NOBODY, "group": NOBODY, "extra_groups": []} if is_root else {}
        if is_root:
            os.chown(home, NOBODY, NOBODY)
        data = ("--no-defaults", f"--datadir={home / 'data'}")
        password = ("--auth-root-authentication-method=normal", "--skip-test-db")
        command = [self._bin[0], *data, *SMALL, *password, "--skip-name-resolve"]
        subprocess.run(command, check=True, timeout=STARTS_WITHIN, **self._how)
        with socket.create_server(("127.0.0.1", 0)) as free:
            port = free.getsockname()[1]
        self.url = f"mysql+pymysql://root@127.0.0.1:{port}/mysql"
        where = (f"--port={port}", "--bind-address=127.0.0.1", f"--socket={home / 'socket'}")
        command = [self._bin[1], *data, *where, *FAST]
        self._process = subprocess.Popen(command, **self._how)
        self._wait_for_it()

    def close(self):
        self._process.terminate()
        self._process.wait(STARTS_WITHIN)
        self._folder.cleanup()

    def _wait_for_it(self):
        ends = monotonic() + STARTS_WITHIN
        while not _answers(self.url):
            if self._process.poll() is not None or monotonic() > ends:
                self.close()
                msg = "the MariaDB that was started for tests doesn't answer"
                raise RuntimeError(msg)
            sleep(0.1)


@contextmanager
def a_mysql():
    """Give the URL of a server.

    Raises:
        NoServerError: there is none, and nothing to start one with.
    """
    given = os.environ.get("TEST_MYSQL_URL")
    if given is None and _binaries() is not None:
        with closing(PrivateServer()) as server:
            yield server.url
    elif given is None and not _answers(STANDARD):
        msg = f"no MySQL: TEST_MYSQL_URL is not set, and no {' and '.join(BINARIES)} are installed"
        raise NoServerError(msg)
    else:
        yield given or STANDARD


def _answers(url):
    try:
        sa.create_engine(url, poolclass=sa.NullPool).connect().close()
    except OperationalError:
        return False
    return True


def _binaries():
    found = [shutil.which(each, path=PLACES) for each in BINARIES]
    return found if all(found) else None
