import multiprocessing
import os
import socket
import time
from multiprocessing.queues import Queue
from multiprocessing.synchronize import Barrier
from pathlib import Path

import psycopg
import pytest
from ml_metadata.proto.metadata_store_pb2 import ConnectionConfig, Context, ContextType, Execution, ExecutionType

from tests.support.postgres import postgres, running_postgres
from tfx_modules.exceptions import NodeError
from tfx_modules.node.store import KEEPALIVE, STAND_IN, PostgresStore, connect

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
    store = PostgresStore(config, 60)
    execution = Execution(type_id=store.put_execution_type(ExecutionType(name="Trainer")))
    execution.custom_properties["result"].string_value = text
    (execution.id,) = store.put_executions([execution])

    (found,) = store.get_executions_by_id([execution.id])

    assert found.custom_properties["result"].string_value == text
    assert execution.custom_properties["result"].string_value == text


def test_names_with_a_backslash_are_found(config: ConnectionConfig) -> None:
    store = PostgresStore(config, 60)
    kind = store.put_context_type(ContextType(name="pipeline_run"))
    store.put_contexts([Context(type_id=kind, name="by\\hand")])

    assert store.get_context_by_type_and_name("pipeline_run", "by\\hand").name == "by\\hand"
    assert rows(config, "SELECT name FROM context") == [(f"by{STAND_IN}hand",)]


def write(config: ConnectionConfig, begin: Barrier, answers: "Queue[int]") -> None:
    begin.wait()
    store = PostgresStore(config, 60)  # one of them makes the tables
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


def test_a_node_does_not_wait_for_its_turn_without_end(config: ConnectionConfig) -> None:
    PostgresStore(config, 60)
    server = config.postgresql
    with psycopg.connect(host=server.host, user=server.user, dbname=server.dbname) as hanging:
        hanging.execute("SELECT pg_advisory_xact_lock(x'6d6c6d64'::int)")
        began = time.monotonic()
        message = (
            rf"waited 1 s for the turn to write to .*process {hanging.info.backend_pid} \(client on the same machine"
        )
        with pytest.raises(NodeError, match=message):
            PostgresStore(config, 1)
        assert time.monotonic() - began < 10

    PostgresStore(config, 1)


def test_a_lock_of_others_on_a_table_does_not_hold_a_node_without_end(config: ConnectionConfig) -> None:
    store = PostgresStore(config, 1)
    server = config.postgresql
    with psycopg.connect(host=server.host, user=server.user, dbname=server.dbname) as hanging:
        hanging.execute("LOCK TABLE type IN ACCESS EXCLUSIVE MODE")

        with pytest.raises(Exception, match="canceling statement due to lock timeout"):
            store.put_context_type(ContextType(name="pipeline_run"))


def test_a_server_that_does_not_answer_is_given_up(config: ConnectionConfig) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        config.postgresql.host, config.postgresql.port = "127.0.0.1", str(silent.getsockname()[1])
        began = time.monotonic()
        with pytest.raises(NodeError, match=r"was not reached .*answers within 2 s"):
            PostgresStore(config, 2)
    assert time.monotonic() - began < 15


def test_a_server_that_is_gone_is_noticed_by_tcp() -> None:
    port = free_port()
    with running_postgres(port):
        made = ConnectionConfig()
        made.postgresql.host, made.postgresql.port = "127.0.0.1", str(port)
        made.postgresql.user = made.postgresql.dbname = "postgres"
        with connect(made.postgresql, 5) as connection, socket.socket(fileno=os.dup(connection.fileno())) as tcp:
            assert tcp.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE) == 1
            assert tcp.getsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE) == KEEPALIVE["keepalives_idle"]
            assert tcp.getsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT) == 60_000


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as found:
        return int(found.getsockname()[1])
