"""Opens the ledger: where it is, whose it is, and its short transactions."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path

from sqlalchemy import Engine, event, insert, select, update
from sqlalchemy.engine import URL, Connection

from sync.database import read_only, sqlite_engine
from sync.errors import TellUserError
from sync.ledger.schema import (
    MIGRATIONS,
    Schema,
    copy_before_migration,
    enable_wal,
    migrate,
    require_usable,
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
    """

    def __init__(self, engine: Engine, where: str) -> None:
        self.engine = engine
        self.where = where

    @contextmanager
    def transaction(self) -> Iterator[Connection]:
        """Write: all of it or nothing. Keep it short, others wait.

        Raises:
            TellUserError: the database can't be used.
        """
        with told(self.where), self.engine.begin() as connection:
            yield connection

    @contextmanager
    def read_only(self) -> Iterator[Connection]:
        """Read one consistent state, without keeping a writer waiting.

        Raises:
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
        TellUserError: the URL names no database file.
    """
    if url.get_backend_name() != "sqlite" or not url.database or url.database == ":memory:":
        msg = "HOLDERSYNC_LEDGER_URL must name an SQLite file, for example sqlite:///ledger.db"
        raise TellUserError(msg)
    engine = sqlite_engine(url, busy_seconds=BUSY_SECONDS)

    @event.listens_for(engine, "connect")
    def _durable_enough(connection: object, _record: object) -> None:
        # In WAL mode NORMAL may lose the last commits when the power fails, never their order:
        # what was found and how far we read are lost together, and read again.
        connection.execute("PRAGMA synchronous=NORMAL")  # type: ignore[attr-defined]
        connection.execute("PRAGMA foreign_keys=ON")  # type: ignore[attr-defined]

    return engine


def ledger_file(url: URL) -> Path:
    """Give the path of an SQLite ledger."""
    return Path(url.database or "")


def create_or_open(url: URL, *, where: Path | None = None, migrations: str = MIGRATIONS) -> Ledger:
    """Open the ledger for a run: make it if it isn't there, migrate it if it is older.

    Call it under the run's lock.

    Args:
        url: the database.
        where: how to name it to a person, if it is a copy of what a person knows.
        migrations: Alembic's place of the migrations.

    Raises:
        TellUserError: it is of a newer release, no ledger, or can't be opened.
    """
    ledger = _ledger(url, where)
    with _closed_on_error(ledger):
        schema, revision = schema_of(ledger.engine)
        require_usable(schema, revision, ledger.where)
        if schema is Schema.OLDER:
            copy_before_migration(ledger_file(url), revision)
        if schema is not Schema.CURRENT:
            enable_wal(ledger.engine)
            migrate(ledger.engine, migrations)
    return ledger


def open_existing(url: URL) -> Ledger:
    """Open a ledger that a run has made; makes and changes nothing.

    Raises:
        TellUserError: there is none yet, or it is not of this release.
    """
    ledger = _ledger(url)
    if not ledger_file(url).exists():
        msg = f"there is no ledger at {ledger.where} yet: the first holdersync run makes it"
        raise TellUserError(msg)
    with _closed_on_error(ledger):
        schema, revision = schema_of(ledger.engine)
        require_usable(schema, revision, ledger.where)
        if schema is not Schema.CURRENT:
            msg = f"the ledger {ledger.where} is of an older release: run holdersync ledger upgrade"
            raise TellUserError(msg)
    return ledger


def _ledger(url: URL, where: Path | None = None) -> Ledger:
    return Ledger(make_engine(url), str(where or ledger_file(url)))


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
