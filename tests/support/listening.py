"""Finds what processes listen on, and which of it others than their user can reach."""

import ipaddress
import re
import stat
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

_TCP_LISTEN = "0A"  # linux/tcp_states.h
_UDP_UNCONNECTED = "07"
_STATES = {"tcp": _TCP_LISTEN, "tcp6": _TCP_LISTEN, "udp": _UDP_UNCONNECTED, "udp6": _UDP_UNCONNECTED}
_ACCEPTS = 0x10000  # __SO_ACCEPTCON in linux/net.h, of the column Flags
_ABSTRACT = "@"
_OTHERS_ENTER = stat.S_IXGRP | stat.S_IXOTH
_OTHERS_WRITE = stat.S_IWGRP | stat.S_IWOTH


@dataclass(frozen=True)
class Listening:
    """A socket that takes connections or datagrams."""

    pid: int
    kind: str
    """``tcp``, ``tcp6``, ``udp``, ``udp6`` or ``unix``."""
    address: str
    """``ADDRESS:PORT``, or the path of a Unix socket; an abstract one begins with ``@``."""

    @property
    def on_loopback(self) -> bool:
        """Whether only this machine (or this container) reaches it."""
        if self.kind == "unix":
            return False
        return ipaddress.ip_address(self.address.rpartition(":")[0]).is_loopback

    @property
    def only_for_its_user(self) -> bool:
        """Whether it is a Unix socket that other users (root aside) cannot connect to; an abstract one never is."""
        if self.kind != "unix" or self.address.startswith(_ABSTRACT):
            return False
        # As the process sees the path: it may be relative, or that of a container.
        entry = Path(f"/proc/{self.pid}")
        path = Path(self.address) if Path(self.address).is_absolute() else (entry / "cwd").readlink() / self.address
        inside = entry / "root" / path.relative_to("/")
        if not inside.exists():
            return True  # it is deleted: nobody can name it
        folders = [parent for parent in inside.parents if parent.is_relative_to(entry / "root")]
        closed = any(not folder.stat().st_mode & _OTHERS_ENTER for folder in folders)
        return closed or not inside.stat().st_mode & _OTHERS_WRITE


def listening(pids: Iterable[int]) -> list[Listening]:
    """Return what the living among the processes listen on, each in its own network namespace."""
    found = []
    for pid in pids:
        with suppress(FileNotFoundError, ProcessLookupError):  # it has ended meanwhile
            inodes = set(_sockets(pid))
            found += [Listening(pid, kind, address) for kind, address, inode in _table(pid) if inode in inodes]
    return found


def open_to_others(pids: Iterable[int]) -> list[Listening]:
    """Return what more than this machine's loopback or the processes' own user reaches: nothing should be in it."""
    return [each for each in listening(pids) if not each.on_loopback and not each.only_for_its_user]


def process_tree(top: int) -> list[int]:
    """Return a process and all below it."""
    children: dict[int, list[int]] = {}
    for entry in Path("/proc").glob("[0-9]*"):
        with suppress(FileNotFoundError, ProcessLookupError):
            parent = int((entry / "stat").read_text(errors="replace").rpartition(")")[2].split()[1])
            children.setdefault(parent, []).append(int(entry.name))
    found = [top]
    for pid in found:
        found += children.get(pid, [])
    return found


def _sockets(pid: int) -> Iterator[str]:
    for link in Path(f"/proc/{pid}/fd").iterdir():
        with suppress(FileNotFoundError):  # closed meanwhile
            if socket := re.fullmatch(r"socket:\[(\d+)\]", str(link.readlink())):
                yield socket[1]


def _table(pid: int) -> Iterator[tuple[str, str, str]]:
    """Yield kind, address and inode of all that listens in the network namespace of a process."""
    folder = Path(f"/proc/{pid}/net")
    for kind, state in _STATES.items():
        for row in _rows(folder / kind):
            if row[3] == state:
                yield kind, _address(row[1]), row[9]
    for row in _rows(folder / "unix"):
        # Num RefCount Protocol Flags Type St Inode Path; one without a name cannot be reached by others.
        if len(row) > 7 and (int(row[3], 16) & _ACCEPTS or row[7].startswith(_ABSTRACT)):
            yield "unix", row[7], row[6]


def _rows(table: Path) -> list[list[str]]:
    # IPv6 may be switched off.
    return [line.split(maxsplit=11) for line in table.read_text().splitlines()[1:]] if table.exists() else []


def _address(written: str) -> str:
    """Read ``ADDRESS:PORT`` as the kernel writes it: hexadecimal, in words of four bytes in the machine's order."""
    address, _, port = written.partition(":")
    words = [bytes.fromhex(address[start : start + 8])[::-1] for start in range(0, len(address), 8)]
    found = ipaddress.ip_address(b"".join(words))
    # A socket of IPv6 may be bound to an address of IPv4.
    return f"{getattr(found, 'ipv4_mapped', None) or found}:{int(port, 16)}"
