"""Counts gRPC requests for the metrics page."""

import time
from collections.abc import Callable
from typing import Any

import grpc

from tfx_modules.serving.grpc.interception import Call, Interceptor, Received
from tfx_modules.serving.grpc.limits import COMPUTING
from tfx_modules.serving.observability.metrics import Metrics


class CountingInterceptor(Interceptor):
    """Counts inference requests, and their time.

    Args:
        served: says whether there is a model of that name. Others are counted under no name, and
            so are calls that were refused before their message was parsed.
    """

    def __init__(self, metrics: Metrics, served: Callable[[str], bool]) -> None:
        self._metrics = metrics
        self._served = served

    async def around(self, method: str, call: Call, request: Received, context: "grpc.aio.ServicerContext") -> Any:
        """Answer a call."""
        if method not in COMPUTING:
            return await call(request, context)
        began = time.perf_counter()
        code = "CANCELLED"
        try:
            response = await call(request, context)
        except grpc.aio.AbortError:
            code = context.code().name
            raise
        else:
            code = "OK"
            return response
        finally:
            self._metrics.answered(
                request.model if self._served(request.model) else "",
                method.rpartition("/")[2],
                "GRPC",
                code,
                time.perf_counter() - began,
            )
