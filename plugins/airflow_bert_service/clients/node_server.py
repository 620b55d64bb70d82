"""Runs a node in a fork of the node server."""

import json
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any

from airflow_bert_service.exceptions import NodeServerError
from airflow_bert_service.nodes.request import NodeRequest

_CONNECT_SECONDS = 10.0


class NodeServerTransport:
    """Has the node server run a node.

    The server has TensorFlow imported already, and forks for each request. It is not started from here: where the
    settings name a socket, a server listens there. One object runs one node.
    """

    def __init__(self, *, address: Path, module_root: Path) -> None:
        self._address = address
        self._module_root = module_root
        self._connection: socket.socket | None = None
        self._cancelled = False

    def run(self, request: NodeRequest, log: Callable[[str], None]) -> int:
        """Run a node to its end.

        Args:
            request: What to run.
            log: Called with every line of the node's output, without its line end.

        Returns:
            The exit code; negative: the signal that ended it.

        Raises:
            NodeServerError: No server listens, or it does not answer by its protocol.
        """
        with self._connect() as connection:
            self._connection = connection
            if self._cancelled:
                # The signal came while the connection was being made.
                self.cancel()
            try:
                code = self._exchange(connection, request, log)
            except ConnectionError as error:
                raise self._error(f"broke the connection while node {request.node!r} ran ({error})") from error
            finally:
                self._connection = None
        return code

    def cancel(self) -> None:
        """Have the server kill the node's whole process group.

        It may be called from a signal handler in the middle of :meth:`run`, which still returns the exit code.
        """
        self._cancelled = True
        if self._connection is not None:
            # Only our half: the server takes the end of our half as the order to cancel, and then sends its last lines.
            self._connection.shutdown(socket.SHUT_WR)

    def _connect(self) -> socket.socket:
        connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            connection.settimeout(_CONNECT_SECONDS)
            connection.connect(str(self._address))
            connection.settimeout(None)
        except OSError as error:
            connection.close()
            raise self._error(f"does not answer ({error.strerror or error})") from error
        return connection

    def _exchange(self, connection: socket.socket, request: NodeRequest, log: Callable[[str], None]) -> int:
        message = {"module_root": str(self._module_root), "request": request.to_json()}
        if not self._cancelled:
            connection.sendall(json.dumps(message).encode() + b"\n")
        with connection.makefile("rb") as answers:
            for line in answers:
                answer = self._answer(line)
                if "exit" in answer:
                    return int(answer["exit"])
                log(str(answer["log"]))
        raise self._error(f"ended the connection before node {request.node!r} had ended")

    def _answer(self, line: bytes) -> dict[str, Any]:
        try:
            answer = json.loads(line)
        except ValueError:
            answer = None
        if not isinstance(answer, dict) or not answer.keys() & {"log", "exit"}:
            raise self._error(f'answered {line[:200]!r}; allowed: JSON lines {{"log": TEXT}} and {{"exit": CODE}}')
        return answer

    def _error(self, what: str) -> NodeServerError:
        return NodeServerError(
            f"the node server at {self._address} {what}. Start it with `python -m tfx_modules.node.server --socket "
            f"{self._address}` in the TFX environment, or empty node_socket in [bert_service] for a process per node."
        )
