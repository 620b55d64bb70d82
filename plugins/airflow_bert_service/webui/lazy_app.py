"""Defers making a web app to its first request."""

from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Receive, Scope, Send


class LazyApp:
    """Makes a web app at the first request, and passes requests on to it.

    Airflow wants an app when it loads a plugin, and loads plugins in every process, tasks too. Only the API server gets
    requests; no other process pays for the app's imports.

    Args:
        make: Makes the app.
    """

    def __init__(self, make: "Callable[[], ASGIApp]") -> None:
        self._make = make
        self._app: ASGIApp | None = None

    async def __call__(self, scope: "Scope", receive: "Receive", send: "Send") -> None:
        """Answer a request (ASGI)."""
        if self._app is None:
            self._app = self._make()
        await self._app(scope, receive, send)
