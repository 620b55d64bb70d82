"""Parses requests, and serialises responses, beside the event loop where they are large."""

from collections.abc import Awaitable, Callable
from typing import Any

import grpc
from google.protobuf.message import DecodeError
from tensorflow_serving.apis import (
    classification_pb2,
    inference_pb2,
    model_management_pb2,
    predict_pb2,
    regression_pb2,
)

from tfx_modules.serving.exceptions import InvalidRequestError, RequestError, status_of
from tfx_modules.serving.grpc.interception import Received
from tfx_modules.serving.grpc.wire import check_message
from tfx_modules.serving.inference.dataplane import INLINE_BYTES, DataPlane

# The messages that may be large. All others name a model or a service, and hold little else.
_LARGE: dict[str, Any] = {
    "/tensorflow.serving.PredictionService/Predict": predict_pb2.PredictRequest,
    "/tensorflow.serving.PredictionService/Classify": classification_pb2.ClassificationRequest,
    "/tensorflow.serving.PredictionService/Regress": regression_pb2.RegressionRequest,
    "/tensorflow.serving.PredictionService/MultiInference": inference_pb2.MultiInferenceRequest,
    "/tensorflow.serving.ModelService/HandleReloadConfigRequest": model_management_pb2.ReloadConfigRequest,
}


class ParsingInterceptor(grpc.aio.ServerInterceptor):  # type: ignore[misc]
    """Parses the requests itself. It must be the innermost, so that nothing is parsed for who may not ask.

    Bytes that are no message are answered with INVALID_ARGUMENT; ``grpc.aio`` would say UNKNOWN, and log a traceback.
    """

    def __init__(self, data_plane: DataPlane) -> None:
        self._data_plane = data_plane

    async def intercept_service(self, continuation: Callable[[Any], Awaitable[Any]], details: Any) -> Any:
        """Return the method's handler, with bytes as its request; gRPC calls this for each request."""
        handler = await continuation(details)
        if handler is None:
            return handler
        method: str = details.method

        async def stream(content: bytes, context: "grpc.aio.ServicerContext") -> None:
            try:
                message = await self._parse(method, content, handler.request_deserializer)
            except RequestError as error:
                await context.abort(grpc.StatusCode[status_of(error).code], str(error))
            await handler.unary_stream(message, context)

        async def answer(request: bytes | Received, context: "grpc.aio.ServicerContext") -> Any:
            received = request if isinstance(request, Received) else Received(request)
            try:
                with self._data_plane.bytes_under_way.holding(len(received.content)):
                    message = await self._parse(method, received.content, handler.request_deserializer)
                    received.model = _model(message)
                    return await self._serialised(await handler.unary_unary(message, context), handler)
            except RequestError as error:
                await context.abort(grpc.StatusCode[status_of(error).code], str(error))

        if handler.response_streaming:
            return grpc.unary_stream_rpc_method_handler(stream, response_serializer=handler.response_serializer)
        return grpc.unary_unary_rpc_method_handler(answer)

    async def _parse(self, method: str, content: bytes, parse: Callable[[bytes], Any]) -> Any:
        kind = _LARGE.get(method)
        if kind is None and len(content) > INLINE_BYTES:
            raise InvalidRequestError(
                f"the message has {len(content)} bytes; one for {method} may have {INLINE_BYTES}: send only its name"
            )
        return await self._data_plane.convert(len(content), self._checked, kind, content, parse)

    async def _serialised(self, response: Any, handler: Any) -> Any:
        return await self._data_plane.convert(response.ByteSize(), handler.response_serializer, response)

    def _checked(self, kind: Any, content: bytes, parse: Callable[[bytes], Any]) -> Any:
        if len(content) > INLINE_BYTES:
            check_message(content, kind.DESCRIPTOR, self._data_plane.limits)
        try:
            return parse(content)
        except DecodeError as error:
            raise InvalidRequestError(f"the message cannot be parsed: {error}") from error


def _model(message: Any) -> str:
    tasks = getattr(message, "tasks", None)  # of MultiInference, whose tasks all have one model
    spec = tasks[0].model_spec if tasks else getattr(message, "model_spec", None)
    return spec.name if spec is not None else ""
