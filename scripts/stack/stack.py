"""Starts the stack's services in order, waits until they are ready, and stops them."""

import socket
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from scripts.errors import NotReadyError, StackError
from scripts.stack.api import AirflowApi
from scripts.stack.credentials import USER, ensure_credentials
from scripts.stack.database import ensure_database
from scripts.stack.descendants import adopt_orphans
from scripts.stack.environment import Choices, airflow_environment, plain_environment, write_session
from scripts.stack.lock import only_stack
from scripts.stack.paths import RESTORING, StackPaths, make_private_folder, socket_path
from scripts.stack.ports import LOOPBACK, Ports, check_free
from scripts.stack.processes import Processes
from scripts.stack.services import airflow_services, model_server, node_server, server_address
from scripts.stack.settings_check import check_settings
from scripts.stack.signals import Interrupts
from scripts.stack.sources.service import Service, ServiceReader, Stage
from scripts.stack.waiting import ProgressReporter, wait_until

READY_SECONDS = 180.0
AIRFLOW_SERVICES = ("metadatabase", "scheduler", "triggerer", "dag_processor")


@dataclass(frozen=True)
class Stack:
    """A running stack. Made by :func:`running_stack`, and invalid after its block."""

    paths: StackPaths
    ports: Ports
    api: AirflowApi
    processes: Processes
    node_socket: Path
    sources: ServiceReader
    """Compares the sources on disk with what is in service."""

    def wait_for_airflow(self, progress: ProgressReporter) -> None:
        """Wait until Airflow and the node server can run tasks.

        Raises:
            StackError: A part died.
            NotReadyError: A part is not healthy in time.
        """
        self._wait(self._missing_for_tasks, progress)

    def wait_for_dag(self, progress: ProgressReporter) -> Service:
        """Wait until the DAG of the sources on disk is in service, or is refused.

        Returns:
            What is in service. Where the sources are refused, :meth:`~scripts.stack.sources.service.Service.require`
            raises the reason.

        Raises:
            StackError: A part died.
            NotReadyError: Neither happens in time.
        """
        found: list[Service] = []

        def missing() -> str:
            found[:] = [self.sources.read()]
            return found[0].text if found[0].stage is Stage.PENDING else ""

        self._wait(missing, progress)
        return found[0]

    def wait_for_model_server(self, progress: ProgressReporter) -> None:
        """Wait until the model server accepts connections; whether it has a model is another question.

        Raises:
            StackError: A part died.
            NotReadyError: It does not listen in time.
        """
        self._wait(lambda: "" if _accepts(self.ports.rest) else "the model server", progress)

    def _wait(self, missing: Callable[[], str], progress: ProgressReporter) -> None:
        def missing_while_all_run() -> str:
            self.processes.check()
            return missing()

        try:
            wait_until(missing_while_all_run, seconds=READY_SECONDS, progress=progress)
        except NotReadyError as error:
            raise NotReadyError(f"{error} The services' logs are in {self.paths.logs}.") from error

    def _missing_for_tasks(self) -> str:
        health = self.api.health()
        waiting = [name.replace("_", " ") for name in AIRFLOW_SERVICES if health.get(name) != "healthy"]
        if not _accepts(self.node_socket):
            waiting.append("node server")
        return ", ".join(waiting)


@contextmanager
def running_stack(
    paths: StackPaths,
    ports: Ports,
    settings: Mapping[str, str],
    *,
    interrupts: Interrupts,
    progress: ProgressReporter,
    environ: Mapping[str, str],
) -> Iterator[Stack]:
    """Start the stack; stop it, with all that it has started, when the block ends in whichever way.

    Args:
        paths: Where it lives; one stack at a time.
        ports: Where it listens.
        settings: Overrides of settings, as environment variables.
        interrupts: Held while the stack is stopped.
        progress: Where to say that it is being stopped.
        environ: The environment to build on.

    Raises:
        StackError: Another stack runs there, a restore into it has not ended, a port is taken, settings cannot be used,
            or the database cannot be made.
    """
    adopt_orphans()
    paths.state.mkdir(parents=True, exist_ok=True)
    with only_stack(paths):
        if (paths.state / RESTORING).exists():
            raise StackError(
                f"A restore into {paths.state} began and has not ended; allowed: a state that is whole. Run "
                "`scripts/bert restore FOLDER` again with the same backup: it begins anew."
            )
        check_free(ports)
        node_socket = socket_path(paths, environ)
        make_private_folder(node_socket.parent)
        node_socket.unlink(missing_ok=True)  # left by a server that was killed; ours is the only stack here
        choices = Choices(
            ports=ports, node_socket=str(node_socket), model_server=server_address(ports), settings=settings
        )
        processes = Processes()
        try:
            credentials, for_tfx = ensure_credentials(paths.secrets), plain_environment(environ)
            chosen = choices.environment()
            for_airflow = airflow_environment(paths, credentials, chosen, environ)
            check_settings(paths, for_airflow, for_tfx)
            _start(paths, choices, processes, for_airflow, for_tfx)
            api = AirflowApi(chosen["AIRFLOW__API__BASE_URL"], user=USER, password=credentials.password)
            with api:
                yield Stack(paths, ports, api, processes, node_socket, ServiceReader(paths, api, environ))
        finally:
            interrupts.hold()
            if len(processes):
                progress.say("Stopping everything.")
            paths.session.unlink(missing_ok=True)
            processes.stop()
            node_socket.unlink(missing_ok=True)
            node_socket.parent.rmdir()


def _start(
    paths: StackPaths,
    choices: Choices,
    processes: Processes,
    for_airflow: Mapping[str, str],
    for_tfx: Mapping[str, str],
) -> None:
    # First what takes longest and needs no database.
    processes.start(node_server(paths, Path(choices.node_socket), for_tfx))
    ensure_database(paths, for_airflow)
    for service in airflow_services(paths, for_airflow):
        processes.start(service)
    paths.models.mkdir(parents=True, exist_ok=True)
    processes.start(model_server(paths, choices.ports, for_tfx))
    write_session(paths, choices)


def _accepts(address: int | Path) -> bool:
    """Whether somebody accepts connections at a port of loopback, or at a Unix socket."""
    family = socket.AF_INET if isinstance(address, int) else socket.AF_UNIX
    target = (LOOPBACK, address) if isinstance(address, int) else str(address)
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.settimeout(1.0)
        return probe.connect_ex(target) == 0
