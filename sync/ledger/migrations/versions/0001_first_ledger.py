"""The first ledger."""

import sqlalchemy as sa
from alembic import op

from sync.database import UtcDateTime

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make all tables."""
    op.create_table(
        "assignments",
        sa.Column("holder_id", sa.Text(), nullable=False),
        sa.Column("customer_id", sa.Text(), nullable=False),
        sa.Column("voucher_id", sa.Text(), nullable=False),
        sa.Column("code", sa.Text()),
        sa.Column("campaign_id", sa.Text()),
        sa.Column("role", sa.Text(), nullable=False),
        sa.Column("assigned_at", UtcDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("holder_id"),
        comment="what is known of who holds what: the memory behind 'a newer one wins'",
    )
    op.create_index(
        "ix_assignments_person_voucher", "assignments", ["customer_id", "voucher_id", "assigned_at"]
    )
    op.create_table(
        "backfills",
        sa.Column("backfill_id", sa.Text(), nullable=False),
        sa.Column("window_start", UtcDateTime(), nullable=False),
        sa.Column("window_end", UtcDateTime(), nullable=False),
        sa.Column("selection", sa.Text(), nullable=False),
        sa.Column("listing_reached", UtcDateTime()),
        sa.Column("listed", sa.Boolean(), nullable=False),
        sa.Column("started_at", UtcDateTime(), nullable=False),
        sa.Column("finished_at", UtcDateTime()),
        sa.PrimaryKeyConstraint("backfill_id"),
        comment="manual passes over a stated window",
    )
    op.create_table(
        "bookmarks",
        sa.Column("reader", sa.Text(), nullable=False),
        sa.Column("customer_id", sa.Text(), nullable=False),
        sa.Column("window_start", UtcDateTime(), nullable=False),
        sa.Column("window_end", UtcDateTime()),
        sa.Column("after", sa.Text(), nullable=False),
        sa.Column("server_time", UtcDateTime(), nullable=False),
        sa.Column("newest", UtcDateTime()),
        sa.PrimaryKeyConstraint("reader", "customer_id"),
        comment="where a window that was cut short goes on; reader is 'run' or a backfill's id",
    )
    op.create_table(
        "budget",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("cycle_start", sa.Date(), nullable=False),
        sa.Column("used", sa.Integer(), nullable=False),
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("used_before_day", sa.Integer(), nullable=False),
        sa.Column("cycle_refused_at", UtcDateTime()),
        sa.Column("next_slot", sa.Float(), nullable=False),
        sa.Column("paused_until", sa.Float(), nullable=False),
        sa.Column("paused_by", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
        comment="calls counted by ourselves, and when the next may be sent (seconds since 1970)",
    )
    op.create_table(
        "customers",
        sa.Column("customer_id", sa.Text(), nullable=False),
        sa.Column("cursor", UtcDateTime()),
        sa.Column("asked_at", UtcDateTime()),
        sa.Column("listed_at", UtcDateTime()),
        sa.Column("hinted_at", UtcDateTime()),
        sa.Column("gone_at", UtcDateTime()),
        sa.Column("selected_by", sa.Text()),
        sa.Column("read_by", sa.Text()),
        sa.PrimaryKeyConstraint("customer_id"),
        comment="who is known, and up to when each one's activity was read",
    )
    op.create_index(
        "ix_customers_selection", "customers", ["selected_by", "asked_at", "customer_id"]
    )
    op.create_table(
        "dead_letters",
        sa.Column("id", sa.Integer(), autoincrement=True, nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("customer_id", sa.Text()),
        sa.Column("holder_id", sa.Text()),
        sa.Column("event_id", sa.Text()),
        sa.Column("destination", sa.Text()),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("evidence", sa.Text()),
        sa.Column("found_at", UtcDateTime(), nullable=False),
        sa.Column("found_by", sa.Text(), nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("closed_at", UtcDateTime()),
        sa.CheckConstraint("kind IN ('event', 'customer', 'delivery')", name="letter_kind"),
        sa.CheckConstraint("status IN ('open', 'retried', 'discarded')", name="letter_status"),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("key"),
        comment="what needs a person; never deleted",
        sqlite_autoincrement=True,
    )
    op.create_table(
        "destinations",
        sa.Column("destination", sa.Text(), nullable=False),
        sa.Column("after_number", sa.Integer(), nullable=False),
        sa.Column("since", UtcDateTime()),
        sa.Column("adopted_at", UtcDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("destination"),
        comment="who gets what: unassignments found after after_number, or dated from since on",
    )
    op.create_table(
        "forgotten",
        sa.Column("mark", sa.Text(), nullable=False),
        sa.Column("forgotten_at", UtcDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("mark"),
        comment="who is not to come back: a keyed hash of each one's id, and nothing else",
    )
    op.create_table(
        "hints",
        sa.Column("holder_id", sa.Text(), nullable=False),
        sa.Column("customer_id", sa.Text(), nullable=False),
        sa.Column("at", UtcDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("holder_id"),
        comment="hints that were taken up, so that each is followed once",
    )
    op.create_table(
        "project",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("base_url", sa.Text(), nullable=False),
        sa.Column("app_id", sa.Text(), nullable=False),
        sa.Column("horizon", UtcDateTime()),
        sa.Column("listing_since", UtcDateTime()),
        sa.Column("listing_newest", UtcDateTime()),
        sa.Column("listing_reached", UtcDateTime()),
        sa.Column("listing_whole", sa.Boolean(), nullable=False),
        sa.Column("forget_key", sa.Text()),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
        comment="the one Voucherify project that this ledger belongs to",
    )
    op.create_table(
        "runs",
        sa.Column("run_id", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("host", sa.Text(), nullable=False),
        sa.Column("pid", sa.Integer(), nullable=False),
        sa.Column("destination", sa.Text(), nullable=False),
        sa.Column("started_at", UtcDateTime(), nullable=False),
        sa.Column("finished_at", UtcDateTime()),
        sa.Column("exit_code", sa.Integer()),
        sa.Column("summary", sa.Text()),
        sa.PrimaryKeyConstraint("run_id"),
        comment="each run and backfill with its summary as JSON",
    )
    op.create_index("ix_runs_started", "runs", ["kind", "started_at"])
    op.create_table(
        "unassignments",
        sa.Column("number", sa.Integer(), autoincrement=True, nullable=False),
        sa.Column("holder_id", sa.Text(), nullable=False),
        sa.Column("event_id", sa.Text(), nullable=False),
        sa.Column("role", sa.Text(), nullable=False),
        sa.Column("customer_id", sa.Text(), nullable=False),
        sa.Column("source_id", sa.Text()),
        sa.Column("email", sa.Text()),
        sa.Column("voucher_id", sa.Text(), nullable=False),
        sa.Column("code", sa.Text(), nullable=False),
        sa.Column("campaign_id", sa.Text()),
        sa.Column("campaign_name", sa.Text()),
        sa.Column("assigned_at", UtcDateTime(), nullable=False),
        sa.Column("unassigned_at", UtcDateTime(), nullable=False),
        sa.Column("found_at", UtcDateTime(), nullable=False),
        sa.Column("found_by", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("number"),
        sa.UniqueConstraint("holder_id"),
        comment="the facts; number rises in the order of finding and is never used twice",
        sqlite_autoincrement=True,
    )
    op.create_table(
        "backfill_customers",
        sa.Column("backfill_id", sa.Text(), nullable=False),
        sa.Column("customer_id", sa.Text(), nullable=False),
        sa.Column("done", sa.Boolean(), nullable=False),
        sa.Column("hinted", sa.Boolean(), nullable=False),
        sa.ForeignKeyConstraint(
            ["backfill_id"],
            ["backfills.backfill_id"],
        ),
        sa.PrimaryKeyConstraint("backfill_id", "customer_id"),
        comment="how far each backfill got with each customer; cursors are not touched",
    )
    op.create_table(
        "deliveries",
        sa.Column("destination", sa.Text(), nullable=False),
        sa.Column("holder_id", sa.Text(), nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("outcome", sa.Text()),
        sa.Column("reason", sa.Text()),
        sa.Column("missing_since", UtcDateTime()),
        sa.Column("next_attempt_at", UtcDateTime()),
        sa.Column("finished_at", UtcDateTime()),
        sa.Column("run_id", sa.Text()),
        sa.CheckConstraint("status IN ('pending', 'delivered', 'dead')", name="delivery_status"),
        sa.ForeignKeyConstraint(
            ["destination"],
            ["destinations.destination"],
        ),
        sa.ForeignKeyConstraint(
            ["holder_id"],
            ["unassignments.holder_id"],
        ),
        sa.PrimaryKeyConstraint("destination", "holder_id"),
        comment="one row per destination and unassignment",
    )
    op.create_index("ix_deliveries_due", "deliveries", ["destination", "status", "next_attempt_at"])
