"""Create the table of people's consents to promotions."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"

_SQLITE = """
CREATE TRIGGER approvals_stay_{what} BEFORE {what} ON approvals
BEGIN SELECT RAISE(ABORT, 'approvals are never changed'); END
"""
_POSTGRESQL = (
    """
CREATE FUNCTION approvals_stay() RETURNS trigger LANGUAGE plpgsql AS
$$ BEGIN RAISE EXCEPTION 'approvals are never changed'; END $$
""",
    """
CREATE TRIGGER approvals_stay BEFORE UPDATE OR DELETE OR TRUNCATE ON approvals
FOR EACH STATEMENT EXECUTE FUNCTION approvals_stay()
""",
)


def upgrade() -> None:
    """Make the table: one consent to a model of a run, which the database keeps from being changed."""
    op.create_table(
        "approvals",
        sa.Column("pipeline", sa.String(64), primary_key=True),
        sa.Column("dag_id", sa.String(250), primary_key=True),
        sa.Column("run_id", sa.String(250), primary_key=True),
        sa.Column("model_digest", sa.String(64), primary_key=True),
        sa.Column("data_date", sa.Date, nullable=False),
        sa.Column("first_day", sa.Date, nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("actor", sa.Text, nullable=False),
        sa.Column("comment", sa.Text, nullable=False),
        sa.Column("champion", sa.BigInteger),
        sa.Column("reason", sa.Text, nullable=False),
        sa.Column("metrics", sa.JSON, nullable=False),
    )
    if op.get_bind().dialect.name == "postgresql":
        for statement in _POSTGRESQL:
            op.execute(statement)
    else:
        for what in ("UPDATE", "DELETE"):
            op.execute(_SQLITE.format(what=what))
