"""Alembic runs this to migrate the connection that podium.db.schema hands over."""

from alembic import context

from podium.db import models

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=models.Base.metadata,
    render_as_batch=True,
    transaction_per_migration=False,
)
with context.begin_transaction():
    context.run_migrations()
