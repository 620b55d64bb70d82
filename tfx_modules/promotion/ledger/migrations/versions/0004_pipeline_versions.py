"""Add the version of the pipeline that a verdict's run used to events; empty where it is not known."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    """Add the column. The default stays: code from before this migration, which a run may be pinned to, writes none."""
    op.add_column("events", sa.Column("pipeline_version", sa.String(64), nullable=False, server_default=""))
