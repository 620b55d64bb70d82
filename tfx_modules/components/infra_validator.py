"""InfraValidator that tries the model in the project's own server; TFX's stock one tries it in a container."""

import time
from pathlib import Path

from tfx.components.infra_validator import component, error_types, executor, serving_bins
from tfx.components.infra_validator.model_server_runners.base_runner import BaseModelServerRunner
from tfx.components.infra_validator.types import Request
from tfx.dsl.components.base import executor_spec
from tfx.proto import infra_validator_pb2

from tfx_modules.exceptions import ServingError
from tfx_modules.serving.process import ModelServerProcess


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
        """Return what the server said."""
        return self._server.logs()

    def Stop(self) -> None:
        """Stop the process and wait for its end."""
        self._server.stop()


class Executor(executor.Executor):  # type: ignore[misc]
    """TFX's check (load, then real requests), against the project's server."""

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
        finally:
            runner.Stop()


class InfraValidator(component.InfraValidator):  # type: ignore[misc]
    """TFX's InfraValidator with the executor above."""

    EXECUTOR_SPEC = executor_spec.ExecutorClassSpec(Executor)
