"""Opens ML Metadata in PostgreSQL, and works around two defects of MLMD 1.16 there.

- **Backslashes.** MLMD escapes a text with a backslash as ``E'...'``, and puts that into quotes: a syntax error. TFX
  stores such texts: how a node failed is JSON, with escaped line ends in it. They are sent with a character in its
  stead that no text has, from Unicode's private use area, and it is changed back in answers.
- **Types.** MLMD looks whether a type is there and inserts it otherwise, in a transaction that does not keep others
  from doing the same, and its tables allow two types of a name (their versions are NULL). Runs that are the first at
  the same time would then look for artifacts under each other's type, and find none. So writers take turns, by an
  advisory lock that PostgreSQL frees when its holder dies. On SQLite the file's lock does this.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import psycopg
from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.message import Message
from ml_metadata.metadata_store.metadata_store import MetadataStore
from ml_metadata.proto.metadata_store_pb2 import ConnectionConfig, PostgreSQLDatabaseConfig
from tfx.orchestration.metadata import Metadata

BACKSLASH = "\\"
STAND_IN = "\ue05c"
_LOCK = 0x6D6C6D64
"""The advisory lock's number: "mlmd" in ASCII."""


def metadata_of(config: ConnectionConfig) -> Metadata:
    """Return TFX's handle of a store, of whichever kind."""
    return _PostgresMetadata(config) if config.HasField("postgresql") else Metadata(config)


class PostgresStore(MetadataStore):  # type: ignore[misc]
    """MLMD's client of a PostgreSQL store."""

    def __init__(self, config: ConnectionConfig) -> None:
        self._server = config.postgresql
        with _turn(self._server):  # it makes the tables where there are none
            super().__init__(config)

    def _call_method(self, method_name: str, request: Message, response: Message) -> None:
        sent = type(request)()
        sent.CopyFrom(request)
        _replace(sent, BACKSLASH, STAND_IN)
        if method_name.startswith("Put"):
            with _turn(self._server):
                super()._call_method(method_name, sent, response)
        else:
            super()._call_method(method_name, sent, response)
        _replace(response, STAND_IN, BACKSLASH)


class _PostgresMetadata(Metadata):  # type: ignore[misc]
    def __enter__(self) -> "_PostgresMetadata":
        self._store = PostgresStore(self._connection_config)
        self._users += 1
        return self


@contextmanager
def _turn(server: PostgreSQLDatabaseConfig) -> Iterator[None]:
    """Hold the writers' lock, on a connection of its own, since MLMD gives no access to its connection."""
    with psycopg.connect(
        host=server.host,
        port=int(server.port),
        user=server.user,
        password=server.password or None,
        dbname=server.dbname,
    ) as connection:
        connection.execute("SELECT pg_advisory_xact_lock(%s)", (_LOCK,))
        yield


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
    if field.label == FieldDescriptor.LABEL_REPEATED:
        value[:] = [text.replace(old, new) for text in value]
    else:
        setattr(message, field.name, value.replace(old, new))


def _messages(field: FieldDescriptor, value: Any) -> list[Message]:
    if field.message_type.GetOptions().map_entry:
        return [part for part in value.values() if isinstance(part, Message)]
    return list(value) if field.label == FieldDescriptor.LABEL_REPEATED else [value]
