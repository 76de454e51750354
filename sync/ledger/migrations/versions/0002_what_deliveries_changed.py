"""What deliveries changed, for an undo."""

import sqlalchemy as sa
from alembic import op

from sync.database import UtcDateTime

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the table of changes; what was changed before it is not known."""
    op.create_table(
        "changes",
        sa.Column("number", sa.Integer(), autoincrement=True, nullable=False),
        sa.Column("destination", sa.Text(), nullable=False),
        sa.Column("run_id", sa.Text(), nullable=False),
        sa.Column("holder_id", sa.Text(), nullable=False),
        sa.Column("event_id", sa.Text(), nullable=False),
        sa.Column("record_id", sa.Text(), nullable=False),
        sa.Column("before", sa.Text(), nullable=False),
        sa.Column("after", sa.Text(), nullable=False),
        sa.Column("changed_at", UtcDateTime(), nullable=False),
        sa.Column("undone_at", UtcDateTime()),
        sa.Column("undo_result", sa.Text()),
        sa.PrimaryKeyConstraint("number"),
        comment="what deliveries changed in a CRM, for an undo; a person's data, kept 30 days",
    )
    op.create_index("ix_changes_run", "changes", ["run_id"])
    op.create_index("ix_changes_record", "changes", ["destination", "record_id"])
