"""`--customers`: from the text to the ids, which are read as a stream, and again if need be."""

import hashlib
import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from sync.errors import TellUserError
from sync.jobs.selection import CustomerSource, read_customer_ids
from sync.model.unassignment import CustomerId

STDIN = "-"
FILE = "file:"


@dataclass(frozen=True, slots=True)
class IdFile:
    """The customer ids of a file; each iteration reads it anew."""

    path: Path
    name: str

    def __iter__(self) -> Iterator[CustomerId]:
        """Give the ids, in the order of the file."""
        with _told(self.name), self.path.open(encoding="utf-8-sig", newline="") as lines:
            yield from read_customer_ids(lines, self.name)


@contextmanager
def source_of(text: str, home: Path) -> Iterator[CustomerSource]:
    """Give the customers that `all`, `file:PATH` or `-` stand for.

    The label holds a fingerprint of the ids, so that a backfill of other ids is another one.

    Raises:
        TellUserError: it is none of the three, or the file can't be read.
    """
    if text == "all":
        yield CustomerSource("all")
    elif text == STDIN:
        with TemporaryDirectory(prefix="holdersync-") as folder:
            path = Path(folder) / "customers"
            with path.open("wb") as copy:
                shutil.copyfileobj(sys.stdin.buffer, copy)
            yield _from_file(path, "standard input")
    elif text.startswith(FILE):
        path = home / text.removeprefix(FILE)
        yield _from_file(path, str(path))
    else:
        msg = f"--customers {text}: give all, file:PATH or -"
        raise TellUserError(msg)


def _from_file(path: Path, name: str) -> CustomerSource:
    with _told(name), path.open("rb") as content:
        digest = hashlib.file_digest(content, "sha256").hexdigest()[:12]
    return CustomerSource(f"{name}#{digest}", IdFile(path, name))


@contextmanager
def _told(name: str) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        msg = f"the customers of {name} can't be read: {error.strerror}"
        raise TellUserError(msg) from error
