"""Run by Alembic with the connection that `escrow.migrations.run` hands in."""

from alembic import context

from escrow.db import Base

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=Base.metadata,
    render_as_batch=True,
    compare_type=True,
)
context.run_migrations()
