"""Beam's local runner with forked workers: the environment, the runner and the worker handler."""

import threading
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import apache_beam as beam
from apache_beam.options.pipeline_options import PipelineOptions
from apache_beam.runners.portability.fn_api_runner import fn_runner, worker_handlers
from apache_beam.transforms import environments

from tfx_modules.beam.forking import Forker, has_ended_well
from tfx_modules.beam.servers import OnUnixSockets
from tfx_modules.exceptions import BeamWorkerError

FORKED = "bert_service:env:forked:v1"
_LOST = (
    "a Beam worker has ended before its work was done: killed, perhaps for lack of memory, or crashed; the log has "
    "what it said. Run again with more memory or fewer days, or in one process: beam_pipeline_args = "
    '["--direct_running_mode=in_memory"].'
)


@environments.Environment.register_urn(FORKED, bytes)
class ForkedEnvironment(environments.Environment):  # type: ignore[misc]
    """Beam's environment for forked workers. ``ForkingRunner`` registers the handler that forks them."""

    @classmethod
    def default(cls) -> "ForkedEnvironment":
        """Make one with the capabilities of this version of Beam."""
        return cls(capabilities=environments.python_sdk_capabilities(), artifacts=())

    def to_runner_api_parameter(self, context: Any) -> tuple[str, bytes]:  # noqa: ARG002
        """Return URN and payload."""
        return FORKED, b""

    @staticmethod
    def from_runner_api_parameter(
        payload: bytes,  # noqa: ARG004
        capabilities: Iterable[str],
        artifacts: Iterable[Any],
        resource_hints: Mapping[str, bytes],
        context: Any,  # noqa: ARG004
    ) -> "ForkedEnvironment":
        """Make one from the fields of Beam's proto."""
        return ForkedEnvironment(capabilities, artifacts, resource_hints)


class ForkingRunner(fn_runner.FnApiRunner):  # type: ignore[misc]
    """Beam's local runner, whose workers a forker starts."""

    def __init__(self, forker: Forker, **rest: Any) -> None:
        """Take the forker, and what Beam's runner takes."""
        super().__init__(default_environment=ForkedEnvironment.default(), **rest)
        self._forker = forker

    def run_pipeline(self, pipeline: beam.Pipeline, options: PipelineOptions) -> Any:
        """Run a pipeline to its end.

        Raises:
            BeamWorkerError: a worker has died. What Beam raises then ("Channel closed prematurely") does not say so.
        """
        lost = threading.Event()

        def make(payload: bytes, *rest: Any) -> ForkedWorkerHandler:  # noqa: ARG001
            return ForkedWorkerHandler(self._forker.start, lost, *rest)

        worker_handlers.WorkerHandler.register_environment(FORKED, bytes)(make)
        try:
            return super().run_pipeline(pipeline, options)
        except Exception as error:
            if lost.is_set():
                raise BeamWorkerError(_LOST) from error
            raise


class ForkedWorkerHandler(OnUnixSockets):
    """Starts a worker, and fails its requests when it dies; Beam would wait for the answers for ever."""

    def __init__(self, start: Callable[[Mapping[str, str]], int], lost: threading.Event, *rest: Any) -> None:
        """Take over Beam's arguments.

        Args:
            start: starts a worker, and returns a descriptor for ``has_ended_well``.
            lost: set when the worker has died.
            rest: what Beam passes to every handler.
        """
        super().__init__(*rest)
        self._start = start
        self._lost = lost
        self._watch: threading.Thread | None = None

    def start_worker(self) -> None:
        """Start the worker."""
        ended = self._start(self.worker_environment())
        self._watch = threading.Thread(name="beam_worker", target=self._wait, args=(ended,), daemon=True)
        self._watch.start()

    def stop_worker(self) -> None:
        """Wait for the worker, which Beam has asked to stop."""
        self.stopping.set()
        if self._watch is not None:
            self._watch.join()

    def _wait(self, ended: int) -> None:
        if has_ended_well(ended):
            return
        self._lost.set()
        self.fail_requests(BeamWorkerError(_LOST))
