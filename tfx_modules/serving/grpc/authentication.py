"""Checks the API keys of gRPC calls."""

from collections.abc import Awaitable, Callable
from typing import Any

import grpc

from tfx_modules.serving.exceptions import UnauthenticatedError
from tfx_modules.serving.security.api_keys import ApiKeys

_OPEN = ("/grpc.health.v1.Health/", "/tensorflow.serving.ModelService/GetModelStatus")


class AuthenticationInterceptor(grpc.aio.ServerInterceptor):  # type: ignore[misc]
    """Lets calls with a key through, streams too.

    Args:
        open_status: health and the models' status need none.
    """

    def __init__(self, keys: ApiKeys, *, open_status: bool = False) -> None:
        self._keys = keys
        self._open = _OPEN if open_status else ()

    async def intercept_service(self, continuation: Callable[[Any], Awaitable[Any]], details: Any) -> Any:
        """Return a call's handler, or one that refuses; gRPC calls this for each request."""
        handler = await continuation(details)
        if handler is None or details.method.startswith(self._open):
            return handler
        headers = {name: value for name, value in details.invocation_metadata if isinstance(value, str)}
        try:
            self._keys.check(headers.get("authorization", ""), headers.get("x-api-key", ""))
        except UnauthenticatedError as error:
            return _refusing(handler, str(error))
        return handler


def _refusing(handler: Any, message: str) -> Any:
    async def refuse(request: Any, context: "grpc.aio.ServicerContext") -> None:
        del request
        await context.abort(grpc.StatusCode.UNAUTHENTICATED, message)

    streams = handler.response_streaming
    make = grpc.unary_stream_rpc_method_handler if streams else grpc.unary_unary_rpc_method_handler
    return make(refuse, handler.request_deserializer, handler.response_serializer)
