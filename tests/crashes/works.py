"""The fixed list of works that a kill is put before or after, and the scene that reaches each.

A scene is what has to happen in the shop for the work to be done at all. `most` is how many times
a run of that scene passes the work for certain, so that any n up to it is reached.
"""

from dataclasses import dataclass

CUSTOMERS = 8
"""How many customers a shop has at least; each run asks each of them."""


@dataclass(frozen=True)
class Work:
    """One piece of work by its name in `points`."""

    name: str
    scene: str
    most: int = 1
    only: str | None = None

    @property
    def points(self):
        # Before a statement is the same place as after the one before it.
        sides = ("after",) if self.name.startswith("statement: ") else ("before", "after")
        return tuple(f"{side} {self.name}" for side in sides)


FIRST = (
    Work("ledger: made WAL", "first", only="sqlite"),
    Work("statement: schema", "first", 15),
    Work("statement: insert alembic_version", "first"),
    Work("statement: update alembic_version", "first"),
    Work("statement: insert _alembic_tmp_dead_letters", "first", only="sqlite"),
    Work("commit: create_or_open", "first"),
    Work("statement: insert project", "first"),
    Work("commit: Ledger.bind", "first"),
    Work("statement: insert destinations", "first"),
    Work("commit: admit", "first"),
    Work("commit: Ledger.set_horizon", "first"),
    Work("commit: RunProgress.select_listed", "first"),
    Work("commit: mark_seen", "first"),
    Work("commit: mend_due", "first"),
    Work("statement: update codes", "first"),
    Work("commit: mend_due_codes", "first"),
    Work("statement: update holders", "first"),
    Work("commit: mend_vanished", "first"),
)
"""In the order in which an empty ledger meets them: most can be reached once only."""

NEWS = (
    Work("lock: run", "news"),
    Work("lock: run given back", "news"),
    Work("lock: deliver", "news", 2),
    Work("lock: deliver given back", "news", 2),
    Work("statement: delete changes", "news"),
    Work("statement: insert runs", "news"),
    Work("commit: start_run", "news"),
    Work("statement: insert deliveries", "news", 2),
    Work("commit: Deliveries.enqueue", "news", 2),
    Work("statement: insert budget", "news", 2),
    Work("commit: Budget.reserve", "news"),
    Work("commit: Budget.close", "news"),
    Work("statement: delete inbox", "news"),
    Work("commit: take_inbox", "news"),
    Work("call: listing", "news"),
    Work("statement: insert customers", "news"),
    Work("statement: update project", "news", 2),
    Work("statement: insert planning", "news", 2),
    Work("commit: save_planned", "news", 2),
    Work("commit: RunProgress.select_hinted", "news"),
    Work("commit: RunProgress.select_next", "news"),
    Work("call: activity", "news", CUSTOMERS),
    Work("statement: insert assignments", "news", CUSTOMERS),
    Work("statement: insert codes", "news"),
    Work("statement: insert unassignments", "news", CUSTOMERS),
    Work("statement: insert dead_letters", "news"),
    Work("statement: delete bookmarks", "news", CUSTOMERS),
    Work("statement: update customers", "news", CUSTOMERS),
    Work("commit: RunProgress.window_read", "news", CUSTOMERS),
    Work("crm: told", "news"),
    Work("statement: update voucher_assignments", "news"),
    Work("statement: insert voucher_assignments", "news", CUSTOMERS),
    Work("commit: EmbeddedTable.unassign", "news"),
    Work("statement: insert changes", "news"),
    Work("statement: update deliveries", "news", CUSTOMERS),
    Work("statement: update unassignments", "news"),
    Work("commit: Deliveries.settle", "news"),
    Work("statement: update runs", "news"),
    Work("commit: finish_run", "news"),
)
BUSY = (Work("statement: insert bookmarks", "busy"), Work("commit: RunProgress.page_read", "busy"))
OTHERS = (
    Work("commit: RunProgress.gone", "gone"),
    Work("commit: RunProgress.restart", "refused"),
    Work("commit: RunProgress.failed", "failing"),
    Work("commit: RunProgress.select_doubted", "allowed"),
    Work("commit: RunProgress.select_named", "named"),
    Work("statement: insert hints", "named"),
    Work("statement: update dead_letters", "rejected"),
    Work("commit: revive_delivery", "rejected"),
    Work("commit: change_reason", "rejected"),
    Work("commit: accept_event", "rejected"),
    Work("commit: RunProgress.postpone", "doubted"),
)
BACKFILL = (
    Work("lock: backfill", "backfill"),
    Work("lock: backfill given back", "backfill"),
    Work("statement: insert backfills", "backfill"),
    Work("commit: begin", "backfill"),
    Work("statement: insert backfill_customers", "backfill"),
    Work("commit: BackfillProgress.select_listed", "backfill"),
    Work("commit: BackfillProgress.all_selected", "backfill"),
    Work("commit: BackfillProgress.page_read", "backfill", 2),
    Work("statement: update backfill_customers", "backfill", CUSTOMERS),
    Work("commit: BackfillProgress.window_read", "backfill", CUSTOMERS),
    Work("statement: update backfills", "backfill", 2),
    Work("commit: BackfillProgress.finish", "backfill"),
)
UNDO = (
    Work("commit: drop_old_now", "undone"),
    Work("crm: asked to restore", "undone"),
    Work("commit: write_rows", "undone"),
    Work("statement: update changes", "undone", 2),
    Work("commit: store_undone", "undone"),
)
WORKS = (*FIRST, *NEWS, *BUSY, *OTHERS, *BACKFILL, *UNDO)


def works_on(ledger_kind):
    """The works that a ledger of this kind has."""
    return tuple(work for work in WORKS if work.only in {None, ledger_kind})
