"""Makes ML Metadata's connection config from the store's address."""

from collections.abc import Callable
from pathlib import Path
from urllib.parse import SplitResult, unquote, urlsplit

from ml_metadata.proto.metadata_store_pb2 import (
    ConnectionConfig,
    PostgreSQLDatabaseConfig,
    SqliteMetadataSourceConfig,
)

from tfx_modules.exceptions import NodeError

_POSTGRESQL_PORT = 5432


def connection_config(address: str) -> ConnectionConfig:
    """Make a connection config of an address; the folder of an SQLite file is made.

    Args:
        address: ``sqlite:////absolute/file.db`` or ``postgresql://user:password@host:port/database``, where special
            characters of user and password are percent-encoded.

    Returns:
        The config for ``tfx.orchestration.metadata.Metadata``.

    Raises:
        NodeError: the address has another form. The message does not repeat it, since it may hold a password.
    """
    try:
        parts = urlsplit(address)
        port = parts.port or _POSTGRESQL_PORT
    except ValueError as error:
        raise _wrong(f"not an address ({error})") from error
    make = _MAKERS.get(parts.scheme)
    if make is None:
        raise _wrong(f"of scheme {parts.scheme!r}")
    return make(parts, port)


def _sqlite(parts: SplitResult, port: int) -> ConnectionConfig:
    del port
    path = Path(unquote(parts.path[1:]))
    if parts.netloc or not path.is_absolute():
        raise _wrong("an sqlite address without an absolute path")
    path.parent.mkdir(parents=True, exist_ok=True)
    mode = SqliteMetadataSourceConfig.READWRITE_OPENCREATE
    return ConnectionConfig(sqlite=SqliteMetadataSourceConfig(filename_uri=str(path), connection_mode=mode))


def _postgresql(parts: SplitResult, port: int) -> ConnectionConfig:
    database = unquote(parts.path[1:])
    if not (parts.hostname and parts.username and database):
        raise _wrong("a postgresql address without a user, host or database")
    return ConnectionConfig(
        postgresql=PostgreSQLDatabaseConfig(
            host=parts.hostname,
            port=str(port),
            user=unquote(parts.username),
            password=unquote(parts.password or ""),
            dbname=database,
            # Making databases is for an administrator; the user of the pipeline need not be allowed to.
            skip_db_creation=True,
        )
    )


_MAKERS: dict[str, Callable[[SplitResult, int], ConnectionConfig]] = {"sqlite": _sqlite, "postgresql": _postgresql}


def _wrong(what: str) -> NodeError:
    return NodeError(
        f"request field metadata is {what}; allowed: sqlite:////absolute/file.db, "
        "postgresql://user:password@host:port/database. Correct the setting that names the metadata store."
    )
