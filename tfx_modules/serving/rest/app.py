"""The REST application, with one table from method and action to handler."""

import json
from collections.abc import Awaitable, Callable

from google.protobuf import json_format
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import Receive, Scope, Send
from tensorflow_serving.apis import get_model_metadata_pb2

from tfx_modules.serving.exceptions import InvalidRequestError, RequestError, status_of
from tfx_modules.serving.inference.classify_regress import CLASSIFY, REGRESS, Task
from tfx_modules.serving.inference.dataplane import DataPlane
from tfx_modules.serving.rest.body import read_body
from tfx_modules.serving.rest.json.examples import read_examples, write_result
from tfx_modules.serving.rest.json.input import parse_document, read_inputs
from tfx_modules.serving.rest.json.output import write_json, write_outputs
from tfx_modules.serving.rest.url import Target, parse_path
from tfx_modules.serving.specs import PredictCall, size_of

INTERNAL_ERROR = 500
CLIENT_CLOSED_REQUEST = 499
MAX_MESSAGE = 4096  # characters of an error; some repeat what the client has sent

Handler = Callable[[DataPlane, Target, Request], Awaitable[Response]]


def create_app(data_plane: DataPlane) -> Starlette:
    """Return the application that answers from a data plane."""
    return Starlette(
        routes=[Route("/{path:path}", _Endpoint(data_plane))],
        exception_handlers={
            RequestError: _refuse,
            HTTPException: _not_found,
            ClientDisconnect: _gone,
            Exception: _fail,
        },
    )


class _Endpoint:
    """Takes every method, also those that HTTP does not know; a function would let Starlette answer them with 405."""

    def __init__(self, data_plane: DataPlane) -> None:
        self._data_plane = data_plane

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        response = await _dispatch(self._data_plane, Request(scope, receive))
        await response(scope, receive, send)


async def _dispatch(data_plane: DataPlane, request: Request) -> Response:
    path = request.scope["raw_path"].decode("latin-1")
    if not path.lower().startswith("/v1/"):
        raise HTTPException(404)
    target = parse_path(request.method, path)
    handler = _HANDLERS.get((request.method, target.action))
    if handler is None:
        # Also for a wrong method: TensorFlow Serving knows no 405.
        raise InvalidRequestError(f"Malformed request: {request.method} {path}")
    return await handler(data_plane, target, request)


async def _predict(data_plane: DataPlane, target: Target, request: Request) -> Response:
    async with read_body(data_plane, request) as body:
        document = await data_plane.convert(len(body), parse_document, body, data_plane.limits)
        async with data_plane.servable_handle(target.spec) as handle:
            signature = handle.model.signature(document.signature_name)
            call = PredictCall(signature.name, await data_plane.convert(len(body), read_inputs, document, signature))
            outputs = await data_plane.predict(handle, call)
            size = sum(map(size_of, outputs.values()))
            return _json(await data_plane.convert(size, write_outputs, outputs, rows=document.rows))


async def _infer(data_plane: DataPlane, target: Target, request: Request) -> Response:
    async with read_body(data_plane, request) as body:
        document = await data_plane.convert(len(body), read_examples, body, data_plane.limits)
        task = Task(_METHOD_NAMES[target.action], document.signature_name)
        async with data_plane.servable_handle(target.spec) as handle:
            (result,) = await data_plane.infer(handle, [task], document.examples)
            return _json(await data_plane.convert(len(body), write_result, result))


async def _status(data_plane: DataPlane, target: Target, request: Request) -> Response:
    del request
    statuses = [
        {
            "version": str(status.version),
            "state": status.state.name,
            "status": {"error_code": status.error_code, "error_message": status.error_message},
        }
        for status in data_plane.statuses(target.spec)
    ]
    return _json(write_json({"model_version_status": statuses}))


async def _metadata(data_plane: DataPlane, target: Target, request: Request) -> Response:
    del request
    async with data_plane.servable_handle(target.spec) as handle:
        signatures = get_model_metadata_pb2.SignatureDefMap(signature_def=handle.model.signature_defs)
        document = json_format.MessageToDict(
            signatures, preserving_proto_field_name=True, always_print_fields_with_no_presence=True
        )
        spec = {"name": handle.spec.name, "signature_name": "", "version": str(handle.spec.version)}
        return _json(write_json({"model_spec": spec, "metadata": {"signature_def": document}}))


_METHOD_NAMES = {":classify": CLASSIFY, ":regress": REGRESS}
_HANDLERS: dict[tuple[str, str], Handler] = {
    ("POST", ":predict"): _predict,
    ("POST", ":classify"): _infer,
    ("POST", ":regress"): _infer,
    ("GET", ""): _status,
    ("GET", "/metadata"): _metadata,
}


def _json(body: bytes, status: int = 200) -> Response:
    return Response(body, status, media_type="application/json")


def _error(message: str, status: int) -> Response:
    return _json(json.dumps({"error": message}).encode(), status)


async def _refuse(request: Request, error: Exception) -> Response:
    del request
    status = status_of(error).http if isinstance(error, RequestError) else INTERNAL_ERROR
    return _error(str(error)[:MAX_MESSAGE], status)


async def _not_found(request: Request, error: Exception) -> Response:
    status = error.status_code if isinstance(error, HTTPException) else INTERNAL_ERROR
    return _error(f"nothing is served at {request.url.path}; the API is under /v1/models/", status)


async def _gone(request: Request, error: Exception) -> Response:
    """End a request whose client disconnected before it was complete; the response is not read."""
    del request, error
    return _error("the request is not complete", CLIENT_CLOSED_REQUEST)


async def _fail(request: Request, error: Exception) -> Response:
    """Answer a defect of the server; Starlette then raises the error again, so that it is logged in full."""
    del request
    return _error(f"internal error: {type(error).__name__}; the server's log says more", INTERNAL_ERROR)
