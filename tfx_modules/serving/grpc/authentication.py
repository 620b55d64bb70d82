"""Checks the API keys of gRPC calls, before their messages are read."""

from collections.abc import Awaitable, Callable
from typing import Any

import grpc

from tfx_modules.serving.exceptions import RequestError, status_of
from tfx_modules.serving.security.api_keys import ApiKeys
from tfx_modules.serving.security.reload import ReloadGuard

_OPEN = ("/grpc.health.v1.Health/", "/tensorflow.serving.ModelService/GetModelStatus")
_RELOAD = "/tensorflow.serving.ModelService/HandleReloadConfigRequest"


class AuthenticationInterceptor(grpc.aio.ServerInterceptor):  # type: ignore[misc]
    """Lets calls with a key through, streams too, and new model configs from admins.

    Args:
        keys: the clients' keys; None = none is needed.
        reload_guard: who may send model configs.
        open_status: health and the models' status need no key.
    """

    def __init__(self, keys: ApiKeys | None, reload_guard: ReloadGuard, *, open_status: bool = False) -> None:
        self._keys = keys
        self._reload_guard = reload_guard
        self._open = _OPEN if open_status else ()

    async def intercept_service(self, continuation: Callable[[Any], Awaitable[Any]], details: Any) -> Any:
        """Return a call's handler, or one that refuses; gRPC calls this for each request."""
        handler = await continuation(details)
        if handler is None or details.method.startswith(self._open):
            return handler
        headers = {name: value for name, value in details.invocation_metadata if isinstance(value, str)}
        given = headers.get("authorization", ""), headers.get("x-api-key", "")
        try:
            if details.method == _RELOAD:
                self._reload_guard.check_caller(*given)
            elif self._keys is not None:
                self._keys.check(*given)
        except RequestError as error:
            return _refusing(handler, error)
        return handler


def _refusing(handler: Any, error: RequestError) -> Any:
    """Return a handler that refuses without waiting for the message: those who take a stream are called at once."""

    async def refuse(request: Any, context: "grpc.aio.ServicerContext") -> None:
        del request
        await context.abort(grpc.StatusCode[status_of(error).code], str(error))

    streams = handler.response_streaming
    make = grpc.stream_stream_rpc_method_handler if streams else grpc.stream_unary_rpc_method_handler
    return make(refuse)
