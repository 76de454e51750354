"""An open ledger: whose it is, its horizon, and its short transactions."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime

from sqlalchemy import Engine, insert, select, update
from sqlalchemy.engine import Connection

from sync.database import read_only
from sync.errors import TellUserError
from sync.ledger.lock import Locks
from sync.ledger.tables import project
from sync.ledger.told import told


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


def _another_project(where: str, bound_url: str, base_url: str) -> TellUserError:
    same_host = "with another key" if bound_url == base_url else f"at {bound_url}"
    return TellUserError(
        f"the ledger {where} belongs to a Voucherify project {same_host}: use another "
        "HOLDERSYNC_LEDGER_URL for another project, or, if the key of this project was changed, "
        "run holdersync ledger rebind"
    )
