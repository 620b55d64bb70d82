"""Answers bytes that are no message with INVALID_ARGUMENT; ``grpc.aio`` would say UNKNOWN, and log a traceback."""

from collections.abc import Awaitable, Callable
from typing import Any

import grpc
from google.protobuf.message import DecodeError


class ParsingInterceptor(grpc.aio.ServerInterceptor):  # type: ignore[misc]
    """Parses the requests of unary methods itself."""

    async def intercept_service(self, continuation: Callable[[Any], Awaitable[Any]], details: Any) -> Any:
        """Return the method's handler, with bytes as its request."""
        handler = await continuation(details)
        if handler is None or handler.unary_unary is None:
            return handler

        async def answer(content: bytes, context: "grpc.aio.ServicerContext") -> Any:
            try:
                request = handler.request_deserializer(content)
            except DecodeError as error:
                await context.abort(grpc.StatusCode.INVALID_ARGUMENT, f"the message cannot be parsed: {error}")
            return await handler.unary_unary(request, context)

        return grpc.unary_unary_rpc_method_handler(answer, response_serializer=handler.response_serializer)
