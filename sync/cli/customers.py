"""`--customers`: from the text to the ids, which are read as a stream, and again if need be."""

import hashlib
import hmac
import os
import shutil
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from io import BufferedReader, RawIOBase, TextIOWrapper
from pathlib import Path
from tempfile import TemporaryFile
from typing import Any, BinaryIO, Generic

import structlog

from sync.errors import TellUserError
from sync.jobs.sources import (
    CUSTOMER_COLUMNS,
    VOUCHER_COLUMNS,
    CustomerSource,
    Id,
    read_ids,
)
from sync.model.unassignment import CustomerId, VoucherId
from sync.settings.values import split_sources

log = structlog.get_logger(__name__)

STDIN = "-"
FILE = "file:"
RIGHT_PATH = (
    "after file: comes the path, from HOLDERSYNC_HOME on, of a file that this user may read"
)


@dataclass(frozen=True, slots=True)
class _Kind(Generic[Id]):
    """What a file names: a word for it, and the columns that an id may stand in, in a CSV."""

    what: str
    columns: tuple[str, ...]
    id_of: Callable[[str], Id]


CUSTOMERS = _Kind("customer", CUSTOMER_COLUMNS, CustomerId)
VOUCHERS = _Kind("code", VOUCHER_COLUMNS, VoucherId)


@dataclass(frozen=True, slots=True)
class IdFile(Generic[Id]):
    """The ids of a file; each iteration opens it anew.

    Args:
        open: opens the file.
        name: names it to a person.
        kind: what it names.
    """

    open: Callable[[], BufferedReader]
    name: str
    kind: _Kind[Id]

    def __iter__(self) -> Iterator[Id]:
        """Give the ids, in the order of the file; say so if there are none."""
        nobody = True
        with (
            _told(self.name),
            self.open() as content,
            TextIOWrapper(content, "utf-8-sig", newline="") as lines,
        ):
            for each in read_ids(lines, self.name, self.kind.columns):
                nobody = False
                yield self.kind.id_of(each)
        if nobody:
            msg = f"{self.name} names no {self.kind.what}, so none is asked"
            log.warning(msg)


@dataclass(frozen=True, slots=True)
class _Named(Generic[Id]):
    """The ids of a file, and a label that holds a fingerprint of it."""

    label: str
    ids: IdFile[Id]


@contextmanager
def source_of(text: str, home: Path, key: str) -> Iterator[CustomerSource]:
    """Give the candidates that a list of sources stands for.

    The label holds a fingerprint of the ids, so that a backfill of other ids is another one. It is
    made under a secret `key`: of a list of one, a plain hash would still tell who that was.

    Raises:
        TellUserError: it is no such list, or a file can't be read.
    """
    try:
        sources = split_sources(text)
    except ValueError as error:
        msg = f"--customers {text}: {error}"
        raise TellUserError(msg) from None
    with ExitStack() as stack:
        customers: _Named[CustomerId] | None = None
        codes: _Named[VoucherId] | None = None
        for each in sources:
            path = each.partition(":")[2]
            if each == STDIN:
                copy = _copied(_stdin(), "standard input", key, CUSTOMERS)
                customers = stack.enter_context(copy)
            elif each.startswith(FILE):
                customers = stack.enter_context(_from_path(home / path, key, CUSTOMERS))
            elif path:
                codes = stack.enter_context(_from_path(home / path, key, VOUCHERS))
        yield _combined(sources, customers, codes)


def _combined(
    sources: Sequence[str],
    customers: _Named[CustomerId] | None,
    codes: _Named[VoucherId] | None,
) -> CustomerSource:
    plain = [each for each in sources if each in {"all", "crm", "holders", "hints"}]
    named = [each.label for each in (customers, codes) if each]
    return CustomerSource(
        ",".join([*plain, *named]),
        ids=customers.ids if customers else None,
        lists="all" in plain,
        codes="holders" in plain or codes is not None,
        lists_codes="holders" in plain,
        code_ids=codes.ids if codes else None,
        crm="crm" in plain,
    )


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
def _from_path(path: Path, key: str, kind: _Kind[Id]) -> Iterator[_Named[Id]]:
    name = str(path)
    with ExitStack() as stack:
        with _told(name):
            is_read_once = path.exists() and not (path.is_file() or path.is_dir())
            pipe = stack.enter_context(path.open("rb")) if is_read_once else None
        if pipe:
            yield stack.enter_context(_copied(pipe, name, key, kind))
        else:
            yield _from_file(lambda: path.open("rb"), name, key, kind)


@contextmanager
def _copied(stream: BinaryIO, name: str, key: str, kind: _Kind[Id]) -> Iterator[_Named[Id]]:
    """Give what can be read only once, as a pipe can: the ids are needed more than once.

    The copy has no name, so that it goes with the process, however that ends: beside the ids there
    may be whatever a person exported.
    """
    with ExitStack() as stack:
        with _told(name, "see that there is room for temporary files; TMPDIR says where"):
            copy = stack.enter_context(TemporaryFile())
            shutil.copyfileobj(stream, copy)
            copy.flush()
        yield _from_file(lambda: BufferedReader(_FromTheBegin(copy)), name, key, kind)


def _from_file(
    opened: Callable[[], BufferedReader], name: str, key: str, kind: _Kind[Id]
) -> _Named[Id]:
    with _told(name), opened() as content:
        digest = hashlib.file_digest(content, "sha256").digest()
    fingerprint = hmac.digest(key.encode(), digest, "sha256").hex()[:12]
    ids = IdFile(opened, name, kind)
    return _Named(f"{name}#{fingerprint}", ids)


@contextmanager
def _told(name: str, what_to_do: str = RIGHT_PATH) -> Iterator[None]:
    try:
        yield
    except (OSError, ValueError) as error:
        why = error.strerror if isinstance(error, OSError) else "no file can have this name"
        msg = f"the customers of {name} can't be read ({why}): {what_to_do}"
        raise TellUserError(msg) from error
