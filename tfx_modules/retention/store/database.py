"""Opens the database of an ML Metadata store: its transactions, and its schema's version."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import sqlalchemy as sa
from sqlalchemy.pool import NullPool

from tfx_modules.common import database_url
from tfx_modules.retention.exceptions import RetentionError
from tfx_modules.retention.store import tables

LOCK_SECONDS = 60
"""How long a transaction waits for nodes that write, which takes them moments."""

_LOCKED = "artifact, execution, context, event, association, attribution"


class MetadataDatabase:
    """Transactions on a store that nodes write to at the same time."""

    def __init__(self, address: str) -> None:
        """Prepare; connects to nothing.

        Args:
            address: as the node command takes it: ``sqlite:////absolute/path`` or
                ``postgresql://user:password@host:port/name``.

        Raises:
            RetentionError: it is neither.
        """
        what = "the address of the ML Metadata store"
        parsed = database_url.parse(address, what=what, setting="metadata", error=RetentionError)
        self._engine = sa.create_engine(parsed.url, poolclass=NullPool)
        self._file = parsed.file
        if self._file:
            sa.event.listen(self._engine, "connect", _leave_transactions_to_us)

    @property
    def name(self) -> str:
        """The store, for people; without a password."""
        return f"the ML Metadata store at {database_url.shown(self._engine.url)}"

    @contextmanager
    def reading(self) -> Iterator[sa.Connection | None]:
        """Open a transaction that reads one state of the store; None: there is no store yet.

        Raises:
            RetentionError: the database cannot be used, or has a schema of a version that is not known here.
        """
        snapshot = self._engine.execution_options(isolation_level="REPEATABLE READ")
        with self._transaction(*((self._engine, "BEGIN") if self._file else (snapshot,))) as connection:
            yield connection

    @contextmanager
    def exclusive(self) -> Iterator[sa.Connection | None]:
        """Open a transaction that locks out other writers; it is rolled back when an error leaves it.

        Raises:
            RetentionError: as for :meth:`reading`, or nodes wrote for too long.
        """
        locks = (f"SET LOCAL lock_timeout = '{LOCK_SECONDS}s'", f"LOCK TABLE {_LOCKED} IN SHARE ROW EXCLUSIVE MODE")
        with self._transaction(self._engine, *(("BEGIN IMMEDIATE",) if self._file else locks)) as connection:
            yield connection

    @contextmanager
    def _transaction(self, engine: sa.Engine, *begin: str) -> Iterator[sa.Connection | None]:
        if self._file and not self._file.exists():
            yield None
            return
        try:
            with engine.begin() as connection:
                # Checked first: the tables to lock may not be there.
                known = self._file is not None or _is_known(connection)
                for statement in begin if known else ():
                    connection.exec_driver_sql(statement)
                yield connection if known and _is_known(connection) else None
        except sa.exc.DBAPIError as error:
            reason = " ".join(str(error.orig).split())
            raise RetentionError(
                f"{self.name} cannot be used: {reason}. Look at the database, and at [bert_service] metadata."
            ) from error


def _is_known(connection: sa.Connection) -> bool:
    """Whether there is a store.

    Raises:
        RetentionError: there is one, of a schema that is not known.
    """
    names = sa.inspect(connection).get_table_names()
    if not any(name.lower() == tables.env.name for name in names):
        return False
    versions = list(connection.execute(sa.select(tables.env.c.schema_version)).scalars())
    if len(versions) != 1 or versions[0] not in tables.SCHEMA_VERSIONS:
        known = ", ".join(map(str, sorted(tables.SCHEMA_VERSIONS)))
        raise RetentionError(
            f"the ML Metadata store has schema version {', '.join(map(str, versions)) or 'none'}; known: {known}, of "
            "ml_metadata 1.16. Nothing was removed. Set keep_artifact_days to 0, or use a retention that knows it."
        )
    return True


def _leave_transactions_to_us(connection: Any, _: object) -> None:
    connection.isolation_level = None  # Python's module would begin transactions late, and without the lock
    connection.execute(f"PRAGMA busy_timeout = {LOCK_SECONDS * 1000}")
    # Rows are marked before files are removed: a loss of power must not undo the first and keep the second.
    connection.execute("PRAGMA synchronous = EXTRA")
