"""The migrations make the tables, and an older ledger is taken along."""

import sqlite3
from contextlib import closing
from pathlib import Path
from textwrap import dedent

import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory

from sync.errors import TellUserError
from sync.ledger.opening import create_or_open, locks_of, make_engine, open_existing, upgrade
from sync.ledger.schema import HEAD, MIGRATIONS, Schema, migrate, schema_of
from sync.ledger.scratch import scratch_copy
from sync.ledger.tables import changes, codes, metadata, unassignments

OLD = "0000"
FIRST = """
    import importlib.util
    from pathlib import Path

    import sqlalchemy as sa
    from alembic import op

    from sync.ledger.tables import metadata

    revision = "0000"
    down_revision = None


    def upgrade():
        metadata.create_all(op.get_bind())
        op.drop_column("customers", "read_by")
"""
SECOND = """
    import sqlalchemy as sa
    from alembic import op

    revision = "0003"
    down_revision = "0000"


    def upgrade():
        op.add_column("customers", sa.Column("read_by", sa.Text()))
"""
BROKEN = SECOND + '        raise RuntimeError("half way")\n'


@pytest.fixture
def migrations(tmp_path):
    """A history of two releases: the older one lacks a column."""
    return write_history(tmp_path / "history", SECOND)


def write_history(folder, second):
    versions = folder / "versions"
    versions.mkdir(parents=True)
    (versions / "0000_old.py").write_text(dedent(FIRST))
    (versions / "0003_new.py").write_text(dedent(second))
    import sync.ledger.migrations as real  # noqa: PLC0415  # only its folder is wanted

    env = Path(real.__file__).with_name("env.py")
    (folder / "env.py").write_text(env.read_text())
    return str(folder)


@pytest.fixture
def older(url, migrations):
    """The URL of a ledger of the older release, with one customer in it."""
    engine = make_engine(url)
    with engine.begin() as connection:
        migrate(connection, migrations, OLD)
        connection.execute(sa.text("INSERT INTO customers (customer_id) VALUES ('cust_old')"))
    engine.dispose()
    return url


@pytest.fixture
def columns_of(url):
    """Give each table of the database with the names of its columns, as a stranger sees them."""

    def columns_of():
        engine = make_engine(url)
        tables = sa.MetaData()
        tables.reflect(engine)
        engine.dispose()
        return {each.name: set(each.columns.keys()) for each in tables.sorted_tables}

    return columns_of


def test_a_fresh_ledger_is_what_the_tables_say(ledger):
    with ledger.read_only() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})

        assert compare_metadata(context, metadata) == []


@pytest.mark.on_a_file
def test_the_checks_of_the_migration_are_those_of_the_tables(ledger):
    checks = {}
    with ledger.read_only() as connection:
        for table in ("deliveries", "dead_letters"):
            found = sa.inspect(connection).get_check_constraints(table)
            checks[table] = {check["name"]: check["sqltext"] for check in found}

    expected = {
        name: {
            each.name: str(each.sqltext)
            for each in metadata.tables[name].constraints
            if isinstance(each, sa.CheckConstraint)
        }
        for name in checks
    }
    assert checks == expected


def test_the_newest_migration_is_the_one_that_the_code_names():
    config = Config()
    config.set_main_option("script_location", MIGRATIONS)

    assert ScriptDirectory.from_config(config).get_heads() == [HEAD]


def test_a_fresh_ledger_is_current(ledger):
    assert schema_of(ledger.engine) == (Schema.CURRENT, HEAD)


@pytest.mark.on_a_file
def test_a_number_of_an_unassignment_is_never_used_twice(ledger):
    with ledger.read_only() as connection:
        query = "SELECT sql FROM sqlite_master WHERE name IN ('unassignments', 'dead_letters')"
        made_by = connection.execute(sa.text(query)).scalars().all()

    assert ["AUTOINCREMENT" in sql for sql in made_by] == [True, True]


def test_a_ledger_of_a_newer_release_is_refused_with_both_revisions(ledger, url):
    with ledger.transaction() as connection:
        connection.execute(sa.text("UPDATE alembic_version SET version_num = '0099'"))

    for open_it in (create_or_open, open_existing):
        with pytest.raises(TellUserError, match=rf"revision 0099, this one knows {HEAD}"):
            open_it(url)


@pytest.mark.on_a_file
def test_a_copy_of_a_newer_ledger_is_refused_under_the_name_that_the_person_knows(ledger, url):
    with ledger.transaction() as connection:
        connection.execute(sa.text("UPDATE alembic_version SET version_num = '0099'"))

    with pytest.raises(TellUserError, match=str(url.database)), scratch_copy(url):
        pass


@pytest.mark.parametrize(
    "statements",
    [
        ["CREATE TABLE voucher_assignments (holder_id TEXT)"],
        ["CREATE TABLE alembic_version (version_num TEXT)"],
        [
            "CREATE TABLE shop (id TEXT)",
            "CREATE TABLE alembic_version (version_num TEXT)",
            "INSERT INTO alembic_version VALUES ('0000aa11')",
        ],
    ],
    ids=["tables", "unmigrated", "migrated"],
)
def test_the_database_of_another_program_is_refused_and_left_as_it_is(url, statements, columns_of):
    engine = make_engine(url)
    with engine.begin() as other:
        for statement in statements:
            other.execute(sa.text(statement))
    engine.dispose()
    before = columns_of()

    for open_it in (create_or_open, open_existing):
        with pytest.raises(TellUserError, match="check HOLDERSYNC_LEDGER_URL"):
            open_it(url)
    assert columns_of() == before


def test_a_ledger_that_lost_its_revision_is_refused(ledger, url):
    with ledger.transaction() as connection:
        connection.execute(sa.text("DELETE FROM alembic_version"))

    with pytest.raises(TellUserError, match="no ledger"):
        create_or_open(url)


@pytest.mark.on_a_file
def test_an_empty_file_becomes_a_ledger(url, tmp_path):
    (tmp_path / "ledger.db").touch()

    with closing(create_or_open(url)) as ledger:
        assert schema_of(ledger.engine) == (Schema.CURRENT, HEAD)


@pytest.mark.on_a_file
def test_an_older_ledger_is_copied_and_then_migrated(older, migrations, tmp_path):
    with closing(create_or_open(older, migrations=migrations)) as ledger:
        with ledger.read_only() as connection:
            found = connection.execute(sa.text("SELECT customer_id, read_by FROM customers"))
            assert found.all() == [("cust_old", None)]
        assert schema_of(ledger.engine) == (Schema.CURRENT, HEAD)

    copy = tmp_path / f"ledger.db.before-{HEAD}-was-{OLD}"
    with closing(sqlite3.connect(copy)) as old:
        columns = [row[1] for row in old.execute("PRAGMA table_info(customers)")]
        revision = old.execute("SELECT version_num FROM alembic_version").fetchone()
    assert "read_by" not in columns
    assert revision == (OLD,)


@pytest.mark.on_a_file
def test_a_migration_that_breaks_leaves_the_ledger_as_it_was(older, tmp_path, columns_of):
    history = write_history(tmp_path / "broken", BROKEN)

    with pytest.raises(RuntimeError, match="half way"):
        create_or_open(older, migrations=history)

    engine = make_engine(older)
    assert schema_of(engine) == (Schema.OLDER, OLD)
    engine.dispose()
    assert "read_by" not in columns_of()["customers"]


def test_a_creation_that_breaks_leaves_no_table(url, tmp_path, columns_of):
    history = write_history(tmp_path / "broken", BROKEN)

    with pytest.raises(RuntimeError, match="half way"):
        create_or_open(url, migrations=history)

    assert columns_of() == {}


def test_an_older_ledger_is_not_migrated_by_looking_at_it(older, columns_of):
    with pytest.raises(TellUserError, match="holdersync ledger upgrade"):
        open_existing(older)

    assert "read_by" not in columns_of()["customers"]


def test_an_older_ledger_is_upgraded_if_a_person_says_so(older, migrations, columns_of):
    upgrade(older, locks=locks_of(older), migrations=migrations)

    assert "read_by" in columns_of()["customers"]


@pytest.mark.on_a_file
def test_a_second_opening_migrates_nothing_and_copies_nothing(older, migrations, tmp_path):
    create_or_open(older, migrations=migrations).close()
    files = sorted(path.name for path in tmp_path.iterdir())

    create_or_open(older, migrations=migrations).close()

    assert sorted(path.name for path in tmp_path.iterdir()) == files


@pytest.fixture
def of_the_first_release(url):
    """The URL of a ledger as the first release made and filled it, and what was in it."""
    engine = make_engine(url)
    with engine.begin() as connection:
        migrate(connection, target="0001")
        for statement in FILLED:
            connection.execute(sa.text(statement), {"at": "2026-03-09T12:00:00Z"})
    engine.dispose()
    return url


FILLED = (
    (
        "INSERT INTO project (id, base_url, app_id, listing_whole, created_at)"
        " VALUES (1, 'https://api.example', 'app', TRUE, :at)"
    ),
    "INSERT INTO destinations (destination, after_number, adopted_at) VALUES ('crm-1', 0, :at)",
    (
        "INSERT INTO unassignments (number, holder_id, event_id, role, customer_id, voucher_id,"
        " code, assigned_at, unassigned_at, found_at, found_by)"
        " VALUES (7, 'rh_1', 'e1', 'REFEREE', 'cust_1', 'v_1', 'F-1', :at, :at, :at, 'run-1')"
    ),
    (
        "INSERT INTO deliveries (destination, holder_id, status, attempts, outcome, run_id)"
        " VALUES ('crm-1', 'rh_1', 'delivered', 0, 'removed', 'run-1')"
    ),
    (
        "INSERT INTO runs (run_id, kind, host, pid, destination, started_at)"
        " VALUES ('run-1', 'run', 'host-a', 1, 'crm-1', :at)"
    ),
    (
        "INSERT INTO customers (customer_id, cursor, asked_at, listed_at)"
        " VALUES ('cust_1', :at, :at, :at)"
    ),
    (
        "INSERT INTO dead_letters (key, kind, reason, found_at, found_by, status)"
        " VALUES ('event:e2', 'event', 'odd', :at, 'run-1', 'open')"
    ),
)


def all_rows(engine, columns=None):
    """All rows by table; those of the tables and `columns` that were there before, if given."""
    tables = sa.MetaData()
    tables.reflect(engine)
    columns = columns or {each.name: list(each.columns.keys()) for each in tables.sorted_tables}
    with engine.connect() as connection:
        return columns, {
            name: [
                tuple(row)
                for row in connection.execute(sa.select(*map(tables.tables[name].c.get, named)))
            ]
            for name, named in columns.items()
            if name != "alembic_version"
        }


def test_the_ledger_of_the_first_release_keeps_every_row_and_learns_to_keep_changes(
    of_the_first_release, rows
):
    engine = make_engine(of_the_first_release)
    columns, before = all_rows(engine)
    assert schema_of(engine) == (Schema.OLDER, "0001")

    upgrade(of_the_first_release, locks=locks_of(of_the_first_release))

    _, after = all_rows(engine, columns)
    engine.dispose()
    assert after == before
    assert len(before["unassignments"]) == len(before["deliveries"]) == 1
    with closing(open_existing(of_the_first_release)) as ledger:
        assert rows(ledger, changes) == []
        told = {row["voucher_id"] for row in rows(ledger, unassignments)}
        assert {row["voucher_id"] for row in rows(ledger, codes)} >= told != set()
        with ledger.read_only() as connection:
            context = MigrationContext.configure(connection, opts={"compare_type": True})
            assert compare_metadata(context, metadata) == []


@pytest.mark.on_a_file
def test_a_run_takes_the_file_of_the_first_release_along_and_keeps_a_copy(
    of_the_first_release, tmp_path
):
    with closing(create_or_open(of_the_first_release)) as ledger:
        assert schema_of(ledger.engine) == (Schema.CURRENT, HEAD)

    copy = tmp_path / "ledger.db.before-0003-was-0001"
    with closing(sqlite3.connect(copy)) as old:
        assert old.execute("SELECT holder_id FROM unassignments").fetchall() == [("rh_1",)]


@pytest.mark.on_a_server
def test_a_run_on_a_server_leaves_the_upgrade_to_a_person(of_the_first_release):
    with pytest.raises(TellUserError, match="run holdersync ledger upgrade") as told:
        create_or_open(of_the_first_release)

    assert told.value.exit_code == 78
