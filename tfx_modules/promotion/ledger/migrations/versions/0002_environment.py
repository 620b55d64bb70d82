"""Create the table of the environment's id, and make the id."""

import uuid

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Make the table and its one row."""
    made = op.create_table("environment", sa.Column("id", sa.String(36), primary_key=True))
    op.bulk_insert(made, [{"id": str(uuid.uuid4())}])
