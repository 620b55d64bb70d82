"""Checks the name under which a server is asked. Knows no protocol.

A web page can have its own name resolve to this machine (DNS rebinding), and a browser then lets it ask servers here as
if they were its own. The name that the browser sends is still the page's.
"""

import ipaddress
import socket
from collections.abc import Iterable

from tfx_modules.serving.exceptions import ForbiddenError

ANY = "*"
_SHOWN = 100  # characters of a name in an error


class AllowedHosts:
    """The names and addresses that requests may ask for.

    Always allowed: ``localhost`` and names below it, loopback addresses, the address that the server is bound to, this
    machine's names. Where it is bound to all addresses, every address is allowed: a page has a name.
    """

    def __init__(self, more: Iterable[str], bound: str, machine: str | None = None) -> None:
        """Prepare.

        Args:
            more: further names and addresses; ``*.NAME`` = all names below, ``*`` = all.
            bound: the address that the server is bound to.
            machine: this machine's name; None = the system's.
        """
        name = (machine or socket.gethostname()).lower()
        given = [_canonical(host) for host in more]
        self._any = ANY in given
        self._names = {"localhost", name, name.partition(".")[0], *given} - {""}
        self._suffixes = (".localhost", *(host[1:] for host in given if host.startswith("*.")))
        self._bound = ipaddress.ip_address(bound.partition("%")[0])

    def check(self, host: str) -> None:
        """Check a header ``Host``.

        Args:
            host: name or address, and perhaps a port.

        Raises:
            ForbiddenError: requests may not ask for it.
        """
        name = _canonical(_without_port(host))
        if self._any or name in self._names or name.endswith(self._suffixes) or self._has_address(name):
            return
        raise ForbiddenError(
            f"the header Host names {name[:_SHOWN]!r}, which is no name of this server; allowed: "
            f"{', '.join(sorted(self._names))}, its addresses. If clients reach it under that name, start it with "
            f"--allowed_hosts={name[:_SHOWN] if name.isascii() and name.isprintable() else 'NAME'}"
        )

    def _has_address(self, name: str) -> bool:
        try:
            address = ipaddress.ip_address(name.partition("%")[0])
        except ValueError:
            return False
        return address.is_loopback or self._bound.is_unspecified or address == self._bound


def _without_port(host: str) -> str:
    host = host.strip()
    if host.startswith("["):
        return host[1:].partition("]")[0]
    name, colon, port = host.rpartition(":")
    return name if colon and ":" not in name and (port.isdigit() or not port) else host


def _canonical(name: str) -> str:
    return name.strip().strip("[]").lower().rstrip(".")
