"""Where a ledger is decides how it is opened: an SQLite file, or a database on a server."""

import os
from collections.abc import Iterator
from contextlib import closing, contextmanager

from sqlalchemy import Engine, event, text
from sqlalchemy.engine import URL

from sync.database import read_only, sqlite_engine
from sync.errors import TellUserError
from sync.ledger.ledger import Ledger
from sync.ledger.lock import FileLocks, Locks
from sync.ledger.place import is_file, ledger_file, place_of
from sync.ledger.schema import (
    MIGRATIONS,
    Schema,
    copy_before_migration,
    enable_wal,
    migrate,
    none_yet,
    older,
    require_usable,
    require_whole,
    schema_in,
    schema_of,
)
from sync.ledger.told import told

BUSY_SECONDS = 30.0
"""How long a short transaction waits for another one on SQLite."""


def make_engine(url: URL, *, synced: bool = False) -> Engine:
    """Make the engine of a ledger; no I/O.

    Args:
        url: the ledger.
        synced: what is committed outlives a power failure, also in an SQLite file.

    Raises:
        TellUserError: the URL names no database that can hold a ledger, or a driver is missing.
    """
    if url.get_backend_name() == "postgresql" and url.database:
        from sync.ledger.server import server_engine  # noqa: PLC0415  # files need no such driver

        return server_engine(url)
    if not is_file(url) or not url.database or url.database == ":memory:":
        msg = (
            "HOLDERSYNC_LEDGER_URL must name an SQLite file or a PostgreSQL database, for example "
            "sqlite:///ledger.db or postgresql+psycopg://USER@HOST/DATABASE"
        )
        raise TellUserError(msg)
    engine = sqlite_engine(url, busy_seconds=BUSY_SECONDS)

    @event.listens_for(engine, "connect")
    def _durable_enough(connection: object, _record: object) -> None:
        # In WAL mode NORMAL may lose the last commits when the power fails, never their order:
        # what was found and how far we read are lost together, and read again. A webhook that was
        # answered is not sent again.
        how = "FULL" if synced else "NORMAL"
        connection.execute(f"PRAGMA synchronous={how}")  # type: ignore[attr-defined]
        connection.execute("PRAGMA foreign_keys=ON")  # type: ignore[attr-defined]
        # What was a person's is overwritten when it goes.
        connection.execute("PRAGMA secure_delete=ON")  # type: ignore[attr-defined]

    return engine


def locks_of(url: URL, lock_url: URL | None = None) -> Locks:
    """Give the locks of a ledger; no I/O.

    Args:
        url: the ledger.
        lock_url: a direct connection to the ledger's server, where `url` goes through a pooler.

    Raises:
        TellUserError: a driver is missing, or a URL names no database that can hold a ledger.
    """
    if is_file(url):
        if lock_url is not None:
            msg = "HOLDERSYNC_LOCK_URL is only for a ledger on PostgreSQL: take it away"
            raise TellUserError(msg)
        return FileLocks(ledger_file(url))
    from sync.ledger.server import ServerLocks  # noqa: PLC0415  # files need no driver of servers

    return ServerLocks(url, lock_url, place_of(url))


def is_there(url: URL) -> bool:
    """Tell whether a run has made the ledger yet.

    Raises:
        NotNowError: its server can't be reached.
        TellUserError: its server refuses us.
    """
    if is_file(url):
        return ledger_file(url).exists()
    engine = make_engine(url)
    try:
        with told(place_of(url)):
            schema, _ = schema_of(engine)
    finally:
        engine.dispose()
    return schema is not Schema.EMPTY


def require_room(url: URL) -> None:
    """Prove that a ledger that isn't there yet can be made; make nothing.

    Raises:
        NotNowError: its server can't be reached.
        TellUserError: we may not make it there.
    """
    if is_file(url):
        folder = ledger_file(url).parent
        if not os.access(folder, os.W_OK | os.X_OK):
            msg = f"the first run can't make {place_of(url)}: see that {folder} is there and yours"
            raise TellUserError(msg)
        return
    engine = make_engine(url)
    try:
        with told(place_of(url)), read_only(engine) as connection:
            right = text("SELECT has_schema_privilege(current_schema(), 'CREATE')")
            may = connection.execute(right).scalar()
    finally:
        engine.dispose()
    if not may:
        msg = f"the first run can't make the ledger in {place_of(url)}: the user needs CREATE there"
        raise TellUserError(msg)


def create_or_open(
    url: URL,
    *,
    locks: Locks | None = None,
    where: str | None = None,
    migrations: str = MIGRATIONS,
) -> Ledger:
    """Open the ledger for a run: make it if it isn't there, migrate a file if it is older.

    Args:
        url: the database.
        locks: the locks that this process holds on it.
        where: how to name it to a person, if it is a copy of what a person knows.
        migrations: Alembic's place of the migrations.

    Raises:
        NotNowError: it is busy, or its server can't be reached.
        TellUserError: it is of a newer release, on a server and of an older one, no ledger, or
            can't be opened.
    """
    ledger = _ledger(url, locks, where)
    with _closed_on_error(ledger):
        schema, revision = schema_of(ledger.engine)
        require_usable(schema, revision, ledger.where)
        if schema is Schema.OLDER and not is_file(url):
            raise older(ledger.where)
        if schema is not Schema.EMPTY and is_file(url):
            require_whole(ledger.engine)
        if schema is not Schema.CURRENT:
            _make_current(ledger, url, migrations)
    return ledger


def open_existing(url: URL, *, locks: Locks | None = None, synced: bool = False) -> Ledger:
    """Open a ledger that a run has made; makes and changes nothing. `synced`: see `make_engine`.

    Raises:
        NotNowError: it is busy, or its server can't be reached.
        TellUserError: there is none yet, or it is not of this release.
    """
    if not is_there(url):
        raise none_yet(place_of(url))
    ledger = _ledger(url, locks, synced=synced)
    with _closed_on_error(ledger):
        schema, revision = schema_of(ledger.engine)
        if schema is Schema.EMPTY:
            raise none_yet(ledger.where)
        require_usable(schema, revision, ledger.where)
        if schema is not Schema.CURRENT:
            raise older(ledger.where)
    return ledger


def upgrade(url: URL, *, locks: Locks, migrations: str = MIGRATIONS) -> None:
    """Take an older ledger to this release.

    Raises:
        NotNowError: it is busy, or its server can't be reached.
        TellUserError: it is of a newer release, no ledger, or can't be opened.
    """
    with closing(_ledger(url, locks)) as ledger, told(ledger.where):
        schema, revision = schema_of(ledger.engine)
        require_usable(schema, revision, ledger.where)
        if schema is Schema.OLDER:
            _make_current(ledger, url, migrations)


def _make_current(ledger: Ledger, url: URL, migrations: str) -> None:
    # A backfill may have been quicker than a run: what there is to do is asked again within.
    if is_file(url):
        enable_wal(ledger.engine)
    with ledger.transaction() as connection:
        schema, revision = schema_in(connection)
        if schema is Schema.OLDER and is_file(url):
            copy_before_migration(ledger_file(url), revision)
        if schema is not Schema.CURRENT:
            migrate(connection, migrations)


def _ledger(
    url: URL, locks: Locks | None, where: str | None = None, *, synced: bool = False
) -> Ledger:
    return Ledger(make_engine(url, synced=synced), where or place_of(url), locks or locks_of(url))


@contextmanager
def _closed_on_error(ledger: Ledger) -> Iterator[None]:
    try:
        with told(ledger.where):
            yield
    except BaseException:
        ledger.close()
        raise
