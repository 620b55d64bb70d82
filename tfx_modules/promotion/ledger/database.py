"""Opens the ledger's database: its transactions, its lock, its migrations."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy.pool import NullPool

from tfx_modules.common import database_url
from tfx_modules.common.files import make_folder, sync
from tfx_modules.promotion.exceptions import LedgerError
from tfx_modules.promotion.ledger.tables import HEAD

LOCK_SECONDS = 300
"""How long a process waits for the lock; it is held while folders are renamed and what versions
carry for others is copied, never while models are compared."""

_LOCK = 7_310_579_264_011_001
"""Key of PostgreSQL's advisory lock; any number that others do not use."""
_MIGRATIONS = Path(__file__).with_name("migrations")


class LedgerDatabase:
    """Transactions under a lock that holds across processes, and with PostgreSQL across machines.

    The lock is the database's own: of the file for SQLite, an advisory one for PostgreSQL. It goes with the process or
    the connection that holds it. Nothing is kept open in between: processes are forked, and killed.
    """

    def __init__(self, address: str) -> None:
        """Prepare; connects to nothing.

        Args:
            address: ``sqlite:////absolute/path`` or ``postgresql://user:password@host:port/name``.

        Raises:
            LedgerError: it is neither.
        """
        parsed = database_url.parse(address, what="the ledger's address", setting="ledger", error=LedgerError)
        self._engine = sa.create_engine(parsed.url, poolclass=NullPool)
        self._file = parsed.file
        if self._file:
            sa.event.listen(self._engine, "connect", _leave_transactions_to_us)
            sa.event.listen(self._engine, "begin", _lock_file)

    @property
    def name(self) -> str:
        """The ledger, for people; without a password."""
        return f"the ledger at {database_url.shown(self._engine.url)}"

    @property
    def is_missing(self) -> bool:
        """Whether it is a file that is not there; of a server's database, only the server knows."""
        return self._file is not None and not self._file.exists()

    @contextmanager
    def transaction(self) -> Iterator[sa.Connection]:
        """Hold the lock; what was written is kept at the end, or not at all when an error leaves this.

        Raises:
            LedgerError: the database cannot be reached, or the lock was not to be had in time.
        """
        self._flush_folder()
        try:
            with self._engine.begin() as connection:
                if not self._file:
                    connection.exec_driver_sql(f"SET LOCAL lock_timeout = '{LOCK_SECONDS}s'")
                    connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({_LOCK})")
                yield connection
        except sa.exc.DBAPIError as error:  # no OSError: the caller's own are about other files than the ledger
            raise self._unusable(error.orig or error) from error

    def _flush_folder(self) -> None:
        """Flush SQLite's folder: nobody acts on a commit that its writer, or SQLite itself, has failed to flush."""
        if self._file:
            try:
                make_folder(self._file.parent)
                sync(self._file.parent)
            except OSError as error:
                raise self._unusable(error) from error

    def _unusable(self, reason: BaseException) -> LedgerError:
        return LedgerError(
            f"{self.name} cannot be used: {' '.join(str(reason).split())}. Look at the "
            "database, and at [bert_service] ledger."
        )

    def migrate(self) -> None:
        """Bring the tables up to date; a database of newer code is left as it is, for migrations only add.

        Raises:
            LedgerError: the database cannot be used.
        """
        with self.transaction() as connection:
            if _revision(connection) < HEAD:
                _upgrade(connection)


def _revision(connection: sa.Connection) -> str:
    """Return the number of the newest migration that was done; empty: none."""
    if not sa.inspect(connection).has_table("alembic_version"):
        return ""
    return str(connection.exec_driver_sql("SELECT version_num FROM alembic_version").scalar_one())


def _upgrade(connection: sa.Connection) -> None:
    # Imported here: most processes find the tables as they should be.
    from alembic import command
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(_MIGRATIONS).replace("%", "%%"))
    config.attributes["connection"] = connection
    command.upgrade(config, "head")


def _leave_transactions_to_us(connection: Any, _: object) -> None:
    connection.isolation_level = None  # Python's module would begin transactions late, and without the lock
    connection.execute(f"PRAGMA busy_timeout = {LOCK_SECONDS * 1000}")
    connection.execute("PRAGMA foreign_keys = ON")
    # As FULL, the default; but the folder is flushed, too, when the journal's end makes a transaction final.
    connection.execute("PRAGMA synchronous = EXTRA")


def _lock_file(connection: sa.Connection) -> None:
    connection.exec_driver_sql("BEGIN IMMEDIATE")
