"""Create the tables of events and deliveries."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None

_SQLITE = """
CREATE TRIGGER events_stay_{what} BEFORE {what} ON events
BEGIN SELECT RAISE(ABORT, 'events are never changed'); END
"""
_POSTGRESQL = (
    """
CREATE FUNCTION events_stay() RETURNS trigger LANGUAGE plpgsql AS
$$ BEGIN RAISE EXCEPTION 'events are never changed'; END $$
""",
    """
CREATE TRIGGER events_stay BEFORE UPDATE OR DELETE OR TRUNCATE ON events
FOR EACH STATEMENT EXECUTE FUNCTION events_stay()
""",
)


def upgrade() -> None:
    """Make the tables, and have the database keep events from being changed."""
    op.create_table(
        "events",
        sa.Column("position", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("kind", sa.String(20), nullable=False),
        sa.Column("reason", sa.Text, nullable=False),
        sa.Column("actor", sa.Text, nullable=False),
        sa.Column("dag_id", sa.String(250)),
        sa.Column("run_id", sa.String(250)),
        sa.Column("data_date", sa.Date),
        sa.Column("first_day", sa.Date),
        sa.Column("version", sa.BigInteger),
        sa.Column("model_uri", sa.Text, nullable=False),
        sa.Column("model_digest", sa.String(64), nullable=False),
        sa.Column("champion", sa.BigInteger),
        sa.Column("metrics", sa.JSON, nullable=False),
        sa.Column("final", sa.Boolean, nullable=False),
    )
    # One verdict a run, and one promotion a version, enforced by the database.
    _unique_where("final", "one_verdict_a_run", ["dag_id", "run_id"])
    _unique_where("kind = 'promoted'", "one_promotion_a_version", ["version"])
    op.create_table(
        "deliveries",
        sa.Column("position", sa.BigInteger, sa.ForeignKey("events.position"), primary_key=True),
        sa.Column("channel", sa.String(250), primary_key=True),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
    )
    if op.get_bind().dialect.name == "postgresql":
        for statement in _POSTGRESQL:
            op.execute(statement)
    else:
        for what in ("UPDATE", "DELETE"):
            op.execute(_SQLITE.format(what=what))


def _unique_where(condition: str, name: str, columns: list[str]) -> None:
    where = sa.text(condition)
    op.create_index(name, "events", columns, unique=True, sqlite_where=where, postgresql_where=where)
