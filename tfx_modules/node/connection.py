"""Makes ML Metadata's connection config from the store's address."""

from pathlib import Path

import sqlalchemy as sa
from ml_metadata.proto.metadata_store_pb2 import (
    ConnectionConfig,
    PostgreSQLDatabaseConfig,
    SqliteMetadataSourceConfig,
)

from tfx_modules.common import database_url
from tfx_modules.common.files import make_folder, sync
from tfx_modules.exceptions import NodeError

_POSTGRESQL_PORT = 5432


def connection_config(address: str) -> ConnectionConfig:
    """Make a connection config of an address; the folder of an SQLite file is made, and flushed as by :func:`flush`.

    Args:
        address: as ``database_url.parse`` takes it. One of PostgreSQL has a user, a host and a database.

    Returns:
        The config for ``tfx.orchestration.metadata.Metadata``.

    Raises:
        NodeError: the address has another form, or the folder cannot be used. The message does not repeat the address,
            since it may hold a password.
    """
    parsed = _parse(address)
    if parsed.file is None:
        return ConnectionConfig(postgresql=_postgresql(parsed.url))
    _make_durable(parsed.file.parent)
    mode = SqliteMetadataSourceConfig.READWRITE_OPENCREATE
    return ConnectionConfig(sqlite=SqliteMetadataSourceConfig(filename_uri=str(parsed.file), connection_mode=mode))


def flush(address: str) -> None:
    """Flush what was written to a store last, where MLMD leaves it to the system.

    The end of SQLite's journal is the commit, and MLMD does not have SQLite flush it: a loss of power would bring the
    journal back, and undo the transaction. PostgreSQL flushes each commit.

    Args:
        address: as for :func:`connection_config`.

    Raises:
        NodeError: it cannot be flushed.
    """
    file = _parse(address).file
    if file is not None:
        _make_durable(file.parent)


def _parse(address: str) -> database_url.DatabaseAddress:
    return database_url.parse(address, what="request field metadata", setting="metadata", error=NodeError)


def _make_durable(folder: Path) -> None:
    """Make a folder where it is missing, and flush its entries."""
    try:
        make_folder(folder)
        sync(folder)
    except OSError as error:
        raise NodeError(
            f"the folder of the ML Metadata store cannot be used: {error}. Look at its disk, and at [bert_service] "
            "metadata."
        ) from error


def _postgresql(url: sa.URL) -> PostgreSQLDatabaseConfig:
    if not (url.host and url.username and url.database):
        raise NodeError(
            "request field metadata is a postgresql address without a user, host or database; allowed: "
            "postgresql://user:password@host:port/name. Set [bert_service] metadata to such an address."
        )
    return PostgreSQLDatabaseConfig(
        host=url.host,
        port=str(url.port or _POSTGRESQL_PORT),
        user=url.username,
        password=url.password or "",
        dbname=url.database,
        # Making databases is for an administrator; the user of the pipeline need not be allowed to.
        skip_db_creation=True,
    )
