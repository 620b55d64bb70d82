"""Add the pipeline's name to events: a ledger then has the histories of several pipelines, each of them apart."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"

_INDEX = "one_promotion_a_version"
_PROMOTED = sa.text("kind = 'promoted'")
_ONLY_NAME = "bert_sentiment"
"""Before, the folder of the served models had this name whatever the settings said, and a ledger had one history."""


def upgrade() -> None:
    """Add the column, and let each pipeline promote a version once.

    The default stays: code from before this migration, which a run may be pinned to, writes no name.
    """
    op.add_column("events", sa.Column("pipeline", sa.String(64), nullable=False, server_default=_ONLY_NAME))
    op.drop_index(_INDEX, table_name="events")
    op.create_index(
        _INDEX,
        "events",
        ["pipeline", "version"],
        unique=True,
        sqlite_where=_PROMOTED,
        postgresql_where=_PROMOTED,
    )
