"""Refuses REST requests that ask for another server's name."""

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send

from tfx_modules.serving.exceptions import ForbiddenError
from tfx_modules.serving.rest.refusal import send_refusal
from tfx_modules.serving.security.hosts import AllowedHosts


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
