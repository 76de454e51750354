"""Alembic's entry: runs on the connection that the ledger hands over, in its transaction."""

from alembic import context

from sync.ledger.tables import metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    render_as_batch=True,
)
context.run_migrations()
