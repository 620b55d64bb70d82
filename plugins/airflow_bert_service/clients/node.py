"""Runs one TFX node from outside the TFX environment, and returns its outcome."""

import shutil
import signal
import tempfile
from collections.abc import Callable
from dataclasses import fields
from pathlib import Path
from typing import Protocol

from airflow_bert_service.clients.node_server import NodeServerTransport
from airflow_bert_service.clients.process import SubprocessTransport
from airflow_bert_service.exceptions import NodeCancelledError, OutcomeError
from airflow_bert_service.nodes.environment import NodeEnvironment
from airflow_bert_service.nodes.outcome import NodeOutcome, NodeState, read_outcome
from airflow_bert_service.nodes.request import NodeRequest, NodeRun, PipelinePlaces
from airflow_bert_service.settings.database_url import database_url

_GOOD_STATES = {NodeState.COMPLETE, NodeState.CACHED, NodeState.REUSED, NodeState.SKIPPED}


class NodeTransport(Protocol):
    """A way to run the node command."""

    def run(self, request: NodeRequest, log: Callable[[str], None]) -> int:
        """Run a node to its end, passing on its log; return the exit code, negative for a signal."""

    def cancel(self) -> None:
        """Kill the running node and its child processes. Safe in a signal handler in the middle of ``run``."""


class NodeClient:
    """Runs nodes in one environment.

    It does not import Airflow, and is not an Airflow hook. One object runs one node at a time.

    Args:
        environment: Where nodes run.
        transport: How the node command is run; None: as the environment's settings ask for.
    """

    def __init__(self, environment: NodeEnvironment, transport: NodeTransport | None = None) -> None:
        self._environment = environment
        self._transport = transport or transport_for(environment)
        self._cancelled = False

    def run(self, run: NodeRun, log: Callable[[str], None]) -> NodeOutcome:
        """Run a node to its end.

        Args:
            run: What to run.
            log: Called with every line of the node's output.

        Returns:
            The node's outcome, of a success or a failure.

        Raises:
            NodeCancelledError: :meth:`cancel` was called meanwhile.
            NodeServerError: The node server failed.
            ContainerError: The Docker engine failed, or cannot make the node's container.
            OutcomeError: The node's process ended without writing an outcome.
            SettingsError: The TFX environment does not exist where the settings say.
        """
        self._environment.outcomes.mkdir(parents=True, exist_ok=True)
        # A folder of its own for each try, readable by this user alone: the request may hold a password, and an earlier
        # try's outcome must not be taken for this one's.
        folder = Path(tempfile.mkdtemp(prefix=f"{run.node}-", dir=self._environment.outcomes))
        try:
            request = self._request(run, folder / "outcome.json")
            code = self._transport.run(request, log)
            if self._cancelled:
                raise NodeCancelledError(
                    f"node {run.node!r} was killed ({describe_exit(code)}): its task was cancelled."
                )
            return _read(request, code, log)
        finally:
            shutil.rmtree(folder, ignore_errors=True)

    def cancel(self) -> None:
        """Kill the running node with its whole process group; :meth:`run` then raises."""
        self._cancelled = True
        self._transport.cancel()

    def _request(self, run: NodeRun, outcome: Path) -> NodeRequest:
        places = {place.name: getattr(self._environment, place.name) for place in fields(PipelinePlaces)}
        addresses = {name: database_url(places[name]) for name in ("metadata", "ledger")}
        return NodeRequest(**{**vars(run), **places, **addresses}, outcome=outcome)


def transport_for(environment: NodeEnvironment) -> NodeTransport:
    """Return the transport that the settings ask for: the node server where they name its socket, else a process."""
    if environment.node_socket is not None:
        return NodeServerTransport(address=environment.node_socket, module_root=environment.module_root)
    return SubprocessTransport(python=environment.tfx_python, module_root=environment.module_root)


def describe_exit(code: int) -> str:
    """Describe an exit code in words.

    Args:
        code: As :class:`subprocess.Popen` gives it; negative: a signal's number.
    """
    if code >= 0:
        return f"exit code {code}"
    known = {number.value: number.name for number in signal.Signals}
    return f"signal {known.get(-code, -code)}"


def _read(request: NodeRequest, code: int, log: Callable[[str], None]) -> NodeOutcome:
    try:
        outcome = read_outcome(request.outcome, request.node)
    except OutcomeError as error:
        raise OutcomeError(f"node {request.node!r} ended with {describe_exit(code)}: {error}") from error
    if code != 0 and outcome.state in _GOOD_STATES:
        # The outcome is written last: the work is done and recorded, and only the process's own end went wrong.
        log(f"node {request.node!r} is {outcome.state.value}, but its process ended with {describe_exit(code)}")
    return outcome
