"""InfraValidator that checks the model in the project's own server; TFX's stock one checks it in a container.

It also measures how long the server takes for a review, which the stock one does not.
"""

import logging
import statistics
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from tfx.components.infra_validator import component, error_types, executor, serving_bins
from tfx.components.infra_validator.model_server_runners.base_runner import BaseModelServerRunner
from tfx.components.infra_validator.types import Request
from tfx.dsl.components.base import executor_spec
from tfx.proto import infra_validator_pb2
from tfx.types import Artifact

from tfx_modules.exceptions import ServingError
from tfx_modules.serving.process import ModelServerProcess

MEDIAN_SECONDS = "median_seconds"
"""Custom property of the blessing: the median time from a request for one review to its answer. Absent where there was
no answer."""
_ROUNDS = 7
"""How often each request is sent for the measuring: with three requests the median is the 11th of 21 times."""

_logger = logging.getLogger(__name__)


class ProcessRunner(BaseModelServerRunner):  # type: ignore[misc]
    """Runs the project's model server as a child process, in the form of TFX's runners. Not for containers."""

    def __init__(self, model_path: str, model_name: str) -> None:
        """Prepare the server.

        Args:
            model_path: ``.../NAME/VERSION``, a SavedModel.
            model_name: the name that requests carry.
        """
        self._server = ModelServerProcess(model_base_path=Path(model_path).parent, model_name=model_name)

    def __repr__(self) -> str:
        return f"ProcessRunner({self._server})"

    def Start(self) -> None:
        """Start the process; does not wait."""
        self._server.start()

    def WaitUntilRunning(self, deadline: float) -> None:
        """Wait until the model answers.

        Args:
            deadline: seconds since 1970.

        Raises:
            JobAborted: the process ended, or the deadline passed.
        """
        try:
            self._server.wait_ready(timeout_seconds=deadline - time.time())
        except ServingError as error:
            raise error_types.JobAborted(str(error)) from error

    def GetEndpoint(self) -> str:
        """Return the gRPC address."""
        return self._server.grpc_address

    def GetLogs(self) -> str:
        """Return the server's log."""
        return self._server.logs()

    def Stop(self) -> None:
        """Stop the process and wait for its end."""
        self._server.stop()


def median_seconds(send: Callable[[Request], None], requests: Sequence[Request]) -> float:
    """Measure requests, one after the other; each has been sent before, so that nothing is done for the first time.

    Args:
        send: sends a request and returns when it has been answered.
        requests: one or more.

    Returns:
        The median of all times, in seconds.
    """
    times = []
    for request in [*requests] * _ROUNDS:
        start = time.perf_counter()
        send(request)
        times.append(time.perf_counter() - start)
    return statistics.median(times)


class Executor(executor.Executor):  # type: ignore[misc]
    """Runs TFX's check (load, then real requests) against the project's server, and measures the latency."""

    _median: float | None = None

    def _Do(self, *, blessing: Artifact, **given: Any) -> None:
        super()._Do(blessing=blessing, **given)
        if self._median is not None:
            blessing.set_float_custom_property(MEDIAN_SECONDS, self._median)

    def _ValidateOnce(
        self,
        model_path: str,
        serving_binary: serving_bins.ServingBinary,
        serving_spec: infra_validator_pb2.ServingSpec,
        validation_spec: infra_validator_pb2.ValidationSpec,
        requests: list[Request],
    ) -> None:
        deadline = time.time() + validation_spec.max_loading_time_seconds
        runner = ProcessRunner(model_path, serving_spec.model_name)
        try:
            runner.Start()
            runner.WaitUntilRunning(deadline)
            client = serving_binary.MakeClient(runner.GetEndpoint())
            client.WaitUntilModelLoaded(deadline, polling_interval_sec=1)
            client.SendRequests(requests)
            if requests:
                self._median = median_seconds(lambda request: client.SendRequests([request]), requests)
                _logger.info("the server takes %.1f ms for a review (median)", 1000 * self._median)
        finally:
            runner.Stop()


class InfraValidator(component.InfraValidator):  # type: ignore[misc]
    """TFX's InfraValidator with the executor above."""

    EXECUTOR_SPEC = executor_spec.ExecutorClassSpec(Executor)
