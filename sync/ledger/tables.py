"""The tables; the migrations make them, and a test holds the two together."""

from sqlalchemy import (
    Boolean,
    CheckConstraint,
    Column,
    Date,
    Float,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    Table,
    Text,
)

from sync.database import UtcDateTime

metadata = MetaData()

project = Table(
    "project",
    metadata,
    Column("id", Integer, CheckConstraint("id = 1", name="one_project"), primary_key=True),
    Column("base_url", Text, nullable=False),
    Column("app_id", Text, nullable=False),
    Column("horizon", UtcDateTime),
    Column("listing_since", UtcDateTime),
    Column("listing_reached", UtcDateTime),
    Column("listing_whole", Boolean, nullable=False),
    Column("created_at", UtcDateTime, nullable=False),
    comment="the one Voucherify project that this ledger belongs to",
)

customers = Table(
    "customers",
    metadata,
    Column("customer_id", Text, primary_key=True),
    Column("cursor", UtcDateTime),
    Column("asked_at", UtcDateTime),
    Column("listed_at", UtcDateTime),
    Column("hinted_at", UtcDateTime),
    Column("gone_at", UtcDateTime),
    Column("selected_by", Text),
    Index("ix_customers_selection", "selected_by", "asked_at", "customer_id"),
    comment="who is known, and up to when each one's activity was read",
)

bookmarks = Table(
    "bookmarks",
    metadata,
    Column("reader", Text, primary_key=True),
    Column("customer_id", Text, primary_key=True),
    Column("window_start", UtcDateTime, nullable=False),
    Column("window_end", UtcDateTime),
    Column("after", Text, nullable=False),
    Column("server_time", UtcDateTime, nullable=False),
    Column("newest", UtcDateTime),
    comment="where a window that was cut short goes on; reader is 'run' or a backfill's id",
)

assignments = Table(
    "assignments",
    metadata,
    Column("holder_id", Text, primary_key=True),
    Column("customer_id", Text, nullable=False),
    Column("voucher_id", Text, nullable=False),
    Column("code", Text),
    Column("campaign_id", Text),
    Column("role", Text, nullable=False),
    Column("assigned_at", UtcDateTime, nullable=False),
    Index("ix_assignments_person_voucher", "customer_id", "voucher_id", "assigned_at"),
    comment="what is known of who holds what: the memory behind 'a newer one wins'",
)

unassignments = Table(
    "unassignments",
    metadata,
    Column("number", Integer, primary_key=True, autoincrement=True),
    Column("holder_id", Text, nullable=False, unique=True),
    Column("event_id", Text, nullable=False),
    Column("role", Text, nullable=False),
    Column("customer_id", Text, nullable=False),
    Column("source_id", Text),
    Column("email", Text),
    Column("voucher_id", Text, nullable=False),
    Column("code", Text, nullable=False),
    Column("campaign_id", Text),
    Column("campaign_name", Text),
    Column("assigned_at", UtcDateTime, nullable=False),
    Column("unassigned_at", UtcDateTime, nullable=False),
    Column("found_at", UtcDateTime, nullable=False),
    Column("found_by", Text, nullable=False),
    sqlite_autoincrement=True,
    comment="the facts; number rises in the order of finding and is never used twice",
)

destinations = Table(
    "destinations",
    metadata,
    Column("destination", Text, primary_key=True),
    Column("after_number", Integer, nullable=False),
    Column("since", UtcDateTime),
    Column("adopted_at", UtcDateTime, nullable=False),
    comment="who gets what: unassignments found after after_number, or dated from since on",
)

deliveries = Table(
    "deliveries",
    metadata,
    Column("destination", Text, ForeignKey("destinations.destination"), primary_key=True),
    Column("holder_id", Text, ForeignKey("unassignments.holder_id"), primary_key=True),
    Column("status", Text, nullable=False),
    Column("attempts", Integer, nullable=False, default=0),
    Column("outcome", Text),
    Column("reason", Text),
    Column("missing_since", UtcDateTime),
    Column("next_attempt_at", UtcDateTime),
    Column("finished_at", UtcDateTime),
    Column("run_id", Text),
    CheckConstraint("status IN ('pending', 'delivered', 'dead')", name="delivery_status"),
    Index("ix_deliveries_due", "destination", "status", "next_attempt_at"),
    comment="one row per destination and unassignment",
)

dead_letters = Table(
    "dead_letters",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=True),
    Column("key", Text, nullable=False, unique=True),
    Column("kind", Text, nullable=False),
    Column("customer_id", Text),
    Column("holder_id", Text),
    Column("event_id", Text),
    Column("destination", Text),
    Column("reason", Text, nullable=False),
    Column("evidence", Text),
    Column("found_at", UtcDateTime, nullable=False),
    Column("found_by", Text, nullable=False),
    Column("status", Text, nullable=False),
    Column("closed_at", UtcDateTime),
    CheckConstraint("kind IN ('event', 'customer', 'delivery')", name="letter_kind"),
    CheckConstraint("status IN ('open', 'retried', 'discarded')", name="letter_status"),
    sqlite_autoincrement=True,
    comment="what needs a person; never deleted",
)

runs = Table(
    "runs",
    metadata,
    Column("run_id", Text, primary_key=True),
    Column("kind", Text, nullable=False),
    Column("host", Text, nullable=False),
    Column("pid", Integer, nullable=False),
    Column("destination", Text, nullable=False),
    Column("started_at", UtcDateTime, nullable=False),
    Column("finished_at", UtcDateTime),
    Column("exit_code", Integer),
    Column("summary", Text),
    Index("ix_runs_started", "kind", "started_at"),
    comment="each run and backfill with its summary as JSON",
)

backfills = Table(
    "backfills",
    metadata,
    Column("backfill_id", Text, primary_key=True),
    Column("window_start", UtcDateTime, nullable=False),
    Column("window_end", UtcDateTime, nullable=False),
    Column("selection", Text, nullable=False),
    Column("listed", Boolean, nullable=False),
    Column("started_at", UtcDateTime, nullable=False),
    Column("finished_at", UtcDateTime),
    comment="manual passes over a stated window",
)

backfill_customers = Table(
    "backfill_customers",
    metadata,
    Column("backfill_id", Text, ForeignKey("backfills.backfill_id"), primary_key=True),
    Column("customer_id", Text, primary_key=True),
    Column("done", Boolean, nullable=False),
    Column("hinted", Boolean, nullable=False),
    comment="how far each backfill got with each customer; cursors are not touched",
)

budget = Table(
    "budget",
    metadata,
    Column("id", Integer, CheckConstraint("id = 1", name="one_budget"), primary_key=True),
    Column("cycle_start", Date, nullable=False),
    Column("used", Integer, nullable=False),
    Column("day", Date, nullable=False),
    Column("used_before_day", Integer, nullable=False),
    Column("cycle_refused_at", UtcDateTime),
    Column("next_slot", Float, nullable=False),
    Column("paused_until", Float, nullable=False),
    Column("paused_by", Text, nullable=False),
    comment="calls counted by ourselves, and when the next may be sent (seconds since 1970)",
)
