"""Opens the ledger: where it is, whose it is, and its short transactions."""

import os
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import datetime

from sqlalchemy import Engine, event, insert, select, text, update
from sqlalchemy.engine import URL, Connection

from sync.database import read_only, sqlite_engine
from sync.errors import TellUserError
from sync.ledger.lock import Locks, locks_of
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
from sync.ledger.tables import project
from sync.ledger.told import told

BUSY_SECONDS = 30.0
"""How long a short transaction waits for another one on SQLite."""


class Ledger:
    """An open ledger of this release.

    Args:
        engine: the database; closed with the ledger.
        where: how to name it to a person.
        locks: asked before each write whether they still hold.
    """

    def __init__(self, engine: Engine, where: str, locks: Locks) -> None:
        self.engine = engine
        self.where = where
        self._locks = locks

    @contextmanager
    def transaction(self) -> Iterator[Connection]:
        """Write: all of it or nothing. Keep it short, others wait.

        Raises:
            NotNowError: the database is busy or lost, or a lock of ours is.
            TellUserError: the database can't be used.
        """
        with told(self.where), self.engine.begin() as connection:
            self._locks.before_writing(connection)
            yield connection

    @contextmanager
    def read_only(self) -> Iterator[Connection]:
        """Read one consistent state, without keeping a writer waiting.

        Raises:
            NotNowError: the database is busy or lost.
            TellUserError: the database can't be used.
        """
        with told(self.where), read_only(self.engine) as connection:
            yield connection

    def bind(self, base_url: str, app_id: str, now: datetime) -> None:
        """Make this the ledger of one Voucherify project, or prove that it is.

        Raises:
            TellUserError: it belongs to another project.
        """
        with self.transaction() as connection:
            row = connection.execute(select(project.c.base_url, project.c.app_id)).first()
            if row is None:
                values = {
                    "id": 1,
                    "base_url": base_url,
                    "app_id": app_id,
                    "created_at": now,
                    "listing_whole": False,
                }
                connection.execute(insert(project).values(values))
            elif (row.base_url, row.app_id) != (base_url, app_id):
                raise _another_project(self.where, row.base_url, base_url)

    def require_project(self, base_url: str, app_id: str) -> None:
        """Prove that this ledger may be used with a project, and write nothing.

        Raises:
            TellUserError: it belongs to another project.
        """
        with self.read_only() as connection:
            row = connection.execute(select(project.c.base_url, project.c.app_id)).first()
        if row is not None and (row.base_url, row.app_id) != (base_url, app_id):
            raise _another_project(self.where, row.base_url, base_url)

    def rebind(self, base_url: str, app_id: str) -> None:
        """Go on with another key, or another address, of the same project."""
        with self.transaction() as connection:
            connection.execute(update(project).values(base_url=base_url, app_id=app_id))

    def horizon(self) -> datetime | None:
        """Give the instant from which everybody is read; None before the first run."""
        with self.read_only() as connection:
            return connection.execute(select(project.c.horizon)).scalar()

    def set_horizon(self, horizon: datetime) -> datetime:
        """Store the horizon if there is none yet; give the one that holds."""
        with self.transaction() as connection:
            connection.execute(
                update(project).where(project.c.horizon.is_(None)).values(horizon=horizon)
            )
            held: datetime = connection.execute(select(project.c.horizon)).scalar_one()
        return held

    def close(self) -> None:
        """Give back all connections."""
        self.engine.dispose()


def make_engine(url: URL) -> Engine:
    """Make the engine of a ledger; no I/O.

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
        # what was found and how far we read are lost together, and read again.
        connection.execute("PRAGMA synchronous=NORMAL")  # type: ignore[attr-defined]
        connection.execute("PRAGMA foreign_keys=ON")  # type: ignore[attr-defined]
        # What was a person's is overwritten when it goes.
        connection.execute("PRAGMA secure_delete=ON")  # type: ignore[attr-defined]

    return engine


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


def open_existing(url: URL, *, locks: Locks | None = None) -> Ledger:
    """Open a ledger that a run has made; makes and changes nothing.

    Raises:
        NotNowError: it is busy, or its server can't be reached.
        TellUserError: there is none yet, or it is not of this release.
    """
    if not is_there(url):
        raise none_yet(place_of(url))
    ledger = _ledger(url, locks)
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


def _ledger(url: URL, locks: Locks | None, where: str | None = None) -> Ledger:
    return Ledger(make_engine(url), where or place_of(url), locks or locks_of(url))


@contextmanager
def _closed_on_error(ledger: Ledger) -> Iterator[None]:
    try:
        with told(ledger.where):
            yield
    except BaseException:
        ledger.close()
        raise


def _another_project(where: str, bound_url: str, base_url: str) -> TellUserError:
    same_host = "with another key" if bound_url == base_url else f"at {bound_url}"
    return TellUserError(
        f"the ledger {where} belongs to a Voucherify project {same_host}: use another "
        "HOLDERSYNC_LEDGER_URL for another project, or, if the key of this project was changed, "
        "run holdersync ledger rebind"
    )
