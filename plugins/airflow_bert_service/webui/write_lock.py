"""Serialises writing requests to Airflow's API server, where its database is SQLite."""

import asyncio
from typing import TYPE_CHECKING

from airflow.configuration import conf

from airflow_bert_service.settings.reading.naming import SECTION

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Receive, Scope, Send

_READING = frozenset({"GET", "HEAD", "OPTIONS"})


class WriteSerializingMiddleware:
    """Lets one request that may write through at a time, because SQLite allows one writer at a time.

    The API server writes an audit log to its database, from its event loop. While another request has written and not
    yet committed, that write waits for SQLite's lock, and the other request waits for the event loop: the API server
    hangs until SQLite gives up (docs/decisions/0022-one-writing-request.md). Without SQLite, and where the setting
    ``serialize_writes`` is ``false``, requests are not serialised.

    Args:
        app: The API server (ASGI).
    """

    def __init__(self, app: "ASGIApp") -> None:
        self._app = app
        self._lock = asyncio.Lock() if _is_wanted() else None

    async def __call__(self, scope: "Scope", receive: "Receive", send: "Send") -> None:
        """Answer a request (ASGI)."""
        if self._lock is None or scope["type"] != "http" or scope["method"] in _READING:
            await self._app(scope, receive, send)
            return
        async with self._lock:
            await self._app(scope, receive, send)


def _is_wanted() -> bool:
    # Reads this one setting only: a mistake in another one must not keep Airflow's API server from starting.
    if conf.get(SECTION, "serialize_writes", fallback="").strip().lower() == "false":
        return False
    return bool(conf.get("database", "sql_alchemy_conn").startswith("sqlite"))
