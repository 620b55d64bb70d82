"""Checks the API keys of REST requests, and the name that they ask for."""

import re

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send

from tfx_modules.serving.exceptions import ForbiddenError, UnauthenticatedError
from tfx_modules.serving.rest.refusal import send_refusal
from tfx_modules.serving.security.api_keys import ApiKeys
from tfx_modules.serving.security.hosts import AllowedHosts

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


class HostCheckedApp:
    """Lets requests for this server's names through. HTTP/1.0 has requests without a name, and browsers send none."""

    def __init__(self, app: ASGIApp, hosts: AllowedHosts) -> None:
        self._app = app
        self._hosts = hosts

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        try:
            for host in Headers(scope=scope).getlist("host") if scope["type"] == "http" else ():
                self._hosts.check(host)
        except ForbiddenError as error:
            await send_refusal(error, send)
            return
        await self._app(scope, receive, send)
