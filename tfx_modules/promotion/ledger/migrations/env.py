"""Alembic runs this; the connection, in a transaction under the ledger's lock, is the caller's."""

from alembic import context

context.configure(connection=context.config.attributes["connection"], transactional_ddl=False)
context.run_migrations()
