"""Three locks per ledger: run, backfill, deliver; each dies with its holder."""

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Literal, Protocol

from filelock import FileLock, Timeout
from sqlalchemy.engine import Connection

from sync.errors import TellUserError

LockName = Literal["run", "backfill", "deliver"]


class LockTakenError(Exception):
    """Somebody else holds the lock; the job decides what that means."""


class Locks(Protocol):
    """The locks of one ledger, as one process sees them."""

    def held(self, name: LockName) -> AbstractContextManager[None]:
        """Hold a lock for as long as the block runs.

        Raises:
            LockTakenError: somebody else holds it.
            NotNowError: the database that keeps the locks can't be reached.
            TellUserError: a person has to do something about the place of the locks.
        """

    def before_writing(self, connection: Connection) -> None:
        """Begin a transaction that writes: wait for other writers, prove that our locks hold.

        Raises:
            NotNowError: a lock was lost; nothing may be written any more.
        """

    def check(self) -> None:
        """Prove that locks can be had; raises as `held` does."""


class FileLocks:
    """Locks beside an SQLite ledger, held by the kernel: a killed process leaves none behind.

    They can't be lost while their holder lives. Not for network file systems, whose locks can't be
    relied on.
    """

    def __init__(self, ledger_file: Path) -> None:
        self._ledger_file = ledger_file
        self._written: tuple[int, int] | None = None

    def held(self, name: LockName) -> AbstractContextManager[None]:
        """Hold a lock for as long as the block runs; raises as the protocol says."""
        return held(self._ledger_file, name)

    def before_writing(self, _connection: Connection) -> None:
        """Prove that the file is still in its place; the right to write it is there already.

        Raises:
            TellUserError: it was moved, removed or replaced; what is written would be lost with it.
        """
        try:
            found = self._ledger_file.stat()
        except OSError:
            found = None
        place = None if found is None else (found.st_dev, found.st_ino)
        self._written = self._written or place
        if place is None or place != self._written:
            msg = (
                f"the ledger {self._ledger_file} was moved, removed or replaced while it was in "
                "use: put it back, or its copy; without it the next run begins a new one"
            )
            raise TellUserError(msg)

    def check(self) -> None:
        """Do nothing: whoever can make the ledger can make its locks."""


@contextmanager
def held(ledger_file: Path, name: LockName) -> Iterator[None]:
    """Hold a lock of an SQLite ledger for as long as the block runs.

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
