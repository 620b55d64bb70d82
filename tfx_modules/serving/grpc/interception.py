"""The base of this server's gRPC interceptors, which see a request as bytes: the innermost (``parsing.py``) parses."""

from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

import grpc


@dataclass
class Received:
    """A request as it arrived.

    Attributes:
        content: the serialised message; empty where the call was refused before it was read.
        model: the name that the message has; empty until it has been parsed.
    """

    content: bytes
    model: str = ""


Call = Callable[[Received, "grpc.aio.ServicerContext"], Awaitable[Any]]


class Interceptor(grpc.aio.ServerInterceptor, ABC):  # type: ignore[misc]
    """Comes between a call with one request and one response, and the method that answers it."""

    @abstractmethod
    async def around(self, method: str, call: Call, request: Received, context: "grpc.aio.ServicerContext") -> Any:
        """Answer a call, by ``call(request, context)`` or otherwise.

        Args:
            method: ``/package.Service/Method``.
            call: the next interceptor.
            request: the request, not parsed yet.
            context: gRPC's, of this call.
        """

    async def intercept_service(self, continuation: Callable[[Any], Awaitable[Any]], details: Any) -> Any:
        """Put ``around`` in front of a method; gRPC calls this for each request, before its message has arrived."""
        handler = await continuation(details)
        if handler is None or handler.response_streaming:  # unknown, or a stream
            return handler
        # One that takes a stream does not wait for the message: it refuses.
        inner = handler.stream_unary if handler.request_streaming else handler.unary_unary

        async def answer(request: Any, context: "grpc.aio.ServicerContext") -> Any:
            if handler.request_streaming:
                request = Received(b"")
            elif not isinstance(request, Received):
                request = Received(request)
            return await self.around(details.method, inner, request, context)

        if handler.request_streaming:
            return grpc.stream_unary_rpc_method_handler(answer, response_serializer=handler.response_serializer)
        return grpc.unary_unary_rpc_method_handler(answer, response_serializer=handler.response_serializer)
