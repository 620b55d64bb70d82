"""Runs a node in a container of its own, on a Docker engine."""

import os
import signal
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from docker import APIClient
from docker.errors import APIError, DockerException, NotFound
from docker.utils import kwargs_from_env
from requests import RequestException

from airflow_bert_service.clients.process import KILL_AFTER_SECONDS
from airflow_bert_service.exceptions import ContainerError
from airflow_bert_service.nodes.container import NodeContainer
from airflow_bert_service.nodes.request import NodeRequest

ENGINE_SECONDS = 60.0
"""How long the engine may take to answer; not how long a node runs."""
_SIGNALLED = 128  # a code above: the signal that ended the node, as shells count
_NOT_STARTED = frozenset({126, 127})
_CANCELLED = "the task was cancelled before the container was started"
_NO_IMAGE = "no such image, and it cannot be pulled"
_GONE = frozenset({404, 409})
_FAULTS = (DockerException, RequestException)
_REMEDIES: Mapping[str, str] = {
    "could not select device driver": "Install NVIDIA's container toolkit on the engine's machine, or empty "
    "container_gpus in [bert_service].",
    "no such image": "Build or load container_image on the engine's machine, or have the engine reach its registry.",
    "mount": "Correct container_mounts in [bert_service]: sources are paths and volumes of the engine's machine.",
    "memory limit": "Raise container_memory in [bert_service], or empty it.",
    "network": "Correct container_network in [bert_service], or make the network (`docker network create`).",
    "permission denied": "Let the worker's user open the engine's socket (group docker), or set container_engine in "
    "[bert_service].",
    "connection": "Start the engine, or set container_engine in [bert_service] to where it is.",
    "server api version": "Start the engine, or set container_engine in [bert_service] to where it is.",
}
"""What to do, by a part of the engine's or its client's message in lower case; the first match counts."""


class EngineClient(APIClient):  # type: ignore[misc]
    """Client of a Docker engine, for one node's container.

    It adds what Airflow's DockerOperator has no argument for: an init process (without one the node is the first
    process, which the kernel spares signals), no new privileges, the exit code, and not to start it when the
    task was cancelled meanwhile.
    """

    cancelled = False
    exit_code = 0

    def pull(self, *args: Any, **kwargs: Any) -> Iterator[Any]:
        """Pull an image; yield the engine's progress messages.

        Raises:
            DockerException: The pull failed, or the task was cancelled meanwhile. The engine reports a failure among
                its progress messages, where DockerOperator ignores it.
        """
        try:
            answers = super().pull(*args, **kwargs)
        except APIError as error:
            raise DockerException(f"{_NO_IMAGE}: {error.explanation}") from error
        for answer in answers:
            self._go_on()
            if isinstance(answer, dict) and "error" in answer:
                raise DockerException(f"{_NO_IMAGE}: {answer['error']}")
            yield answer

    def create_host_config(self, *args: Any, **kwargs: Any) -> Any:
        """Return the container's host configuration: with an init process, and without new privileges."""
        return super().create_host_config(*args, **kwargs, init=True, security_opt=["no-new-privileges:true"])

    def start(self, *args: Any, **kwargs: Any) -> None:
        """Start a container, unless the task was cancelled."""
        self._go_on()
        super().start(*args, **kwargs)

    def wait(self, container: Any, *args: Any, **kwargs: Any) -> Any:
        """Wait for a container's end, and keep its exit code."""
        answer = super().wait(container, *args, **kwargs)
        self.exit_code = int(answer["StatusCode"])
        return answer

    def _go_on(self) -> None:
        if self.cancelled:
            raise DockerException(_CANCELLED)


class ContainerTransport:
    """Runs the node command in a container. One object runs one node.

    It imports TensorFlow anew each time, as a fresh process does. The container is made and watched by whoever is given
    as ``operate``: Airflow's DockerOperator.

    Args:
        container: What it is made of.
        labels: By which containers of this task are known, whichever try started them.
        operate: Called with a client and the node command; returns when the container has ended.
    """

    def __init__(
        self,
        *,
        container: NodeContainer,
        labels: Mapping[str, str],
        operate: Callable[[EngineClient, list[str]], None],
    ) -> None:
        self._container = container
        self._labels = labels
        self._operate = operate
        self._client: EngineClient | None = None
        self._running = False
        self._cancelled = False

    def run(self, request: NodeRequest, log: Callable[[str], None]) -> int:
        """Run a node to its end.

        Args:
            request: What to run; written to a file beside the outcome.
            log: Called with what there is to say of the container. The node's own output is ``operate``'s to pass on.

        Returns:
            The exit code; negative: the signal that ended it.

        Raises:
            ContainerError: The engine does not answer, or cannot make or start the container.
        """
        path = request.outcome.with_name("request.json")
        request.write(path)
        self._running = True
        try:
            with _connect(self._container) as client:
                self._client = client
                self._work(client, path, log)
        except _FAULTS as error:
            if self._cancelled:
                return -signal.SIGKILL
            raise self._error(error) from error
        finally:
            self._running = False
        return self._code(client, request, log)

    def cancel(self) -> None:
        """Stop the container: ask it to, then force it after ``KILL_AFTER_SECONDS``.

        It may be called from a signal handler in the middle of :meth:`run`, which then goes on, and sees to it that the
        container is removed. Or it is called after a time-out has thrown :meth:`run` out of the middle of its work.
        """
        self._cancelled = True
        if self._client is None:
            return
        self._client.cancelled = True
        try:
            # A client of its own: the other one may have been interrupted while it held its lock.
            with _connect(self._container) as client:
                for container in self._found(client):
                    with suppress(NotFound):  # it ended, and is gone by now
                        client.stop(container, timeout=int(KILL_AFTER_SECONDS))
                    if not self._running:
                        _remove(client, container)
        except _FAULTS as error:
            raise self._error(error) from error

    def _work(self, client: EngineClient, request: Path, log: Callable[[str], None]) -> None:
        client.cancelled = self._cancelled  # the signal may have come before there was a client
        for earlier in self._found(client):
            # Its worker was killed before it could remove it; two tries must not run at the same time.
            log(f"removing container {earlier[:12]} of an earlier try")
            _remove(client, earlier)
        self._operate(client, [self._container.python, "-m", "tfx_modules.node", str(request)])

    def _found(self, client: EngineClient) -> list[str]:
        labels = [f"{name}={value}" for name, value in self._labels.items()]
        return [str(found["Id"]) for found in client.containers(all=True, filters={"label": labels})]

    def _code(self, client: EngineClient, request: NodeRequest, log: Callable[[str], None]) -> int:
        code = client.exit_code
        if code == _SIGNALLED + signal.SIGKILL and self._container.memory and not self._cancelled:
            # The engine knows whether memory was the reason, but not always at this moment.
            log(f"the node was killed, perhaps because it took more than container_memory, {self._container.memory}")
        if code in _NOT_STARTED and not request.outcome.exists():
            raise ContainerError(
                f"the container could not start {self._container.python} (exit code {code}); allowed: the Python of "
                f"the TFX environment in {self._container.image}. Correct container_python in [bert_service]."
            )
        return _SIGNALLED - code if code > _SIGNALLED else code

    def _error(self, error: Exception) -> ContainerError:
        reason = str(getattr(error, "explanation", None) or error)
        found = (remedy for part, remedy in _REMEDIES.items() if part in reason.lower())
        where = self._container.engine or os.environ.get("DOCKER_HOST") or "unix:///var/run/docker.sock"
        return ContainerError(
            f"the Docker engine at {where} cannot run a container of image {self._container.image}: {reason}. "
            f"{next(found, 'Read the log of the engine.')}"
        )


def _connect(container: NodeContainer) -> EngineClient:
    """Connect to the engine, with TLS where the environment asks for it as it does for Docker's own client."""
    given = {"DOCKER_HOST": container.engine} if container.engine else {}
    return EngineClient(**kwargs_from_env({**os.environ, **given}), timeout=ENGINE_SECONDS)


def _remove(client: EngineClient, container: str) -> None:
    try:
        client.remove_container(container, force=True)
    except APIError as error:
        # The container does not exist any more, or is being removed already.
        if error.status_code not in _GONE:
            raise
