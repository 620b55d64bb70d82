"""Saves and loads one database, SQLite by its own online backup, PostgreSQL by pg_dump and pg_restore."""

import os
import sqlite3
import subprocess
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from typing import Protocol
from urllib.parse import SplitResult, unquote, urlsplit

from airflow_bert_service.exceptions import BackupError

_TABLES = "SELECT count(*) FROM pg_tables WHERE schemaname NOT IN ('pg_catalog', 'information_schema')"
_CONNECT_SECONDS = "30"


class Database(Protocol):
    """A database that is saved or loaded."""

    kind: str
    """``sqlite`` or ``postgresql``."""

    def save(self, file: Path) -> None:
        """Write what is in it at one moment into a file, while others write."""

    def is_empty(self) -> bool:
        """Whether it has no tables."""

    def load(self, file: Path) -> None:
        """Put a saved file's content in place of its own. Nothing may use it meanwhile."""


def database(name: str, address: str) -> Database:
    """Return the database of an address.

    Args:
        name: What messages call it.
        address: ``sqlite:///PATH`` or ``postgresql://...``; SQLAlchemy's drivers may be in it.

    Raises:
        BackupError: It is of another kind. The message has no password.
    """
    parts = urlsplit(address)
    kind = parts.scheme.partition("+")[0]
    if kind == "sqlite":
        return SqliteDatabase(name, Path(unquote(parts.path[1:])))
    if kind in ("postgresql", "postgres"):
        return PostgresDatabase(name, parts)
    raise BackupError(
        f"the database {name} is of kind {kind!r}; allowed: sqlite, postgresql. Save it by its own tools, "
        "together with the state folder, while nothing runs."
    )


class SqliteDatabase:
    """A file of SQLite's."""

    kind = "sqlite"

    def __init__(self, name: str, file: Path) -> None:
        self._name = name
        self._file = file

    def save(self, file: Path) -> None:
        """Copy it by SQLite's online backup; a database that is not there yet becomes an empty one.

        Raises:
            BackupError: It cannot be read.
        """
        try:
            with closing(sqlite3.connect(file)) as target:
                if self._file.exists():
                    with closing(sqlite3.connect(f"file:{self._file}?mode=ro", uri=True, timeout=60)) as source:
                        source.backup(target)
        except sqlite3.Error as error:
            raise BackupError(f"the database {self._name} ({self._file}) cannot be saved: {error}") from error

    def is_empty(self) -> bool:
        """Whether its file is missing or has nothing in it."""
        return not self._file.exists() or self._file.stat().st_size == 0

    def load(self, file: Path) -> None:
        """Put a copy of the file in its place, and remove what SQLite keeps beside it."""
        self._file.parent.mkdir(parents=True, exist_ok=True)
        for ending in ("-wal", "-shm", "-journal"):
            self._file.with_name(self._file.name + ending).unlink(missing_ok=True)
        self._file.unlink(missing_ok=True)
        with closing(sqlite3.connect(file)) as source, closing(sqlite3.connect(self._file)) as target:
            source.backup(target)


class PostgresDatabase:
    """A database of a PostgreSQL server. Its programs have to be on PATH, of its version or a newer one."""

    kind = "postgresql"

    def __init__(self, name: str, parts: SplitResult) -> None:
        self._name = name
        # By environment: command lines can be read by others.
        given = {
            "PGHOST": parts.hostname,
            "PGPORT": str(parts.port or 5432),
            "PGUSER": unquote(parts.username or ""),
            "PGPASSWORD": unquote(parts.password or ""),
            "PGDATABASE": unquote(parts.path[1:]),
            "PGCONNECT_TIMEOUT": _CONNECT_SECONDS,
        }
        socket = [value for key, _, value in (pair.partition("=") for pair in parts.query.split("&")) if key == "host"]
        given["PGHOST"] = unquote(socket[0]) if socket else given["PGHOST"]
        self._environment = {**os.environ, **{key: value for key, value in given.items() if value}}

    def save(self, file: Path) -> None:
        """Write it by pg_dump.

        Raises:
            BackupError: pg_dump is missing or failed.
        """
        self._run(["pg_dump", "--format=custom", "--no-owner", "--no-privileges", f"--file={file}"])

    def is_empty(self) -> bool:
        """Whether it has no tables.

        Raises:
            BackupError: psql is missing, or the database cannot be reached.
        """
        return self._run(["psql", "--no-psqlrc", "--tuples-only", "--no-align", "--command", _TABLES]).strip() == "0"

    def load(self, file: Path) -> None:
        """Load it by pg_restore, in one transaction; what a restore before has left is dropped.

        Raises:
            BackupError: pg_restore is missing or failed.
        """
        options = ["--clean", "--if-exists", "--no-owner", "--no-privileges", "--single-transaction"]
        self._run(["pg_restore", *options, f"--dbname={self._environment['PGDATABASE']}", str(file)])

    def _run(self, command: Sequence[str]) -> str:
        try:
            done = subprocess.run(
                command,
                env=self._environment,
                stdin=subprocess.DEVNULL,
                capture_output=True,
                text=True,
                errors="replace",
                check=False,
            )
        except FileNotFoundError as error:
            raise BackupError(
                f"the database {self._name} needs {command[0]}, which is not on PATH. Install PostgreSQL's client "
                "programs, of the server's version or a newer one."
            ) from error
        if done.returncode != 0:
            raise BackupError(
                f"the database {self._name}: {command[0]} exited with {done.returncode}: {done.stderr.strip()}"
            )
        return done.stdout
