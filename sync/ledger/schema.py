"""Is this database a ledger, and of which release? Creates and migrates it.

Alembic is imported only when there is something to do, since importing it costs more than all the
rest of a run that finds nothing.
"""

import sqlite3
from contextlib import closing
from enum import Enum
from pathlib import Path

from sqlalchemy import Engine, inspect, text
from sqlalchemy.engine import Connection

from sync.database import read_only
from sync.errors import TellUserError
from sync.ledger.told import DamagedError

HEAD = "0003"
"""The newest migration; a test holds it to the files."""
MIGRATIONS = "sync.ledger:migrations"
SIGNS = frozenset({"alembic_version", "project", "unassignments"})
"""Tables by which a ledger of any release is known."""


class Schema(Enum):
    """What a database holds, seen from this release."""

    EMPTY = "empty"
    CURRENT = "current"
    OLDER = "older"
    NEWER = "newer"
    FOREIGN = "foreign"


def schema_of(engine: Engine) -> tuple[Schema, str | None]:
    """Tell what the database holds, and its revision if it has one."""
    with read_only(engine) as connection:
        return schema_in(connection)


def schema_in(connection: Connection) -> tuple[Schema, str | None]:
    """Tell the same within a transaction."""
    tables = set(inspect(connection).get_table_names())
    if not tables >= SIGNS:
        return (Schema.FOREIGN if tables else Schema.EMPTY), None
    revision = connection.execute(text("SELECT version_num FROM alembic_version")).scalar()
    if revision == HEAD:
        return Schema.CURRENT, HEAD
    if revision is None:
        return Schema.FOREIGN, None
    return (Schema.OLDER if str(revision) < HEAD else Schema.NEWER), str(revision)


def require_usable(schema: Schema, revision: str | None, where: str) -> None:
    """Refuse what no migration of this release can help.

    Raises:
        TellUserError: the ledger is of a newer release, or the database is no ledger.
    """
    if schema is Schema.NEWER:
        msg = (
            f"the ledger {where} is of a newer release (revision {revision}, this one knows "
            f"{HEAD}): install that release of holdersync, or use another ledger"
        )
        raise TellUserError(msg)
    if schema is Schema.FOREIGN:
        msg = f"{where} holds other tables and is no ledger: check HOLDERSYNC_LEDGER_URL"
        raise TellUserError(msg)


def none_yet(where: str) -> TellUserError:
    """Say that no run has made the ledger."""
    return TellUserError(f"there is no ledger at {where} yet: the first holdersync run makes it")


def older(where: str) -> TellUserError:
    """Say that the ledger waits for its migration."""
    return TellUserError(
        f"the ledger {where} is of an older release: run holdersync ledger upgrade"
    )


def require_whole(engine: Engine) -> None:
    """Refuse a damaged SQLite file before anything is built on it.

    Reads the whole file. Source: SQLite documentation, "PRAGMA quick_check".

    Raises:
        DamagedError: it is damaged; the text names a table or page, and no value.
    """
    with read_only(engine) as connection:
        found = str(connection.execute(text("PRAGMA quick_check(1)")).scalar())
    if found != "ok":
        raise DamagedError(" ".join(found.split()))


def migrate(
    connection: Connection, script_location: str = MIGRATIONS, target: str = "head"
) -> None:
    """Create all tables, or take an older ledger to this release, in the given transaction."""
    from alembic import command  # noqa: PLC0415  # see the module's docstring
    from alembic.config import Config  # noqa: PLC0415

    config = Config()
    config.set_main_option("script_location", script_location)
    config.attributes["connection"] = connection
    command.upgrade(config, target)


def copy_before_migration(database: Path, revision: str | None) -> Path:
    """Copy an SQLite ledger beside itself before it is migrated; give the copy's path."""
    copy = database.with_name(f"{database.name}.before-{HEAD}-was-{revision}")
    backup(database, copy)
    return copy


def backup(source: Path, copy: Path) -> None:
    """Copy an SQLite database that others may be writing; the copy is one consistent state."""
    # Not read-only: such a connection can't clear away the files that SQLite puts beside a
    # database in WAL mode, and would leave them behind.
    with (
        closing(sqlite3.connect(f"{source.absolute().as_uri()}?mode=rw", uri=True)) as live,
        closing(sqlite3.connect(copy)) as target,
    ):
        live.backup(target)


def enable_wal(engine: Engine) -> None:
    """Let readers read while a run writes; survives in the file."""
    # SQLite refuses this within a transaction, and the engine's connections begin one at once.
    with closing(engine.raw_connection()) as connection:
        connection.cursor().execute("PRAGMA journal_mode=WAL")
