"""Defines the feed ``sql``: a query of a database."""

import datetime as dt
import sqlite3
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from airflow_bert_service.exceptions import FeedError
from airflow_bert_service.feeds.own_feed import DatedFeed, feed_errors
from airflow_bert_service.feeds.readers.row_files import row_from
from airflow_bert_service.feeds.readers.rows import RawRow
from airflow_bert_service.settings.sql_query import bind

if TYPE_CHECKING:
    from airflow.providers.common.sql.hooks.sql import DbApiHook

ADVICE = "Check [bert_service] sql_conn_id and sql_query, and that the database is there."
BATCH = 1000
"""Rows that are fetched at once."""


@dataclass(frozen=True, kw_only=True)
class SqlFeed(DatedFeed):
    """Reads a day's rows with a query, through an Airflow connection whose hook is a ``DbApiHook``.

    The day's bounds are bound parameters. PostgreSQL keeps the result and hands it over in batches (a server-side
    cursor); SQLite makes it row by row. Nothing is written, and nothing committed.
    """

    name: ClassVar[str] = "sql"

    conn_id: str
    """Airflow connection of the database."""
    query: str
    """With ``:start`` and ``:end``; its columns by name."""

    def rows(self, day: dt.date) -> Iterator[RawRow]:
        """Yield the rows of the day's query.

        Raises:
            FeedError: The connection is not one of a database, the query fails, or its result lacks a column.
        """
        with feed_errors(f"{self.conn_id}, the query of {day}", ADVICE):
            hook = self._hook()
            query, values = bind(self.query, day, placeholder=hook.placeholder)
            with closing(hook.get_conn()) as connection:
                decode = _text_decoder(connection)
                with closing(_cursor(hook, connection)) as cursor:
                    cursor.execute(query, values)
                    yield from self._rows(cursor, decode)

    def _hook(self) -> "DbApiHook":
        # Imported here: the DAG file makes a feed at every parse, and reads none.
        from airflow.providers.common.sql.hooks.sql import DbApiHook
        from airflow.sdk import BaseHook

        connection: Any = BaseHook.get_connection(self.conn_id)
        hook = connection.get_hook()
        if not isinstance(hook, DbApiHook):
            raise FeedError(
                f"connection {self.conn_id} has the hook {type(hook).__name__}; allowed: one of a database (a "
                "DbApiHook). Set [bert_service] sql_conn_id to such a connection."
            )
        return hook

    def _rows(self, cursor: Any, decode: Callable[[object], object]) -> Iterator[RawRow]:
        number = 0
        names: tuple[str, ...] = ()
        while batch := cursor.fetchmany(BATCH):
            names = names or self._names(cursor.description)  # psycopg2 knows them from the first batch on
            for row in batch:
                number += 1
                # A connection can ask for rows as mappings.
                values = row.values() if isinstance(row, Mapping) else row
                values = dict(zip(names, map(decode, values), strict=True))
                yield row_from(values, self.columns, number=number, where=f"{self.conn_id}, row {number}")

    def _names(self, description: Sequence[Sequence[Any]]) -> tuple[str, ...]:
        names = tuple(str(column[0]) for column in description)
        if twice := [name for name in self.columns.names if names.count(name) > 1]:
            raise FeedError(
                f"{self.conn_id}: the query has the columns {', '.join(twice)} twice or more, as joins with "
                "SELECT * have; allowed: each once. Name them in [bert_service] sql_query (SELECT r.id ...)."
            )
        if missing := [name for name in self.columns.names if name not in names]:
            raise FeedError(
                f"{self.conn_id}: the query's columns are {', '.join(names)}; missing: {', '.join(missing)}. Name them "
                "so in [bert_service] sql_query (SELECT body AS review), or set id_column, text_column and "
                "sentiment_column."
            )
        return names


def _text_decoder(connection: Any) -> Callable[[object], object]:
    """Have a connection hand out texts that are no UTF-8, too; return what is done to each value.

    Bytes that are no UTF-8 become surrogates, so that their rows are rejected one by one. SQLite keeps any bytes in a
    text, and so does a PostgreSQL database with the encoding SQL_ASCII; their drivers fail at the first such row.
    """
    if isinstance(connection, sqlite3.Connection):
        connection.text_factory = lambda data: data.decode("utf-8", "surrogateescape")
    elif getattr(connection, "get_parameter_status", lambda _: "")("server_encoding") == "SQL_ASCII":
        connection.set_client_encoding("LATIN1")  # a character for each byte, which no conversion changes
        return _from_latin_1
    return lambda value: value


def _from_latin_1(value: object) -> object:
    return value.encode("latin-1").decode("utf-8", "surrogateescape") if isinstance(value, str) else value


def _cursor(hook: "DbApiHook", connection: Any) -> Any:
    # Named cursors are server-side; by default PostgreSQL's drivers fetch the whole result when the query is executed.
    return connection.cursor(name="bert_service") if hook.conn_type == "postgres" else connection.cursor()
