"""A throw-away copy of the ledger, for whatever must leave no trace.

A dry run does all that a run does, on the copy: so it tells the same, and nothing that it stores
can be noticed by a later run. The copy is an SQLite file also of a ledger on a server. An older
ledger is migrated in the copy only. What is kept for an undo is not in it. What a killed process
left behind, the next one clears away.
"""

from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from shutil import rmtree
from tempfile import TemporaryDirectory, gettempdir

from filelock import FileLock, Timeout
from sqlalchemy import insert, select
from sqlalchemy.engine import URL

from sync.errors import TellUserError
from sync.ledger.changes import drop_all
from sync.ledger.ledger import Ledger
from sync.ledger.opening import create_or_open, is_there, open_existing
from sync.ledger.place import is_file, ledger_file, place_of
from sync.ledger.schema import backup
from sync.ledger.tables import changes, metadata
from sync.ledger.told import told

ROWS_AT_ONCE = 1_000
PREFIX = "holdersync-copy-"
COPY = "ledger.db"
OWNER = "owner.lock"


@contextmanager
def scratch_copy(url: URL) -> Iterator[Ledger]:
    """Give a copy of the ledger, or an empty one where there is none; it goes with the block.

    Raises:
        NotNowError: the ledger's server can't be reached.
        TellUserError: the ledger can't be read, is of a newer release, or on a server and older.
    """
    with _folder_of_its_own() as folder:
        copy = folder / COPY
        if is_file(url) and ledger_file(url).exists():
            with told(place_of(url)):
                backup(ledger_file(url), copy)
        copy_url = URL.create("sqlite", database=str(copy))
        with closing(create_or_open(copy_url, where=place_of(url))) as ledger:
            if is_file(url):
                drop_all(ledger)
            else:
                _copy_from_server(url, ledger)
            yield ledger


@contextmanager
def counting_ledger(url: URL, scratch: Ledger) -> Iterator[Ledger]:
    """Give the ledger on which calls are counted: the real one, if there is one of this release."""
    try:
        ledger = open_existing(url)
    except TellUserError:
        yield scratch
        return
    with closing(ledger):
        yield ledger


def clear_left_behind() -> bool:
    """Remove the copies of processes that were killed; they hold what the ledger held.

    Tells whether others are left, because their owners are still at work.
    """
    at_work = False
    for owner in Path(gettempdir()).glob(f"{PREFIX}*/{OWNER}"):
        # Somebody else's folder is not ours to open. One without a copy is being made just now.
        if owner.with_name(COPY).exists():
            try:
                with FileLock(owner, blocking=False):
                    rmtree(owner.parent)
            except Timeout:
                at_work = True
            except OSError:
                continue
    return at_work


@contextmanager
def _folder_of_its_own() -> Iterator[Path]:
    clear_left_behind()
    with TemporaryDirectory(prefix=PREFIX) as name, FileLock(Path(name) / OWNER):
        yield Path(name)


def _copy_from_server(url: URL, copy: Ledger) -> None:
    if not is_there(url):
        return
    with (
        closing(open_existing(url)) as ledger,
        ledger.read_only() as source,
        copy.transaction() as target,
    ):
        for table in metadata.sorted_tables:
            if table is changes:
                continue
            found = source.execute(select(table), execution_options={"yield_per": ROWS_AT_ONCE})
            for part in found.mappings().partitions():
                target.execute(insert(table), [dict(row) for row in part])
