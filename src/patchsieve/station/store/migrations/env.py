"""What Alembic runs: the migrations, on the connection that the station hands over."""

from alembic import context

from patchsieve.station.store import tables

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=tables.LineRow.metadata,
    # SQLite cannot change tables; Alembic then makes a new one and moves the rows.
    render_as_batch=True,
)
with context.begin_transaction():
    context.run_migrations()
