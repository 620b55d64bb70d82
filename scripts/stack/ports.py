"""Reads the stack's three ports, and checks that they are free."""

import errno
import socket
from collections.abc import Mapping
from dataclasses import dataclass

from scripts.errors import StackError

LOOPBACK = "127.0.0.1"
HIGHEST = 65535
DEFAULTS = {"UI_PORT": 8080, "REST_PORT": 8501, "GRPC_PORT": 8500}


@dataclass(frozen=True)
class Ports:
    """The ports that the stack listens on, all on loopback."""

    ui: int = DEFAULTS["UI_PORT"]
    """Airflow's UI and REST API."""
    rest: int = DEFAULTS["REST_PORT"]
    """The model server's REST API."""
    grpc: int = DEFAULTS["GRPC_PORT"]
    """The model server's gRPC API."""

    def by_variable(self) -> dict[str, int]:
        """Return the ports by the make variable that sets each."""
        return {"UI_PORT": self.ui, "REST_PORT": self.rest, "GRPC_PORT": self.grpc}


def read_ports(values: Mapping[str, str]) -> Ports:
    """Make ports of texts by variable; a variable that is missing or empty takes its default.

    Raises:
        StackError: A value is no port, or two are equal.
    """
    ports = {variable: _port(variable, values.get(variable) or str(default)) for variable, default in DEFAULTS.items()}
    for variable, port in ports.items():
        same = [other for other in ports if ports[other] == port]
        if len(same) > 1:
            raise StackError(f"{' and '.join(same)} are both {port}; each needs a port of its own. Change {variable}.")
    return Ports(ui=ports["UI_PORT"], rest=ports["REST_PORT"], grpc=ports["GRPC_PORT"])


def check_free(ports: Ports) -> None:
    """Check that nobody listens on the ports.

    Raises:
        StackError: Names the ports that are taken, and the variable to change each with.
    """
    taken = {variable: port for variable, port in ports.by_variable().items() if not is_free(port)}
    if taken:
        found = ", ".join(f"{port} ({variable})" for variable, port in taken.items())
        example = " ".join(f"{variable}={free_port()}" for variable in taken)
        raise StackError(
            f"On {LOOPBACK} these ports are taken: {found}. Stop what listens there, or choose others: "
            f"repeat the command with `{example}`."
        )


def is_free(port: int) -> bool:
    """Whether a server could listen on `port` of the loopback interface now."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        # As servers do it: a port in TIME_WAIT counts as free.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((LOOPBACK, port))
            probe.listen(1)
        except OSError as error:
            if error.errno in (errno.EADDRINUSE, errno.EACCES):
                return False
            raise
    return True


def free_port() -> int:
    """Return a port that nobody listens on at this moment."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.bind((LOOPBACK, 0))
        return int(probe.getsockname()[1])


def _port(variable: str, value: str) -> int:
    if not value.isascii() or not value.isdigit() or not 1 <= int(value) <= HIGHEST:
        raise StackError(f"{variable} is {value!r}; allowed: a number from 1 to {HIGHEST}. Set another.")
    return int(value)
