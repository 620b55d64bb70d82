import multiprocessing
from multiprocessing.queues import Queue
from multiprocessing.synchronize import Barrier
from pathlib import Path

import psycopg
import pytest
from ml_metadata.proto.metadata_store_pb2 import ConnectionConfig, Context, ContextType, Execution, ExecutionType

from tests.support.postgres import postgres
from tfx_modules.node.store import STAND_IN, PostgresStore

__all__ = ["postgres"]

WRITERS = 6
FAILURE = '{\n "code": 2, "result_message": "it\'s \\"C:\\\\new\\" {x} $0\\n"}'


@pytest.fixture
def config(postgres: Path) -> ConnectionConfig:
    with psycopg.connect(f"postgresql://postgres@/postgres?host={postgres}", autocommit=True) as connection:
        connection.execute("DROP DATABASE IF EXISTS mlmd_node WITH (FORCE)")
        connection.execute("CREATE DATABASE mlmd_node")
    made = ConnectionConfig()
    made.postgresql.host, made.postgresql.port = str(postgres), "5432"
    made.postgresql.user, made.postgresql.dbname = "postgres", "mlmd_node"
    made.postgresql.skip_db_creation = True
    return made


def rows(config: ConnectionConfig, query: str) -> list[tuple[object, ...]]:
    server = config.postgresql
    with psycopg.connect(host=server.host, user=server.user, dbname=server.dbname) as connection:
        return connection.execute(query).fetchall()


@pytest.mark.parametrize("text", [FAILURE, "\\", "a\\' OR 1=1 --", "größer ✓", ""])
def test_texts_come_back_as_they_were_with_backslashes_too(config: ConnectionConfig, text: str) -> None:
    store = PostgresStore(config)
    execution = Execution(type_id=store.put_execution_type(ExecutionType(name="Trainer")))
    execution.custom_properties["result"].string_value = text
    (execution.id,) = store.put_executions([execution])

    (found,) = store.get_executions_by_id([execution.id])

    assert found.custom_properties["result"].string_value == text
    assert execution.custom_properties["result"].string_value == text


def test_names_with_a_backslash_are_found(config: ConnectionConfig) -> None:
    store = PostgresStore(config)
    kind = store.put_context_type(ContextType(name="pipeline_run"))
    store.put_contexts([Context(type_id=kind, name="by\\hand")])

    assert store.get_context_by_type_and_name("pipeline_run", "by\\hand").name == "by\\hand"
    assert rows(config, "SELECT name FROM context") == [(f"by{STAND_IN}hand",)]


def write(config: ConnectionConfig, begin: Barrier, answers: "Queue[int]") -> None:
    begin.wait()
    store = PostgresStore(config)  # one of them makes the tables
    answers.put(store.put_context_type(ContextType(name="pipeline_run")))


def test_nodes_that_are_the_first_at_the_same_time_make_one_type_of_a_name(config: ConnectionConfig) -> None:
    # In processes, as nodes are: MLMD lets one thread in at a time. By itself it makes several in half of the cases.
    forking = multiprocessing.get_context("fork")
    begin, answers = forking.Barrier(WRITERS), forking.Queue()
    writers = [forking.Process(target=write, args=(config, begin, answers)) for _ in range(WRITERS)]
    for writer in writers:
        writer.start()

    ids = {answers.get(timeout=60) for _ in writers}

    for writer in writers:
        writer.join()
    assert len(ids) == 1
    assert rows(config, "SELECT count(*) FROM type WHERE name = 'pipeline_run'") == [(1,)]
