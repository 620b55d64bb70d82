"""Runs the migrations, as Alembic asks, on the caller's connection and in its transaction under the ledger's lock."""

from alembic import context

context.configure(connection=context.config.attributes["connection"], transactional_ddl=False)
context.run_migrations()
