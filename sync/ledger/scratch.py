"""A throw-away copy of the ledger, for whatever must leave no trace.

A dry run does all that a run does, on the copy: so it tells the same, and nothing that it stores
can be noticed by a later run. An older ledger is migrated in the copy only.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from sqlalchemy.engine import URL

from sync.errors import TellUserError
from sync.ledger.ledger import Ledger, create_or_open, ledger_file, open_existing
from sync.ledger.schema import backup
from sync.ledger.told import told


@contextmanager
def scratch_copy(url: URL) -> Iterator[Ledger]:
    """Give a copy of the ledger, or an empty one where there is none; it goes with the block.

    Raises:
        TellUserError: the ledger can't be read, or is of a newer release.
    """
    source = ledger_file(url)
    with TemporaryDirectory(prefix="holdersync-") as folder:
        copy = Path(folder) / "ledger.db"
        if source.exists():
            with told(str(source)):
                backup(source, copy)
        ledger = create_or_open(url.set(database=str(copy)), where=source)
        try:
            yield ledger
        finally:
            ledger.close()


@contextmanager
def counting_ledger(url: URL, scratch: Ledger) -> Iterator[Ledger]:
    """Give the ledger on which calls are counted: the real one, if there is one of this release."""
    try:
        ledger = open_existing(url)
    except TellUserError:
        yield scratch
        return
    try:
        yield ledger
    finally:
        ledger.close()
