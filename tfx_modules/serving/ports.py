"""Binds the server's ports, before anything slow is imported."""

import errno
import socket
from dataclasses import dataclass

from tfx_modules.serving.exceptions import PortError
from tfx_modules.serving.flags.server_flags import ServerFlags


@dataclass(frozen=True)
class BoundPort:
    """A bound port, which no other process can take meanwhile.

    Attributes:
        flag: the flag that chose the port.
        held: bound, not listening.
    """

    flag: str
    held: socket.socket

    @property
    def port(self) -> int:
        """The port's number, also where any free one was asked for."""
        port: int = self.held.getsockname()[1]
        return port

    @property
    def host(self) -> str:
        """The address that it is bound to, without the port."""
        host: str = self.held.getsockname()[0]
        return host

    @property
    def address(self) -> str:
        """``host:port``, with brackets around an IPv6 host."""
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"

    def release(self) -> None:
        """Close the socket, for a server that has to bind the port itself."""
        self.held.close()


def _bind(flag: str, host: str, port: int) -> BoundPort:
    family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
    held = socket.socket(family, kind, protocol)
    # A restarted server gets its port back although old connections linger; a listening one still keeps others out.
    held.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        held.bind(address)
    except OSError as error:
        held.close()
        if error.errno == errno.EADDRINUSE:
            raise PortError(f"port {port} on {host} is taken; give another with {flag} (0 = any free port)") from error
        raise PortError(f"cannot bind {flag}={port} on --host={host}: {error.strerror}") from error
    return BoundPort(flag, held)


def bind_ports(flags: ServerFlags) -> tuple[BoundPort, BoundPort]:
    """Bind the gRPC and the REST port.

    Raises:
        PortError: one is taken (names the flag that changes it), or the host is not an address of this machine.
    """
    try:
        grpc_port = _bind("--port", flags.host, flags.port)
        try:
            return grpc_port, _bind("--rest_api_port", flags.host, flags.rest_api_port)
        except BaseException:
            grpc_port.release()
            raise
    except socket.gaierror as error:
        raise PortError(f"--host={flags.host} is not an address: {error.strerror}; try 127.0.0.1") from error
