"""Opens ML Metadata in PostgreSQL, and works around two defects of MLMD 1.16 there.

- **Backslashes.** MLMD escapes a text with a backslash as ``E'...'``, and puts that into quotes: a syntax error. TFX
  stores such texts: how a node failed is JSON, with escaped line ends in it. They are sent with a character in its
  stead that no text has, from Unicode's private use area, and it is changed back in answers.
- **Types.** MLMD looks whether a type is there and inserts it otherwise, in a transaction that does not keep others
  from doing the same, and its tables allow two types of a name (their versions are NULL). Runs that are the first at
  the same time would then look for artifacts under each other's type, and find none. So writers take turns, by an
  advisory lock that PostgreSQL frees when its holder dies. On SQLite the file's lock does this.

Nothing here waits without end: not for a connection, not for the lock, not for a server that is gone.
"""

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import psycopg
from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.message import Message
from ml_metadata.metadata_store.metadata_store import MetadataStore
from ml_metadata.proto.metadata_store_pb2 import ConnectionConfig, PostgreSQLDatabaseConfig
from tfx.orchestration.metadata import Metadata

from tfx_modules.exceptions import NodeError

BACKSLASH = "\\"
STAND_IN = "\ue05c"
_LOCK = 0x6D6C6D64
"""The advisory lock's number: "mlmd" in ASCII."""
CONNECT_SECONDS = 30
"""How long a connection may take at most."""
KEEPALIVE: Mapping[str, Any] = {"keepalives_idle": 30, "keepalives_interval": 10, "keepalives_count": 3}
"""A connection on which nothing comes is tried after 30 s, and given up 30 s later; TCP's own rule is 2 hours."""
_HOLDERS = """
    SELECT a.pid, a.client_addr::text, round(extract(epoch FROM now() - a.xact_start))
    FROM pg_locks l JOIN pg_stat_activity a USING (pid)
    WHERE l.locktype = 'advisory' AND l.granted AND l.objid = %s AND l.classid = 0 AND a.datname = current_database()
"""


def metadata_of(config: ConnectionConfig, wait_seconds: int) -> Metadata:
    """Return TFX's handle of a store, of whichever kind.

    Args:
        config: where the store is.
        wait_seconds: how long it waits for a connection, and for its turn to write; PostgreSQL only.
    """
    return _PostgresMetadata(config, wait_seconds) if config.HasField("postgresql") else Metadata(config)


class PostgresStore(MetadataStore):  # type: ignore[misc]
    """MLMD's client of a PostgreSQL store.

    Args:
        config: where the store is.
        wait_seconds: how long it waits for a connection, and for its turn to write, each time.

    Raises:
        NodeError: PostgreSQL did not answer, or it was not this client's turn, for that long. Methods raise it too.
    """

    def __init__(self, config: ConnectionConfig, wait_seconds: int) -> None:
        self._server, self._wait = config.postgresql, wait_seconds
        # MLMD's own connection takes its limits from what libpq reads in the environment.
        os.environ["PGCONNECT_TIMEOUT"] = str(min(CONNECT_SECONDS, wait_seconds))
        os.environ["PGOPTIONS"] = f"-c lock_timeout={wait_seconds}s"
        with _turn(self._server, wait_seconds):  # it makes the tables where there are none
            super().__init__(config)

    def _call_method(self, method_name: str, request: Message, response: Message) -> None:
        sent = type(request)()
        sent.CopyFrom(request)
        _replace(sent, BACKSLASH, STAND_IN)
        if method_name.startswith("Put"):
            with _turn(self._server, self._wait):
                super()._call_method(method_name, sent, response)
        else:
            super()._call_method(method_name, sent, response)
        _replace(response, STAND_IN, BACKSLASH)


class _PostgresMetadata(Metadata):  # type: ignore[misc]
    def __init__(self, config: ConnectionConfig, wait_seconds: int) -> None:
        super().__init__(config)
        self._wait = wait_seconds

    def __enter__(self) -> "_PostgresMetadata":
        self._store = PostgresStore(self._connection_config, self._wait)
        self._users += 1
        return self


def connect(server: PostgreSQLDatabaseConfig, wait_seconds: int) -> psycopg.Connection:
    """Connect to PostgreSQL, with limits on the connection, on locks and on a server that is gone.

    Raises:
        NodeError: it did not answer in time, or refused.
    """
    try:
        return psycopg.connect(
            host=server.host,
            port=int(server.port),
            user=server.user,
            password=server.password or None,
            dbname=server.dbname,
            connect_timeout=min(CONNECT_SECONDS, wait_seconds),
            options=f"-c lock_timeout={wait_seconds}s",
            tcp_user_timeout=1000 * (KEEPALIVE["keepalives_idle"] * 2),
            **KEEPALIVE,
        )
    except psycopg.OperationalError as error:
        raise NodeError(
            f"ML Metadata: {_named(server)} was not reached ({' '.join(str(error).split())}); allowed: a PostgreSQL "
            f"that answers within {min(CONNECT_SECONDS, wait_seconds)} s. Start it, or correct [bert_service] metadata."
        ) from error


@contextmanager
def _turn(server: PostgreSQLDatabaseConfig, wait_seconds: int) -> Iterator[None]:
    """Hold the writers' lock, on a connection of its own, since MLMD gives no access to its connection."""
    with connect(server, wait_seconds) as connection:
        try:
            connection.execute("SELECT pg_advisory_xact_lock(%s)", (_LOCK,))
        except psycopg.errors.LockNotAvailable as error:
            connection.rollback()
            raise NodeError(
                f"ML Metadata: waited {wait_seconds} s for the turn to write to {_named(server)}, which "
                f"{_holder(connection)} has; allowed: [bert_service] max_metadata_wait_seconds. End that process where "
                "it hangs (SELECT pg_terminate_backend(PID)), or raise the setting."
            ) from error
        yield


def _holder(connection: psycopg.Connection) -> str:
    found = connection.execute(_HOLDERS, (_LOCK,)).fetchone()
    if found is None:
        return "nobody now"
    pid, address, seconds = found
    return f"PostgreSQL's process {pid} (client {address or 'on the same machine'}, for {seconds} s)"


def _named(server: PostgreSQLDatabaseConfig) -> str:
    return f"{server.host}:{server.port}/{server.dbname}"


def _replace(message: Message, old: str, new: str) -> None:
    """Replace a character in all texts of a message."""
    if old.encode() not in message.SerializeToString():
        return
    for field, value in message.ListFields():
        if field.type == FieldDescriptor.TYPE_STRING:
            _replace_text(message, field, value, old, new)
        elif field.type == FieldDescriptor.TYPE_MESSAGE:
            for part in _messages(field, value):
                _replace(part, old, new)


def _replace_text(message: Message, field: FieldDescriptor, value: Any, old: str, new: str) -> None:
    if field.is_repeated:
        value[:] = [text.replace(old, new) for text in value]
    else:
        setattr(message, field.name, value.replace(old, new))


def _messages(field: FieldDescriptor, value: Any) -> list[Message]:
    if field.message_type.GetOptions().map_entry:
        return [part for part in value.values() if isinstance(part, Message)]
    return list(value) if field.is_repeated else [value]
