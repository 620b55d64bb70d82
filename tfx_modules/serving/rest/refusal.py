"""Sends an error as a response, for the ASGI middleware around the application."""

import json
from collections.abc import Iterable

from starlette.types import Send

from tfx_modules.serving.exceptions import RequestError, status_of


async def send_refusal(error: RequestError, send: Send, headers: Iterable[tuple[bytes, bytes]] = ()) -> None:
    """Answer with TensorFlow Serving's error document."""
    body = json.dumps({"error": str(error)}).encode()
    described = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode()), *headers]
    await send({"type": "http.response.start", "status": status_of(error).http, "headers": described})
    await send({"type": "http.response.body", "body": body})
