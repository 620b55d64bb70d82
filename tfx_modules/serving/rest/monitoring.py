"""Serves the metrics page, and counts REST requests for it."""

import re
import time
from collections.abc import Callable
from urllib.parse import unquote

from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from tfx_modules.serving.codes import code_of_http
from tfx_modules.serving.observability.metrics import Metrics

_INFERENCE = re.compile(
    r"/v1/models/(?P<model>[^/:]+)(?:/[^:]*)?:(?P<api>predict|classify|regress)", re.IGNORECASE | re.ASCII
)


class MetricsPage:
    """Answers at one path with the metrics, and passes other requests on."""

    def __init__(self, app: ASGIApp, metrics: Metrics, path: str) -> None:
        self._app = app
        self._metrics = metrics
        self._path = path

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        app = self._app
        if scope["type"] == "http" and scope["method"] in ("GET", "HEAD") and scope["path"] == self._path:
            app = PlainTextResponse(self._metrics.page())
        await app(scope, receive, send)


class CountedApp:
    """Counts inference requests, and their time from the first byte to the answer.

    Args:
        served: says whether there is a model of that name. Others are counted under no name, for anybody can make
            names up.
    """

    def __init__(self, app: ASGIApp, metrics: Metrics, served: Callable[[str], bool]) -> None:
        self._app = app
        self._metrics = metrics
        self._served = served

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        match = _INFERENCE.fullmatch(scope["raw_path"].decode("latin-1")) if scope["type"] == "http" else None
        if match is None or scope["method"] != "POST":
            await self._app(scope, receive, send)
            return
        status = 499  # the client went away
        began = time.perf_counter()

        async def watched(message: Message) -> None:
            nonlocal status
            status = message.get("status", status)
            await send(message)

        try:
            await self._app(scope, receive, watched)
        finally:
            model = unquote(match["model"])
            self._metrics.answered(
                model if self._served(model) else "",
                match["api"].lower(),
                "REST",
                code_of_http(status),
                time.perf_counter() - began,
            )
