"""Runs a node in a container of its own, on a Docker engine."""

import os
import signal
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path

from docker import APIClient
from docker.errors import APIError, DockerException, NotFound
from docker.types import DeviceRequest, LogConfig, Mount
from docker.utils import kwargs_from_env
from requests import RequestException

from airflow_bert_service.clients.process import KILL_AFTER_SECONDS, lines_of
from airflow_bert_service.exceptions import ContainerError
from airflow_bert_service.nodes.container import ContainerMount, NodeContainer
from airflow_bert_service.nodes.request import NodeRequest

LABEL = "bert-service"
"""Prefix of the names of the containers' labels."""
VARIABLES = {"HOME": "/tmp", "PYTHONUNBUFFERED": "1"}  # noqa: S108 (the container's own)
"""What nodes in containers get beside the image's own: none of Airflow's. The user need not be one that the
image knows, and has no home then."""
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


class ContainerTransport:
    """Makes, watches and removes the container that the node command runs in. One object runs one node.

    It imports TensorFlow anew each time, as a fresh process does. The container runs as the task's own user.

    Args:
        container: What it is made of.
        module_root: Folder that holds ``tfx_modules``; the container's working folder.
        labels: By which containers of this task are known, whichever try started them; names without :data:`LABEL`.
        try_number: The task's; a label too.
    """

    def __init__(
        self, *, container: NodeContainer, module_root: Path, labels: Mapping[str, str], try_number: int
    ) -> None:
        self._container = container
        self._module_root = module_root
        self._labels = {f"{LABEL}.{name}": value for name, value in labels.items()}
        self._try_label = {f"{LABEL}.try-number": str(try_number)}
        self._connected = False
        self._running = False
        self._cancelled = False

    def run(self, request: NodeRequest, log: Callable[[str], None]) -> int:
        """Run a node to its end.

        Args:
            request: What to run; written to a file beside the outcome.
            log: Called with every line of the node's output, without its line end, and with what there is to say of
                the container.

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
                self._connected = True
                self._remove_earlier(client, log)
                self._bring_image(client, log)
                code = self._run_container(client, path, log)
        except _FAULTS as error:
            if self._cancelled:
                return -signal.SIGKILL
            raise self._error(error) from error
        finally:
            self._running = False
        return self._exit_code(code, request, log)

    def cancel(self) -> None:
        """Stop the container: ask it to, then force it after ``KILL_AFTER_SECONDS``.

        It may be called from a signal handler in the middle of :meth:`run`, which then goes on, and sees to it that the
        container is removed. Or it is called after a time-out has thrown :meth:`run` out of the middle of its work.
        """
        self._cancelled = True
        if not self._connected:
            return
        try:
            # A client of its own: the other one may have been interrupted while it held its lock.
            with _connect(self._container) as client:
                for container in self._found(client):
                    _stop(client, container)
                    if not self._running:
                        _remove(client, container)
        except _FAULTS as error:
            raise self._error(error) from error

    def _remove_earlier(self, client: APIClient, log: Callable[[str], None]) -> None:
        """Remove containers of earlier tries: their worker was killed, and two tries must not run at the same time."""
        for earlier in self._found(client):
            log(f"removing container {earlier[:12]} of an earlier try")
            _remove(client, earlier)

    def _found(self, client: APIClient) -> list[str]:
        labels = [f"{name}={value}" for name, value in self._labels.items()]
        return [str(found["Id"]) for found in client.containers(all=True, filters={"label": labels})]

    def _bring_image(self, client: APIClient, log: Callable[[str], None]) -> None:
        """Pull the image where the engine does not have it."""
        try:
            client.inspect_image(self._container.image)
        except NotFound:
            self._pull(client, log)

    def _pull(self, client: APIClient, log: Callable[[str], None]) -> None:
        log(f"::group::Pulling image {self._container.image}")  # Airflow's UI folds it
        said: dict[str, str] = {}
        try:
            answers = client.pull(self._container.image, stream=True, decode=True)
        except APIError as error:
            raise DockerException(f"{_NO_IMAGE}: {error.explanation}") from error
        for answer in answers:
            self._raise_if_cancelled()
            if "error" in answer:
                raise DockerException(f"{_NO_IMAGE}: {answer['error']}")
            layer, status = answer.get("id", ""), answer.get("status", "")
            if said.get(layer) != status:  # the engine repeats it with every part of a layer
                said[layer] = status
                log(f"{layer}: {status}" if layer else status)
        log("::endgroup::")

    def _run_container(self, client: APIClient, request: Path, log: Callable[[str], None]) -> int:
        """Run the container to its end, and remove it; return its exit code as the engine counts."""
        log(f"starting a container of image {self._container.image}")
        container = str(client.create_container(**self._specification(client, request))["Id"])
        try:
            output = client.attach(container, stdout=True, stderr=True, stream=True)
            self._raise_if_cancelled()
            client.start(container)
            if self._cancelled:  # the signal came before the engine had started it: there was nothing to stop
                _stop(client, container)
            for line in lines_of(output):
                log(line)
            return int(client.wait(container)["StatusCode"])
        finally:
            _remove(client, container)

    def _specification(self, client: APIClient, request: Path) -> dict[str, object]:
        chosen = self._container
        return {
            "image": chosen.image,
            "command": [chosen.python, "-m", "tfx_modules.node", str(request)],
            "user": f"{os.getuid()}:{os.getgid()}",
            "working_dir": str(self._module_root),
            "environment": VARIABLES,
            "labels": {**self._labels, **self._try_label},
            "host_config": client.create_host_config(
                mounts=[_docker_mount(mount) for mount in chosen.mounts],
                network_mode=chosen.network or None,
                mem_limit=chosen.memory or None,
                device_requests=_device_requests(chosen.gpus),
                init=True,  # else the node is the first process, which the kernel spares signals
                security_opt=["no-new-privileges:true"],
                log_config=LogConfig(type=LogConfig.types.JSON),  # goes with the container
            ),
        }

    def _raise_if_cancelled(self) -> None:
        if self._cancelled:
            raise DockerException(_CANCELLED)

    def _exit_code(self, code: int, request: NodeRequest, log: Callable[[str], None]) -> int:
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


def _connect(container: NodeContainer) -> APIClient:
    """Connect to the engine, with TLS where the environment asks for it as it does for Docker's own client."""
    given = {"DOCKER_HOST": container.engine} if container.engine else {}
    return APIClient(**kwargs_from_env({**os.environ, **given}), timeout=ENGINE_SECONDS)


def _docker_mount(mount: ContainerMount) -> Mount:
    kind = "bind" if mount.source.startswith("/") else "volume"
    return Mount(target=str(mount.target), source=mount.source, type=kind, read_only=mount.read_only)


def _device_requests(gpus: int) -> list[DeviceRequest] | None:
    return [DeviceRequest(count=gpus, capabilities=[["gpu"]])] if gpus else None


def _stop(client: APIClient, container: str) -> None:
    with suppress(NotFound):  # it ended, and is gone by now
        client.stop(container, timeout=int(KILL_AFTER_SECONDS))


def _remove(client: APIClient, container: str) -> None:
    try:
        client.remove_container(container, force=True)
    except APIError as error:
        # The container does not exist any more, or is being removed already.
        if error.status_code not in _GONE:
            raise
