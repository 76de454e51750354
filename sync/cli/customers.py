"""`--customers`: from the text to the ids, which are read as a stream, and again if need be."""

import hashlib
import hmac
import os
import shutil
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from io import BufferedReader, RawIOBase, TextIOWrapper
from pathlib import Path
from tempfile import TemporaryFile
from typing import Any, BinaryIO

import structlog

from sync.errors import TellUserError
from sync.jobs.sources import CustomerSource, read_customer_ids
from sync.model.unassignment import CustomerId

log = structlog.get_logger(__name__)

STDIN = "-"
FILE = "file:"
RIGHT_PATH = (
    "after file: comes the path, from HOLDERSYNC_HOME on, of a file that this user may read"
)


@dataclass(frozen=True, slots=True)
class IdFile:
    """The customer ids of a file; each iteration opens it anew."""

    open: Callable[[], BufferedReader]
    name: str

    def __iter__(self) -> Iterator[CustomerId]:
        """Give the ids, in the order of the file; say so if there are none."""
        nobody = True
        with (
            _told(self.name),
            self.open() as content,
            TextIOWrapper(content, "utf-8-sig", newline="") as lines,
        ):
            for customer_id in read_customer_ids(lines, self.name):
                nobody = False
                yield customer_id
        if nobody:
            msg = f"{self.name} names no customer, so nobody is asked"
            log.warning(msg)


@contextmanager
def source_of(text: str, home: Path, key: str) -> Iterator[CustomerSource]:
    """Give the customers that `all`, `file:PATH` or `-` stand for.

    The label holds a fingerprint of the ids, so that a backfill of other ids is another one. It is
    made under a secret `key`: of a list of one, a plain hash would still tell who that was.

    Raises:
        TellUserError: it is none of the three, or the file can't be read.
    """
    path = text.removeprefix(FILE)
    if text == "all":
        yield CustomerSource("all", lists=True)
    elif text == STDIN:
        with _copied(_stdin(), "standard input", key) as copy:
            yield copy
    elif path not in {text, ""}:
        with _from_path(home / path, key) as source:
            yield source
    else:
        msg = f"--customers {text}: give all, file:PATH or -"
        raise TellUserError(msg)


def _stdin() -> BinaryIO:
    # There is none if whoever started the process closed it.
    if sys.stdin is None:
        msg = "the customers can't be read: standard input is closed; name a file with file:PATH"
        raise TellUserError(msg)
    return sys.stdin.buffer


class _FromTheBegin(RawIOBase):
    """Reads an open file from its begin on, wherever other readers of it are."""

    def __init__(self, file: BinaryIO) -> None:
        self._number = file.fileno()
        self._at = 0

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:  # noqa: ANN401 - typeshed's WriteableBuffer
        found = os.pread(self._number, len(buffer), self._at)
        buffer[: len(found)] = found
        self._at += len(found)
        return len(found)


@contextmanager
def _from_path(path: Path, key: str) -> Iterator[CustomerSource]:
    name = str(path)
    with ExitStack() as stack:
        with _told(name):
            is_read_once = path.exists() and not (path.is_file() or path.is_dir())
            pipe = stack.enter_context(path.open("rb")) if is_read_once else None
        if pipe:
            yield stack.enter_context(_copied(pipe, name, key))
        else:
            yield _from_file(lambda: path.open("rb"), name, key)


@contextmanager
def _copied(stream: BinaryIO, name: str, key: str) -> Iterator[CustomerSource]:
    """Give what can be read only once, as a pipe can: the ids are needed more than once.

    The copy has no name, so that it goes with the process, however that ends: beside the ids there
    may be whatever a person exported.
    """
    with ExitStack() as stack:
        with _told(name, "see that there is room for temporary files; TMPDIR says where"):
            copy = stack.enter_context(TemporaryFile())
            shutil.copyfileobj(stream, copy)
            copy.flush()
        yield _from_file(lambda: BufferedReader(_FromTheBegin(copy)), name, key)


def _from_file(opened: Callable[[], BufferedReader], name: str, key: str) -> CustomerSource:
    with _told(name), opened() as content:
        digest = hashlib.file_digest(content, "sha256").digest()
    fingerprint = hmac.digest(key.encode(), digest, "sha256").hex()[:12]
    return CustomerSource(f"{name}#{fingerprint}", IdFile(opened, name))


@contextmanager
def _told(name: str, what_to_do: str = RIGHT_PATH) -> Iterator[None]:
    try:
        yield
    except (OSError, ValueError) as error:
        why = error.strerror if isinstance(error, OSError) else "no file can have this name"
        msg = f"the customers of {name} can't be read ({why}): {what_to_do}"
        raise TellUserError(msg) from error
