"""Whom to ask and when, the holders of codes, what webhooks told, and what was proven."""

from typing import Any

import sqlalchemy as sa
from alembic import op

from sync.database import UtcDateTime

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

NAME_CODES = """INSERT INTO codes (voucher_id, code, campaign_id)
SELECT voucher_id, max(code), max(campaign_id) FROM {told}
WHERE role = 'REFEREE' AND voucher_id NOT IN (SELECT voucher_id FROM codes)
GROUP BY voucher_id"""
"""What events told of codes until now."""


def upgrade() -> None:
    """Add what the planner needs; whoever is known is due at once."""
    _plan_customers()
    _place_listings()
    _make_codes()
    _make_holders()
    _make_planning()
    _make_inbox()
    _make_receiver()
    _make_probes()
    _widen_letters()


def _plan_customers() -> None:
    added: tuple[sa.Column[Any], ...] = (
        sa.Column("believed_at", UtcDateTime()),
        sa.Column("held_at", UtcDateTime()),
        sa.Column("seen", sa.Boolean(), server_default=sa.false(), nullable=False),
        sa.Column("due_at", sa.Float(), server_default="0", nullable=False),
        sa.Column("failures", sa.Integer(), server_default="0", nullable=False),
        sa.Column("doubted", sa.Boolean(), server_default=sa.false(), nullable=False),
    )
    for column in added:
        op.add_column("customers", column)
    op.add_column(
        "backfill_customers",
        sa.Column("failed", sa.Boolean(), server_default=sa.false(), nullable=False),
    )
    op.create_index("ix_hints_customer", "hints", ["customer_id"])
    op.drop_index("ix_customers_selection", "customers")
    op.create_index("ix_customers_selection", "customers", ["selected_by", "due_at", "customer_id"])
    op.create_index("ix_customers_due", "customers", ["seen", "due_at", "customer_id"])
    _index_hinted("customers")


def _place_listings() -> None:
    for name in ("codes_since", "codes_newest", "codes_reached", "believed_since"):
        op.add_column("project", sa.Column(name, UtcDateTime()))
    op.add_column(
        "project",
        sa.Column("codes_whole", sa.Boolean(), server_default=sa.false(), nullable=False),
    )


def _index_hinted(table: str) -> None:
    """Index the few that are hinted at; an index of all would be taken for those that are not."""
    only = sa.text("hinted_at IS NOT NULL")
    op.create_index(
        f"ix_{table}_hinted", table, ["hinted_at"], sqlite_where=only, postgresql_where=only
    )


def _make_codes() -> None:
    op.create_table(
        "codes",
        sa.Column("voucher_id", sa.Text(), nullable=False),
        sa.Column("code", sa.Text()),
        sa.Column("campaign_id", sa.Text()),
        sa.Column("listed_at", UtcDateTime()),
        sa.Column("hinted_at", UtcDateTime()),
        sa.Column("gone_at", UtcDateTime()),
        sa.Column("looked_at", UtcDateTime()),
        sa.Column("looked_by", sa.Text()),
        sa.Column("walked_at", UtcDateTime()),
        sa.Column("total", sa.Integer()),
        sa.Column("newest", sa.Text()),
        sa.Column("cost", sa.Float(), server_default="1", nullable=False),
        sa.Column("watched", sa.Float(), server_default="0", nullable=False),
        sa.Column("vanished", sa.Float(), server_default="0", nullable=False),
        sa.Column("due_at", sa.Float(), server_default="0", nullable=False),
        sa.Column("failures", sa.Integer(), server_default="0", nullable=False),
        sa.Column("doubted", sa.Boolean(), server_default=sa.false(), nullable=False),
        sa.PrimaryKeyConstraint("voucher_id"),
        comment="referral codes whose holders are looked at, and what the planner knows of each; "
        "cost: calls per look, watched: holder-seconds, vanished: holders, both fading with time",
    )
    op.create_index("ix_codes_due", "codes", ["due_at", "voucher_id"])
    op.create_index("ix_codes_campaign", "codes", ["campaign_id"])
    _index_hinted("codes")
    for told in ("assignments", "unassignments"):
        op.execute(NAME_CODES.format(told=told))


def _make_holders() -> None:
    op.create_table(
        "holders",
        sa.Column("holder_id", sa.Text(), nullable=False),
        sa.Column("voucher_id", sa.Text()),
        sa.Column("customer_id", sa.Text(), nullable=False),
        sa.Column("vanished_at", UtcDateTime()),
        sa.Column("missed_at", UtcDateTime()),
        sa.PrimaryKeyConstraint("holder_id"),
        comment="who was there at the last whole list, of a code or of a customer, and who was "
        "missing since when",
    )
    op.create_index("ix_holders_voucher", "holders", ["voucher_id"])
    op.create_index("ix_holders_customer", "holders", ["customer_id"])
    op.create_index("ix_holders_vanished", "holders", ["vanished_at"])


def _make_planning() -> None:
    op.create_table(
        "planning",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("stretch", sa.Float(), nullable=False),
        sa.Column("longest", sa.Float(), nullable=False),
        sa.Column("sweep", sa.Float(), nullable=False),
        sa.Column("part", sa.Float(), nullable=False),
        sa.Column("priced_at", sa.Float(), nullable=False),
        sa.Column("watched", sa.Float(), nullable=False),
        sa.Column("vanished", sa.Float(), nullable=False),
        sa.Column("shop_at", sa.Float(), nullable=False),
        sa.Column("tokens", sa.Float(), nullable=False),
        sa.Column("tokens_at", sa.Float(), nullable=False),
        sa.CheckConstraint("id = 1", name="one_planning"),
        sa.PrimaryKeyConstraint("id"),
        comment="what a call is worth at the moment, and how many may be made now; times in "
        "seconds since 1970",
    )


def _make_inbox() -> None:
    op.create_table(
        "inbox",
        sa.Column("number", sa.Integer(), autoincrement=True, nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("customer_id", sa.Text()),
        sa.Column("holder_id", sa.Text()),
        sa.Column("voucher_id", sa.Text()),
        sa.Column("campaign_id", sa.Text()),
        sa.Column("at", UtcDateTime(), nullable=False),
        sa.Column("received_at", UtcDateTime(), nullable=False),
        sa.Column("taken_at", UtcDateTime()),
        sa.CheckConstraint("kind IN ('holder', 'customer', 'code', 'campaign')", name="inbox_kind"),
        sa.PrimaryKeyConstraint("number"),
        sa.UniqueConstraint("key"),
        comment="hints that webhooks brought; taken up by the next run, kept for replays for a "
        "while",
        sqlite_autoincrement=True,
    )
    op.create_index("ix_inbox_taken", "inbox", ["taken_at"])


def _make_receiver() -> None:
    op.create_table(
        "receiver",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("received", sa.Integer(), nullable=False),
        sa.Column("last_at", UtcDateTime()),
        sa.Column("holder_first_at", UtcDateTime()),
        sa.Column("holder_last_at", UtcDateTime()),
        sa.CheckConstraint("id = 1", name="one_receiver"),
        sa.PrimaryKeyConstraint("id"),
        comment="what the webhook receiver ever got: all, and those about holders",
    )


def _make_probes() -> None:
    op.create_table(
        "probes",
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("verdict", sa.Text(), nullable=False),
        sa.Column("told", sa.Text(), nullable=False),
        sa.Column("probed_at", UtcDateTime(), nullable=False),
        sa.CheckConstraint("verdict IN ('proven', 'disproven', 'open')", name="probe_verdict"),
        sa.PrimaryKeyConstraint("subject"),
        comment="what the live API was seen to do where its documentation is silent",
    )


def _widen_letters() -> None:
    """Let letters be about a holder or a code too; SQLite has to write the table anew for that."""
    with op.batch_alter_table(
        "dead_letters", table_kwargs={"sqlite_autoincrement": True}
    ) as letters:
        letters.drop_constraint("letter_kind", type_="check")
        letters.create_check_constraint(
            "letter_kind", "kind IN ('event', 'customer', 'delivery', 'holder', 'code')"
        )
