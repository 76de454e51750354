"""Is this database a ledger, and of which release? Creates and migrates it.

Alembic is imported only when there is something to do, since importing it costs more than all the
rest of a run that finds nothing.
"""

import sqlite3
from enum import Enum
from pathlib import Path

from sqlalchemy import Engine, inspect, text
from sqlalchemy.engine import Connection

from sync.database import reading
from sync.errors import TellUserError

HEAD = "0001"
"""The newest migration; a test holds it to the files."""
MIGRATIONS = "sync.ledger:migrations"


class Schema(Enum):
    """What a database holds, seen from this release."""

    EMPTY = "empty"
    CURRENT = "current"
    OLDER = "older"
    NEWER = "newer"
    FOREIGN = "foreign"


def schema_of(engine: Engine) -> tuple[Schema, str | None]:
    """Tell what the database holds, and its revision if it has one."""
    with reading(engine) as connection:
        tables = inspect(connection).get_table_names()
        if "alembic_version" not in tables:
            return (Schema.FOREIGN if tables else Schema.EMPTY), None
        revision = connection.execute(text("SELECT version_num FROM alembic_version")).scalar()
    if revision == HEAD:
        return Schema.CURRENT, HEAD
    if revision is None:
        return Schema.EMPTY, None
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


def migrate(engine: Engine, script_location: str = MIGRATIONS, target: str = "head") -> None:
    """Create all tables in an empty database, or take an older ledger to this release."""
    from alembic import command  # noqa: PLC0415  # see the module's docstring
    from alembic.config import Config  # noqa: PLC0415

    config = Config()
    config.set_main_option("script_location", script_location)
    with engine.begin() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, target)


def copy_before_migration(database: Path, revision: str | None) -> Path:
    """Copy an SQLite ledger beside itself before it is migrated; give the copy's path."""
    copy = database.with_name(f"{database.name}.before-{HEAD}-was-{revision}")
    backup(database, copy)
    return copy


def backup(source: Path, copy: Path) -> None:
    """Copy an SQLite database that others may be writing; the copy is one consistent state."""
    with (
        sqlite3.connect(f"{source.absolute().as_uri()}?mode=ro", uri=True) as live,
        sqlite3.connect(copy) as target,
    ):
        live.backup(target)
    live.close()
    target.close()


def enable_wal(connection: Connection) -> None:
    """Let readers read while a run writes; survives in the file."""
    connection.exec_driver_sql("PRAGMA journal_mode=WAL")
