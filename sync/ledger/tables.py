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
    false,
    text,
)

from sync.database import PlainText, UtcDateTime

metadata = MetaData()

project = Table(
    "project",
    metadata,
    Column("id", Integer, CheckConstraint("id = 1", name="one_project"), primary_key=True),
    Column("base_url", PlainText, nullable=False),
    Column("app_id", PlainText, nullable=False),
    Column("horizon", UtcDateTime),
    Column("listing_since", UtcDateTime),
    Column("listing_newest", UtcDateTime),
    Column("listing_reached", UtcDateTime),
    Column("listing_whole", Boolean, nullable=False),
    Column("codes_since", UtcDateTime),
    Column("codes_newest", UtcDateTime),
    Column("codes_reached", UtcDateTime),
    Column("codes_whole", Boolean, nullable=False, server_default=false()),
    Column("believed_since", UtcDateTime),
    Column("forget_key", PlainText),
    Column("created_at", UtcDateTime, nullable=False),
    comment="the one Voucherify project that this ledger belongs to",
)

customers = Table(
    "customers",
    metadata,
    Column("customer_id", PlainText, primary_key=True),
    Column("cursor", UtcDateTime),
    Column("asked_at", UtcDateTime),
    Column("listed_at", UtcDateTime),
    Column("hinted_at", UtcDateTime),
    Column("gone_at", UtcDateTime),
    Column("selected_by", PlainText),
    Column("read_by", PlainText),
    Column("believed_at", UtcDateTime),
    Column("held_at", UtcDateTime),
    Column("seen", Boolean, nullable=False, server_default=false()),
    Column("due_at", Float, nullable=False, server_default="0"),
    # Reads that failed in a row; said to be deleted together with too many others to be believed.
    Column("failures", Integer, nullable=False, server_default="0"),
    Column("doubted", Boolean, nullable=False, server_default=false()),
    Index("ix_customers_selection", "selected_by", "due_at", "customer_id"),
    Index("ix_customers_due", "seen", "due_at", "customer_id"),
    Index(
        "ix_customers_hinted",
        "hinted_at",
        sqlite_where=text("hinted_at IS NOT NULL"),
        postgresql_where=text("hinted_at IS NOT NULL"),
    ),
    comment="who is known, and up to when each one's activity was read",
)

codes = Table(
    "codes",
    metadata,
    Column("voucher_id", PlainText, primary_key=True),
    Column("code", PlainText),
    Column("campaign_id", PlainText),
    Column("listed_at", UtcDateTime),
    Column("hinted_at", UtcDateTime),
    Column("gone_at", UtcDateTime),
    Column("looked_at", UtcDateTime),
    Column("looked_by", PlainText),
    Column("walked_at", UtcDateTime),
    Column("total", Integer),
    Column("newest", PlainText),
    Column("cost", Float, nullable=False, server_default="1"),
    Column("watched", Float, nullable=False, server_default="0"),
    Column("vanished", Float, nullable=False, server_default="0"),
    Column("due_at", Float, nullable=False, server_default="0"),
    Column("failures", Integer, nullable=False, server_default="0"),
    Column("doubted", Boolean, nullable=False, server_default=false()),
    Index("ix_codes_due", "due_at", "voucher_id"),
    Index("ix_codes_campaign", "campaign_id"),
    Index(
        "ix_codes_hinted",
        "hinted_at",
        sqlite_where=text("hinted_at IS NOT NULL"),
        postgresql_where=text("hinted_at IS NOT NULL"),
    ),
    comment="referral codes whose holders are looked at, and what the planner knows of each; "
    "cost: calls per look, watched: holder-seconds, vanished: holders, both fading with time",
)

holders = Table(
    "holders",
    metadata,
    Column("holder_id", PlainText, primary_key=True),
    Column("voucher_id", PlainText),
    Column("customer_id", PlainText, nullable=False),
    Column("vanished_at", UtcDateTime),
    Column("missed_at", UtcDateTime),
    Index("ix_holders_voucher", "voucher_id"),
    Index("ix_holders_customer", "customer_id"),
    Index("ix_holders_vanished", "vanished_at"),
    comment="who was there at the last whole list, of a code or of a customer, and who was missing "
    "since when",
)

planning = Table(
    "planning",
    metadata,
    Column("id", Integer, CheckConstraint("id = 1", name="one_planning"), primary_key=True),
    Column("stretch", Float, nullable=False),
    Column("longest", Float, nullable=False),
    Column("sweep", Float, nullable=False),
    Column("part", Float, nullable=False),
    Column("priced_at", Float, nullable=False),
    Column("watched", Float, nullable=False),
    Column("vanished", Float, nullable=False),
    Column("shop_at", Float, nullable=False),
    Column("tokens", Float, nullable=False),
    Column("tokens_at", Float, nullable=False),
    comment="what a call is worth at the moment, and how many may be made now; times in seconds "
    "since 1970",
)

inbox = Table(
    "inbox",
    metadata,
    Column("number", Integer, primary_key=True, autoincrement=True),
    Column("key", PlainText, nullable=False, unique=True),
    Column("kind", PlainText, nullable=False),
    Column("customer_id", PlainText),
    Column("holder_id", PlainText),
    Column("voucher_id", PlainText),
    Column("campaign_id", PlainText),
    Column("at", UtcDateTime, nullable=False),
    Column("received_at", UtcDateTime, nullable=False),
    Column("taken_at", UtcDateTime),
    CheckConstraint("kind IN ('holder', 'customer', 'code', 'campaign')", name="inbox_kind"),
    Index("ix_inbox_taken", "taken_at"),
    sqlite_autoincrement=True,
    comment="hints that webhooks brought; taken up by the next run, kept for replays for a while",
)

receiver = Table(
    "receiver",
    metadata,
    Column("id", Integer, CheckConstraint("id = 1", name="one_receiver"), primary_key=True),
    Column("received", Integer, nullable=False),
    Column("last_at", UtcDateTime),
    Column("holder_first_at", UtcDateTime),
    Column("holder_last_at", UtcDateTime),
    comment="what the webhook receiver ever got: all, and those about holders",
)

probes = Table(
    "probes",
    metadata,
    Column("subject", PlainText, primary_key=True),
    Column("verdict", PlainText, nullable=False),
    Column("told", PlainText, nullable=False),
    Column("probed_at", UtcDateTime, nullable=False),
    CheckConstraint("verdict IN ('proven', 'disproven', 'open')", name="probe_verdict"),
    comment="what the live API was seen to do where its documentation is silent",
)

bookmarks = Table(
    "bookmarks",
    metadata,
    Column("reader", PlainText, primary_key=True),
    Column("customer_id", PlainText, primary_key=True),
    Column("window_start", UtcDateTime, nullable=False),
    Column("window_end", UtcDateTime),
    Column("after", PlainText, nullable=False),
    Column("server_time", UtcDateTime, nullable=False),
    Column("newest", UtcDateTime),
    comment="where a window that was cut short goes on; reader is 'run' or a backfill's id",
)

hints = Table(
    "hints",
    metadata,
    Column("holder_id", PlainText, primary_key=True),
    Column("customer_id", PlainText, nullable=False),
    Column("at", UtcDateTime, nullable=False),
    Index("ix_hints_customer", "customer_id"),
    comment="hints that were taken up, so that each is followed once",
)

forgotten = Table(
    "forgotten",
    metadata,
    Column("mark", PlainText, primary_key=True),
    Column("forgotten_at", UtcDateTime, nullable=False),
    comment="who is not to come back: a keyed hash of each one's id, and nothing else",
)

assignments = Table(
    "assignments",
    metadata,
    Column("holder_id", PlainText, primary_key=True),
    Column("customer_id", PlainText, nullable=False),
    Column("voucher_id", PlainText, nullable=False),
    Column("code", PlainText),
    Column("campaign_id", PlainText),
    Column("role", PlainText, nullable=False),
    Column("assigned_at", UtcDateTime, nullable=False),
    Index("ix_assignments_person_voucher", "customer_id", "voucher_id", "assigned_at"),
    comment="what is known of who holds what: the memory behind 'a newer one wins'",
)

unassignments = Table(
    "unassignments",
    metadata,
    Column("number", Integer, primary_key=True, autoincrement=True),
    Column("holder_id", PlainText, nullable=False, unique=True),
    Column("event_id", PlainText, nullable=False),
    Column("role", PlainText, nullable=False),
    Column("customer_id", PlainText, nullable=False),
    Column("source_id", PlainText),
    Column("email", PlainText),
    Column("voucher_id", PlainText, nullable=False),
    Column("code", PlainText, nullable=False),
    Column("campaign_id", PlainText),
    Column("campaign_name", PlainText),
    Column("assigned_at", UtcDateTime, nullable=False),
    Column("unassigned_at", UtcDateTime, nullable=False),
    Column("found_at", UtcDateTime, nullable=False),
    Column("found_by", PlainText, nullable=False),
    sqlite_autoincrement=True,
    comment="the facts; number rises in the order of finding and is never used twice",
)

destinations = Table(
    "destinations",
    metadata,
    Column("destination", PlainText, primary_key=True),
    Column("after_number", Integer, nullable=False),
    Column("since", UtcDateTime),
    Column("adopted_at", UtcDateTime, nullable=False),
    comment="who gets what: unassignments found after after_number, or dated from since on",
)

deliveries = Table(
    "deliveries",
    metadata,
    Column("destination", PlainText, ForeignKey("destinations.destination"), primary_key=True),
    Column("holder_id", PlainText, ForeignKey("unassignments.holder_id"), primary_key=True),
    Column("status", PlainText, nullable=False),
    Column("attempts", Integer, nullable=False, default=0),
    Column("outcome", PlainText),
    Column("reason", PlainText),
    Column("missing_since", UtcDateTime),
    Column("next_attempt_at", UtcDateTime),
    Column("finished_at", UtcDateTime),
    Column("run_id", PlainText),
    CheckConstraint("status IN ('pending', 'delivered', 'dead')", name="delivery_status"),
    Index("ix_deliveries_due", "destination", "status", "next_attempt_at"),
    comment="one row per destination and unassignment",
)

changes = Table(
    "changes",
    metadata,
    Column("number", Integer, primary_key=True, autoincrement=True),
    Column("destination", PlainText, nullable=False),
    Column("run_id", PlainText, nullable=False),
    Column("holder_id", PlainText, nullable=False),
    Column("event_id", PlainText, nullable=False),
    Column("record_id", PlainText, nullable=False),
    Column("before", PlainText, nullable=False),
    Column("after", PlainText, nullable=False),
    Column("changed_at", UtcDateTime, nullable=False),
    Column("undone_at", UtcDateTime),
    Column("undo_result", PlainText),
    Index("ix_changes_run", "run_id"),
    Index("ix_changes_record", "destination", "record_id"),
    comment="what deliveries changed in a CRM, for an undo; a person's data, kept 30 days",
)

dead_letters = Table(
    "dead_letters",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=True),
    Column("key", PlainText, nullable=False, unique=True),
    Column("kind", PlainText, nullable=False),
    Column("customer_id", PlainText),
    Column("holder_id", PlainText),
    Column("event_id", PlainText),
    Column("destination", PlainText),
    Column("reason", PlainText, nullable=False),
    Column("evidence", PlainText),
    Column("found_at", UtcDateTime, nullable=False),
    Column("found_by", PlainText, nullable=False),
    Column("status", PlainText, nullable=False),
    Column("closed_at", UtcDateTime),
    CheckConstraint(
        "kind IN ('event', 'customer', 'delivery', 'holder', 'code')", name="letter_kind"
    ),
    CheckConstraint("status IN ('open', 'retried', 'discarded')", name="letter_status"),
    sqlite_autoincrement=True,
    comment="what needs a person; never deleted",
)

runs = Table(
    "runs",
    metadata,
    Column("run_id", PlainText, primary_key=True),
    Column("kind", PlainText, nullable=False),
    Column("host", PlainText, nullable=False),
    Column("pid", Integer, nullable=False),
    Column("destination", PlainText, nullable=False),
    Column("started_at", UtcDateTime, nullable=False),
    Column("finished_at", UtcDateTime),
    Column("exit_code", Integer),
    Column("summary", PlainText),
    Index("ix_runs_started", "kind", "started_at"),
    comment="each run and backfill with its summary as JSON",
)

backfills = Table(
    "backfills",
    metadata,
    Column("backfill_id", PlainText, primary_key=True),
    Column("window_start", UtcDateTime, nullable=False),
    Column("window_end", UtcDateTime, nullable=False),
    Column("selection", PlainText, nullable=False),
    Column("listing_reached", UtcDateTime),
    Column("listed", Boolean, nullable=False),
    Column("started_at", UtcDateTime, nullable=False),
    Column("finished_at", UtcDateTime),
    comment="manual passes over a stated window",
)

backfill_customers = Table(
    "backfill_customers",
    metadata,
    Column("backfill_id", PlainText, ForeignKey("backfills.backfill_id"), primary_key=True),
    Column("customer_id", PlainText, primary_key=True),
    Column("done", Boolean, nullable=False),
    Column("hinted", Boolean, nullable=False),
    Column("failed", Boolean, nullable=False, server_default=false()),
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
    Column("paused_by", PlainText, nullable=False),
    comment="calls counted by ourselves, and when the next may be sent (seconds since 1970)",
)
