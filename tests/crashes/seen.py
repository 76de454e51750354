"""What the two databases of a shop hold at one moment, as values."""

from collections import Counter
from dataclasses import dataclass, field

from sqlalchemy import Column, MetaData, Table, Text, inspect, select, text

from sync.crm.sql.believed import COLUMNS, Believed
from sync.crm.sql.table import metadata as crm_metadata
from sync.crm.sql.table import voucher_assignments
from sync.ledger import tables

REMOVED = "removed"

EFFECTS = Table("effects", MetaData(), Column("holder_id", Text, nullable=False))
"""Each change that a row of the CRM ever saw; written by triggers, so no kill comes between."""

TRIGGERS = {
    "sqlite": """
        CREATE TRIGGER on_update AFTER UPDATE ON voucher_assignments
        BEGIN INSERT INTO effects VALUES (NEW.holder_id); END
        ;;
        CREATE TRIGGER on_insert AFTER INSERT ON voucher_assignments WHEN NEW.status <> 'assigned'
        BEGIN INSERT INTO effects VALUES (NEW.holder_id); END
    """,
    "postgresql": """
        CREATE FUNCTION keep() RETURNS trigger LANGUAGE plpgsql AS
        'BEGIN INSERT INTO effects VALUES (NEW.holder_id); RETURN NULL; END'
        ;;
        CREATE TRIGGER on_update AFTER UPDATE ON voucher_assignments
        FOR EACH ROW EXECUTE FUNCTION keep()
        ;;
        CREATE TRIGGER on_insert AFTER INSERT ON voucher_assignments
        FOR EACH ROW WHEN (NEW.status <> 'assigned') EXECUTE FUNCTION keep()
    """,
}


@dataclass(frozen=True)
class Seen:
    """One moment; the ledger's part is empty before there is a ledger."""

    rows: dict
    effects: Counter
    corrupt: list
    horizon: object = None
    customers: dict = field(default_factory=dict)
    bookmarks: list = field(default_factory=list)
    held: dict = field(default_factory=dict)
    facts: dict = field(default_factory=dict)
    deliveries: dict = field(default_factory=dict)
    removed: dict = field(default_factory=dict)
    changes: list = field(default_factory=list)
    letters: list = field(default_factory=list)
    used: int = 0
    unfinished: int = 0


def make_crm(database, rows):
    """Make the CRM with what it believes today, and with triggers that keep each change."""
    crm_metadata.create_all(database.live)
    EFFECTS.metadata.create_all(database.live)
    with database.live.begin() as connection:
        for statement in TRIGGERS[database.kind].split(";;"):
            connection.execute(text(statement))
    put_in(database, rows)


def put_in(database, rows):
    """Let the CRM believe in more assignments."""
    values = [{name: getattr(row, name) for name in Believed.__slots__} for row in rows]
    with database.live.begin() as connection:
        if values:
            connection.execute(voucher_assignments.insert(), values)


def look(ledger, crm):
    """Read both databases."""
    with crm.seen() as engine, engine.connect() as connection:
        rows = {row.holder_id: Believed(*row) for row in connection.execute(select(*COLUMNS))}
        effects = Counter(connection.execute(select(EFFECTS.c.holder_id)).scalars())
        corrupt = crm.integrity(connection)
    with ledger.seen() as engine, engine.connect() as connection:
        corrupt += ledger.integrity(connection)
        if not inspect(connection).has_table("project"):
            return Seen(rows, effects, corrupt)
        return _with_ledger(connection, rows, effects, corrupt)


def _with_ledger(connection, rows, effects, corrupt):
    def all_of(table):
        return connection.execute(select(table)).all()

    facts = {row.holder_id: row for row in all_of(tables.unassignments)}
    known = all_of(tables.assignments)
    told = all_of(tables.deliveries)
    return Seen(
        rows,
        effects,
        corrupt,
        horizon=connection.execute(select(tables.project.c.horizon)).scalar(),
        customers={row.customer_id: row for row in all_of(tables.customers)},
        bookmarks=all_of(tables.bookmarks),
        held={row.holder_id: row for row in known if row.holder_id not in facts},
        facts=facts,
        deliveries={row.holder_id: row.status for row in told},
        removed={row.holder_id: row.run_id for row in told if row.outcome == REMOVED},
        changes=all_of(tables.changes),
        letters=all_of(tables.dead_letters),
        used=connection.execute(select(tables.budget.c.used)).scalar() or 0,
        unfinished=sum(row.finished_at is None for row in all_of(tables.runs)),
    )
