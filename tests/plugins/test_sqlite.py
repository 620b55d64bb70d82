"""Airflow's connections to SQLite: a savepoint waits for another writer, and is not refused."""

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa
from airflow.configuration import AirflowConfigParser
from airflow_bert_service.sqlite import CONNECT_ARGS, connect_args
from sqlalchemy.exc import OperationalError

RUNS = sa.table("runs", sa.column("name"))


@pytest.fixture
def address(tmp_path: Path) -> Iterator[str]:
    """A database with an empty table, as airflow.cfg names it."""
    address = f"sqlite:///{tmp_path / 'airflow.db'}?timeout=60&isolation_level=IMMEDIATE"
    engine = sa.create_engine(address)
    with engine.begin() as connection:
        connection.exec_driver_sql("CREATE TABLE runs (name TEXT)")
    yield address
    engine.dispose()


def make_run_while_another_writes(address: str, engine: sa.Engine) -> list[str]:
    """Read and write in a savepoint, as a backfill does; a scheduler's write comes between the two if it can."""
    has_read, written = threading.Event(), threading.Event()
    other = sa.create_engine(address)

    def write() -> None:
        assert has_read.wait(10)
        with other.begin() as connection:
            connection.execute(RUNS.insert().values(name="scheduler's"))
        written.set()

    writer = threading.Thread(target=write)
    writer.start()
    try:
        with engine.connect() as connection:
            with connection.begin_nested():
                connection.execute(sa.select(RUNS.c.name)).all()
                has_read.set()
                written.wait(1)
                connection.execute(RUNS.insert().values(name="backfill's"))
            connection.commit()
    finally:
        writer.join()
        other.dispose()
    with engine.connect() as connection:
        return sorted(connection.scalars(sa.select(RUNS.c.name)))


def test_a_savepoint_and_another_writer_wait_for_each_other(address: str) -> None:
    engine = sa.create_engine(address, connect_args=connect_args(address))
    assert make_run_while_another_writes(address, engine) == ["backfill's", "scheduler's"]


def test_without_these_connections_sqlite_refuses_the_savepoint(address: str) -> None:
    with pytest.raises(OperationalError, match="database is locked"):
        make_run_while_another_writes(address, sa.create_engine(address))


def test_a_savepoint_that_is_rolled_back_leaves_the_rest_of_its_transaction(address: str) -> None:
    engine = sa.create_engine(address, connect_args=connect_args(address))
    with engine.begin() as connection:
        connection.execute(RUNS.insert().values(name="kept"))
        with connection.begin_nested() as savepoint:
            connection.execute(RUNS.insert().values(name="lost"))
            savepoint.rollback()
    with engine.connect() as connection:
        assert list(connection.scalars(sa.select(RUNS.c.name))) == ["kept"]


def test_another_database_than_sqlite_gets_no_arguments() -> None:
    assert connect_args("postgresql+psycopg2://user@host/airflow") == {}


def test_airflow_finds_them_where_the_stack_names_them() -> None:
    stack = AirflowConfigParser()
    stack.read(Path(__file__).parents[2] / "airflow.cfg")
    assert stack.getimport("database", "sql_alchemy_connect_args") is CONNECT_ARGS
