"""A process that has imported everything and started no thread; it forks a child for each command.

It reads one order per line (JSON) and answers with how the child ended. A child is the tool's own
command in a process of its own, which may kill itself at a point, or is killed at a moment.
"""

import gc
import json
import os
import signal
import sys
import threading
import time
from collections import Counter
from pathlib import Path

# What the tool imports only when it needs it would be imported by each child anew.
import alembic.command  # noqa: F401
import psycopg  # noqa: F401
import sqlalchemy.dialects.postgresql.psycopg  # noqa: F401

from sync.cli import main
from tests.crashes import points, told  # noqa: F401

LOOK = 0.001
"""Seconds between two looks at a child."""
HANGS = 60.0
"""Seconds after which a child is taken for one that will never end."""


class Killer:
    """Writes down each passage of a point, and kills the process at the n-th of one of them."""

    def __init__(self, home, point, n):
        self._file = os.open(home / "passed", os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_APPEND)
        self._point = point
        self._n = n
        self._count = Counter()
        self._lock = threading.Lock()

    def __call__(self, name):
        with self._lock:
            self._count[name] += 1
            is_here = name == self._point and self._count[name] == self._n
            os.write(self._file, f"{name}{'!' if is_here else ''}\n".encode())
            if is_here:
                os.kill(os.getpid(), signal.SIGKILL)


def serve():
    gc.collect()
    gc.freeze()
    for line in sys.stdin:
        order = json.loads(line)
        assert threading.active_count() == 1
        began = time.monotonic()
        pid = os.fork()
        if pid == 0:
            _live(order)
        code = _end_of(pid, began, order["after"])
        answer = {"pid": pid, "code": code, "took": time.monotonic() - began}
        sys.stdout.write(f"{json.dumps(answer)}\n")
        sys.stdout.flush()


def _end_of(pid, began, kill_after):
    """Wait for a child, kill it when its moment has come, and give its exit code or -signal."""
    patience = HANGS if kill_after is None else kill_after
    while True:
        ended, status = os.waitpid(pid, os.WNOHANG)
        if ended:
            return os.waitstatus_to_exitcode(status)
        if time.monotonic() - began > patience:
            os.kill(pid, signal.SIGKILL)
            _, status = os.waitpid(pid, 0)
            return None if kill_after is None else os.waitstatus_to_exitcode(status)
        time.sleep(LOOK)


def _live(order):
    """Be the command, to its end."""
    code = 255
    try:
        home = Path(order["home"])
        _redirect(home)
        os.environ.clear()
        os.environ.update(order["env"])
        points.install(Killer(home, order["point"], order["n"]))
        main(order["argv"])
    except SystemExit as ended:
        code = ended.code or 0
    except BaseException:  # noqa: BLE001 - nothing may leave the child but its end
        sys.excepthook(*sys.exc_info())
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


def _redirect(home):
    for stream, name in ((1, "out"), (2, "err")):
        file = os.open(home / name, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
        os.dup2(file, stream)
        os.close(file)
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)


if __name__ == "__main__":
    serve()
