"""Makes ML Metadata's connection config from the store's address."""

import sqlalchemy as sa
from ml_metadata.proto.metadata_store_pb2 import (
    ConnectionConfig,
    PostgreSQLDatabaseConfig,
    SqliteMetadataSourceConfig,
)

from tfx_modules.common import database_url
from tfx_modules.exceptions import NodeError

_POSTGRESQL_PORT = 5432


def connection_config(address: str) -> ConnectionConfig:
    """Make a connection config of an address; the folder of an SQLite file is made.

    Args:
        address: as ``database_url.parse`` takes it. One of PostgreSQL has a user, a host and a database.

    Returns:
        The config for ``tfx.orchestration.metadata.Metadata``.

    Raises:
        NodeError: the address has another form. The message does not repeat it, since it may hold a password.
    """
    parsed = database_url.parse(address, what="request field metadata", setting="metadata", error=NodeError)
    if parsed.file is None:
        return ConnectionConfig(postgresql=_postgresql(parsed.url))
    parsed.file.parent.mkdir(parents=True, exist_ok=True)
    mode = SqliteMetadataSourceConfig.READWRITE_OPENCREATE
    return ConnectionConfig(sqlite=SqliteMetadataSourceConfig(filename_uri=str(parsed.file), connection_mode=mode))


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
