"""Three locks per ledger: run, backfill, deliver; each dies with its holder.

The kernel holds them (flock on a file beside the ledger), so a killed process leaves none behind.
Not for network file systems, whose locks can't be relied on.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Literal

from filelock import FileLock, Timeout

from sync.errors import TellUserError

LockName = Literal["run", "backfill", "deliver"]


class LockTakenError(Exception):
    """Somebody else holds the lock; the job decides what that means."""


@contextmanager
def held(ledger_file: Path, name: LockName) -> Iterator[None]:
    """Hold a lock for as long as the block runs.

    Raises:
        LockTakenError: somebody else holds it.
        TellUserError: the folder of the ledger is not there or can't be written.
    """
    path = ledger_file.with_name(f"{ledger_file.name}.{name}.lock")
    if not path.parent.is_dir():
        # The lock would make the folder: a misspelt path would silently be a new ledger.
        msg = f"the folder {path.parent} of the ledger is not there: make it, or check the path"
        raise TellUserError(msg)
    lock = FileLock(path, blocking=False, thread_local=False)
    try:
        lock.acquire()
    except Timeout as error:
        raise LockTakenError(name) from error
    except OSError as error:
        msg = f"{path} can't be written ({error.strerror}): see that the folder is there and yours"
        raise TellUserError(msg) from error
    try:
        yield
    finally:
        lock.release()
