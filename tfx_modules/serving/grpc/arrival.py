"""Ends calls whose message does not arrive, and notes which connections wait for an answer."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import grpc

from tfx_modules.serving.grpc.connections import GrpcConnections
from tfx_modules.serving.security.api_keys import ApiKeys


class ArrivalInterceptor(grpc.aio.ServerInterceptor):  # type: ignore[misc]
    """Reads the message of unary calls itself, for ``grpc.aio`` waits for it without end. It must be the first.

    Args:
        connections: gets to know what happens on each.
        keys: connections on which one of these was shown are closed last; None = all are alike.
        seconds: time for a message to arrive.
    """

    def __init__(self, connections: GrpcConnections, keys: ApiKeys | None, seconds: float) -> None:
        self._connections = connections
        self._keys = keys
        self._seconds = seconds

    async def intercept_service(self, continuation: Callable[[Any], Awaitable[Any]], details: Any) -> Any:
        """Return a handler that takes its message from a stream of one; gRPC calls this for each request."""
        handler = await continuation(details)
        if handler is None or handler.unary_unary is None:
            return handler
        metadata = details.invocation_metadata

        async def answer(messages: AsyncIterator[Any], context: "grpc.aio.ServicerContext") -> Any:
            request = await self._receive(messages, context)
            connection = self._connections.of(context.peer())
            if self._keys is not None and not connection.has_key:
                connection.has_key = _shows_key(self._keys, metadata)
            connection.began()
            try:
                return await handler.unary_unary(request, context)
            finally:
                connection.ended()

        return grpc.stream_unary_rpc_method_handler(answer, handler.request_deserializer, handler.response_serializer)

    async def _receive(self, messages: AsyncIterator[Any], context: "grpc.aio.ServicerContext") -> Any:
        task = asyncio.current_task()
        is_late = False

        def end() -> None:
            nonlocal is_late
            is_late = True
            if task is not None:
                task.cancel()

        timer = asyncio.get_running_loop().call_later(self._seconds, end)
        try:
            return await messages.__anext__()
        except StopAsyncIteration:
            await context.abort(grpc.StatusCode.INVALID_ARGUMENT, "the call has no message; send one")
        except asyncio.CancelledError:
            if not is_late:
                raise
            await context.abort(
                grpc.StatusCode.DEADLINE_EXCEEDED,
                f"the message was not complete after {self._seconds:g} s (--grpc_message_timeout_seconds); send it "
                "faster, or less",
            )
        finally:
            timer.cancel()


def _shows_key(keys: ApiKeys, metadata: Any) -> bool:
    headers = {name: value for name, value in metadata if isinstance(value, str)}
    return keys.has(headers.get("authorization", ""), headers.get("x-api-key", ""))
