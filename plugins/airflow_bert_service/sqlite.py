"""Connections to Airflow's database where it is SQLite: ``sql_alchemy_connect_args`` of the section ``[database]``.

Airflow reads this module while it sets itself up, so it imports nothing of the project.
"""

import sqlite3
from typing import Any

from airflow.configuration import conf

_SAVEPOINT = "SAVEPOINT "


class WaitingCursor(sqlite3.Cursor):
    """Waits for SQLite's write lock before it opens a savepoint, if no transaction has begun.

    A savepoint outside of a transaction begins a deferred one. If such a transaction reads, and another process writes
    before it does, SQLite refuses its first write at once (``database is locked``), whatever the time-out is. Airflow
    makes each run of a backfill in a savepoint.
    """

    def execute(self, sql: str, parameters: Any = (), /) -> "WaitingCursor":
        """Run a statement (PEP 249)."""
        if sql.startswith(_SAVEPOINT) and not self.connection.in_transaction:
            super().execute("BEGIN IMMEDIATE")
        super().execute(sql, parameters)
        return self


class WaitingConnection(sqlite3.Connection):
    """A connection to SQLite whose savepoints wait for other writers, as long as the connection's ``timeout`` says."""

    def cursor(self, factory: Any = WaitingCursor) -> Any:
        """Return a cursor (PEP 249)."""
        return super().cursor(factory)


def connect_args(address: str) -> dict[str, Any]:
    """Return what ``sqlite3.connect`` is given for a database; nothing for one that is not SQLite."""
    return {"factory": WaitingConnection} if address.startswith("sqlite") else {}


CONNECT_ARGS = connect_args(conf.get("database", "sql_alchemy_conn"))
"""What ``[database] sql_alchemy_connect_args`` names. Airflow adds keys to it."""
