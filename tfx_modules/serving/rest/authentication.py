"""Checks the API keys of REST requests."""

import re

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send

from tfx_modules.serving.exceptions import UnauthenticatedError
from tfx_modules.serving.rest.refusal import send_refusal
from tfx_modules.serving.security.api_keys import ApiKeys

_STATUS = re.compile(r"/v1/models/[^/:]+(/versions/\d+|/labels/[^/:]+)?", re.IGNORECASE | re.ASCII)


class AuthenticatedApp:
    """Lets requests with a key through, before their body is read.

    Args:
        open_status: the models' status needs none.
        open_paths: neither do these.
    """

    def __init__(
        self, app: ASGIApp, keys: ApiKeys, *, open_status: bool = False, open_paths: frozenset[str] = frozenset()
    ) -> None:
        self._app = app
        self._keys = keys
        self._open_status = open_status
        self._open_paths = open_paths

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] == "http" and not self._is_open(scope):
            headers = Headers(scope=scope)
            try:
                self._keys.check(headers.get("authorization", ""), headers.get("x-api-key", ""))
            except UnauthenticatedError as error:
                await send_refusal(error, send, [(b"www-authenticate", b"Bearer")])
                return
        await self._app(scope, receive, send)

    def _is_open(self, scope: Scope) -> bool:
        if scope["method"] not in ("GET", "HEAD"):
            return False
        path = scope["raw_path"].decode("latin-1")
        return path in self._open_paths or (self._open_status and _STATUS.fullmatch(path) is not None)
