"""Counts gRPC requests for the metrics page."""

import time
from collections.abc import Callable
from typing import Any

import grpc

from tfx_modules.serving.grpc.interception import Call, Interceptor
from tfx_modules.serving.grpc.limits import COMPUTING
from tfx_modules.serving.observability.metrics import Metrics


class CountingInterceptor(Interceptor):
    """Counts inference requests, and their time.

    Args:
        served: says whether there is a model of that name. Others are counted under no name.
    """

    def __init__(self, metrics: Metrics, served: Callable[[str], bool]) -> None:
        self._metrics = metrics
        self._served = served

    async def around(self, method: str, call: Call, request: Any, context: "grpc.aio.ServicerContext") -> Any:
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
            model = _model(request)
            self._metrics.answered(
                model if self._served(model) else "",
                method.rpartition("/")[2],
                "GRPC",
                code,
                time.perf_counter() - began,
            )


def _model(request: Any) -> str:
    tasks = getattr(request, "tasks", None)  # of MultiInference, whose tasks all have one model
    spec = tasks[0].model_spec if tasks else getattr(request, "model_spec", None)
    return spec.name if spec is not None else ""
