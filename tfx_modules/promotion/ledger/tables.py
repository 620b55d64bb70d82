"""Declares the ledger's tables, as of the newest migration."""

import datetime as dt
from typing import Any

import sqlalchemy as sa

HEAD = "0005"
"""The newest migration."""


class UtcDateTime(sa.TypeDecorator[dt.datetime]):
    """A moment in UTC; SQLite knows no time zones."""

    impl = sa.DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: dt.datetime | None, dialect: Any) -> dt.datetime | None:
        """Convert to UTC."""
        if value is None:
            return None
        moment = value.astimezone(dt.UTC)
        return moment.replace(tzinfo=None) if dialect.name == "sqlite" else moment

    def process_result_value(self, value: dt.datetime | None, dialect: Any) -> dt.datetime | None:
        """Name the time zone."""
        if value is None:
            return None
        return value.replace(tzinfo=dt.UTC) if dialect.name == "sqlite" else value.astimezone(dt.UTC)


metadata = sa.MetaData()

events = sa.Table(
    "events",
    metadata,
    sa.Column("position", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("at", UtcDateTime, nullable=False),
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
    sa.Column("pipeline", sa.String(64), nullable=False),
    sa.Column("pipeline_version", sa.String(64), nullable=False),
)

deliveries = sa.Table(
    "deliveries",
    metadata,
    sa.Column("position", sa.BigInteger, sa.ForeignKey("events.position"), primary_key=True),
    sa.Column("channel", sa.String(250), primary_key=True),
    sa.Column("at", UtcDateTime, nullable=False),
)

approvals = sa.Table(
    "approvals",
    metadata,
    sa.Column("pipeline", sa.String(64), primary_key=True),
    sa.Column("dag_id", sa.String(250), primary_key=True),
    sa.Column("run_id", sa.String(250), primary_key=True),
    sa.Column("model_digest", sa.String(64), primary_key=True),
    sa.Column("data_date", sa.Date, nullable=False),
    sa.Column("first_day", sa.Date, nullable=False),
    sa.Column("at", UtcDateTime, nullable=False),
    sa.Column("actor", sa.Text, nullable=False),
    sa.Column("comment", sa.Text, nullable=False),
    sa.Column("champion", sa.BigInteger),
    sa.Column("reason", sa.Text, nullable=False),
    sa.Column("metrics", sa.JSON, nullable=False),
)
"""Consents of people, which a push looks for; a table of their own, since code from before it reads all events."""

environment = sa.Table("environment", metadata, sa.Column("id", sa.String(36), primary_key=True))
"""One row: the random id of the environment, which other places carry copies of."""
