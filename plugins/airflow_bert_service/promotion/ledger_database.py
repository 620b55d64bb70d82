"""Opens the ledger's database for reading. Nothing of this side writes to it: the promotion command does."""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import quote

import sqlalchemy as sa
from sqlalchemy.pool import NullPool

from airflow_bert_service.addresses import without_credentials
from airflow_bert_service.exceptions import LedgerReadError
from airflow_bert_service.installation import command

SECONDS = 5
"""How long a database is waited for: to connect, for a lock, for an answer."""
OLDEST_REVISION = "0004"
"""The first revision of the tables that has all columns which are read; later ones only add."""


class LedgerDatabase:
    """The database of the ledger, of SQLite or PostgreSQL, opened so that nothing can be written.

    Nothing is kept open in between, and nothing waits for the ledger's lock.

    Args:
        address: ``sqlite:////absolute/path`` or ``postgresql://user:password@host:port/name``.

    Raises:
        LedgerReadError: It is neither.
    """

    def __init__(self, address: str) -> None:
        scheme, _, rest = address.partition("://")
        self._address = address
        # Taken as it is, as by the promotion command: a folder may be called "100%20".
        self._file = Path(rest.removeprefix("/")) if scheme == "sqlite" else None
        if self._file is None and scheme != "postgresql":
            raise LedgerReadError(
                f"the ledger's address has the scheme {scheme!r}; allowed: sqlite:////absolute/path and "
                "postgresql://user:password@host:port/name. Set [bert_service] ledger to one of these."
            )
        self._engine = _sqlite(self._file) if self._file is not None else _postgresql(address)

    @property
    def name(self) -> str:
        """The ledger, for people; without a password."""
        return f"the ledger at {without_credentials(self._address)}"

    @contextmanager
    def reading(self) -> Iterator[sa.Connection | None]:
        """Connect to the database.

        Yields:
            The connection; None: there is no ledger yet, since no run has come to a verdict.

        Raises:
            LedgerReadError: It cannot be read, or its tables are of an earlier release, or a row is of another form.
        """
        try:
            if self._file is not None and not self._file.exists():
                yield None
                return
            with self._engine.connect() as connection:
                yield connection if self._has_events(connection) else None
        except (sa.exc.SQLAlchemyError, OSError, ValueError) as error:  # ValueError: a row is of another form
            reason = " ".join(str(getattr(error, "orig", None) or error).split())
            raise LedgerReadError(
                f"{self.name} cannot be read: {reason}. Look at the database, and at [bert_service] ledger."
            ) from error

    def _has_events(self, connection: sa.Connection) -> bool:
        if not sa.inspect(connection).has_table("alembic_version"):
            return False
        revision = str(connection.exec_driver_sql("SELECT version_num FROM alembic_version").scalar_one())
        if revision < OLDEST_REVISION:
            raise LedgerReadError(
                f"{self.name} has tables of an earlier release (revision {revision}); allowed: {OLDEST_REVISION} and "
                f"later. Run `{command('models history')}`, which brings them up to date."
            )
        return True


def _sqlite(file: Path) -> sa.Engine:
    def connect() -> sqlite3.Connection:
        return sqlite3.connect(f"file:{quote(str(file))}?mode=ro", uri=True, timeout=SECONDS, check_same_thread=False)

    return sa.create_engine("sqlite://", creator=connect, poolclass=NullPool)


def _postgresql(address: str) -> sa.Engine:
    try:
        url = sa.make_url(address).set(drivername="postgresql+psycopg2")
    except (sa.exc.ArgumentError, ValueError):  # ValueError: the port is no number
        raise LedgerReadError(
            "the ledger's address is no address of a database; allowed: sqlite:////absolute/path and "
            "postgresql://user:password@host:port/name. Set [bert_service] ledger to one of these."
        ) from None  # whose message may repeat a password
    options = f"-c default_transaction_read_only=on -c statement_timeout={SECONDS}s"
    given = {"connect_timeout": SECONDS, "options": options}
    return sa.create_engine(url, poolclass=NullPool, connect_args=given)
