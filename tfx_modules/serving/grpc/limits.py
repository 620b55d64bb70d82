"""Limits the concurrent gRPC requests, and ends them at the client's deadline.

gRPC itself sees to a request's size, and cancels the calls of clients that leave.
"""

from typing import Any

import grpc

from tfx_modules.serving.exceptions import RequestError, status_of
from tfx_modules.serving.grpc.interception import Call, Interceptor, Received
from tfx_modules.serving.security.admission import Admission, within

COMPUTING = frozenset(
    f"/tensorflow.serving.PredictionService/{name}" for name in ("Predict", "Classify", "Regress", "MultiInference")
)


class LimitInterceptor(Interceptor):
    """Admits inference requests, and ends them at their deadline."""

    def __init__(self, admission: Admission) -> None:
        self._admission = admission

    async def around(self, method: str, call: Call, request: Received, context: "grpc.aio.ServicerContext") -> Any:
        """Answer a call."""
        if method not in COMPUTING:
            return await call(request, context)
        try:
            return await within(context.time_remaining(), self._in_place(call, request, context))
        except RequestError as error:
            await context.abort(grpc.StatusCode[status_of(error).code], str(error))

    async def _in_place(self, call: Call, request: Received, context: "grpc.aio.ServicerContext") -> Any:
        async with self._admission.place():
            return await call(request, context)
