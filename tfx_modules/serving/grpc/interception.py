"""The base of this server's gRPC interceptors."""

from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable
from typing import Any

import grpc

Call = Callable[[Any, "grpc.aio.ServicerContext"], Awaitable[Any]]


class Interceptor(grpc.aio.ServerInterceptor, ABC):  # type: ignore[misc]
    """Comes between a call with one request and one response, and the method that answers it."""

    @abstractmethod
    async def around(self, method: str, call: Call, request: Any, context: "grpc.aio.ServicerContext") -> Any:
        """Answer a call, by ``call(request, context)`` or otherwise.

        Args:
            method: ``/package.Service/Method``.
            call: the method, or the next interceptor.
            request: the request's message.
            context: gRPC's, of this call.
        """

    async def intercept_service(self, continuation: Callable[[Any], Awaitable[Any]], details: Any) -> Any:
        """Put ``around`` in front of a method; gRPC calls this for each request."""
        handler = await continuation(details)
        if handler is None or handler.unary_unary is None:  # unknown, or a stream
            return handler

        async def answer(request: Any, context: "grpc.aio.ServicerContext") -> Any:
            return await self.around(details.method, handler.unary_unary, request, context)

        return grpc.unary_unary_rpc_method_handler(answer, handler.request_deserializer, handler.response_serializer)
