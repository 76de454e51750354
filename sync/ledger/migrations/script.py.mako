"""${message}."""

import sqlalchemy as sa
from alembic import op

from sync.database import UtcDateTime

revision = ${repr(up_revision)}
down_revision = ${repr(down_revision)}
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Take a ledger of the release before to this one."""
    ${upgrades if upgrades else ""}
