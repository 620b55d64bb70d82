"""Stores on SQLite and on PostgreSQL."""

from pathlib import Path

import pytest
import sqlalchemy as sa
from ml_metadata.proto.metadata_store_pb2 import ConnectionConfig
from sqlalchemy.pool import NullPool

from tests.support.postgres import postgres
from tests.tfx_modules.retention.records import Records

__all__ = ["postgres"]


@pytest.fixture
def records(tmp_path: Path) -> Records:
    return Records(f"sqlite:///{tmp_path}/mlmd.db", tmp_path / "pipeline")


@pytest.fixture
def records_on_postgresql(postgres: Path, tmp_path: Path) -> Records:
    engine = sa.create_engine(
        f"postgresql+psycopg://postgres@/postgres?host={postgres}", isolation_level="AUTOCOMMIT", poolclass=NullPool
    )
    with engine.connect() as connection:
        connection.exec_driver_sql("DROP DATABASE IF EXISTS mlmd WITH (FORCE)")
        connection.exec_driver_sql("CREATE DATABASE mlmd")
    config = ConnectionConfig()
    config.postgresql.host, config.postgresql.port = str(postgres), "5432"
    config.postgresql.user, config.postgresql.dbname = "postgres", "mlmd"
    config.postgresql.skip_db_creation = True
    return Records(f"postgresql://postgres@/mlmd?host={postgres}", tmp_path / "pipeline", config)
