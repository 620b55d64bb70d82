"""Reads a client's request line, and writes JSON lines back."""

import json
import selectors
import socket
from typing import Protocol

from tfx_modules.node.server.guard import GuardedWatcher

BACKLOG = 1024 * 1024
"""Bytes that wait for a slow client; with more of them, the node's output stays in its pipe and the node waits."""

_CHUNK = 65536
_LONGEST_REQUEST = 4 * 1024 * 1024
_LONGEST_LINE = 65536


class Listener(Protocol):
    """Receives the events of a connection."""

    def requested(self, line: bytes) -> None:
        """The client has sent its request."""

    def hung_up(self) -> None:
        """The client has closed its end, or more than its own."""

    def drained(self) -> None:
        """There is room for output again; perhaps all has been sent."""


class Connection:
    """A client's connection, buffered in both directions; it never blocks."""

    def __init__(self, client: socket.socket, watcher: GuardedWatcher, listener: Listener) -> None:
        client.settimeout(0)
        self._client = client
        self._watcher = watcher
        self._listener = listener
        self._incoming = bytearray()
        self._outgoing = bytearray()
        self._unfinished = b""
        self._reading = True
        self._requested = False
        self._update()

    @property
    def congested(self) -> bool:
        """Whether the client is so slow that nothing more should be sent now."""
        return len(self._outgoing) > BACKLOG

    @property
    def idle(self) -> bool:
        """Whether all has been sent."""
        return not self._outgoing

    def send_output(self, output: bytes) -> None:
        """Send what the node printed, by lines; the rest waits for its end."""
        *lines, rest = (self._unfinished + output).split(b"\n")
        if len(rest) > _LONGEST_LINE:
            lines, rest = [*lines, rest], b""
        self._unfinished = rest
        self._queue([{"log": line.decode(errors="backslashreplace").rstrip("\r")} for line in lines])

    def send_exit(self, code: int) -> None:
        """Send the last line, and how the node ended."""
        if self._unfinished:
            self.send_output(b"\n")
        self._queue([{"exit": code}])

    def close(self) -> None:
        """Close the connection; what was not sent is lost."""
        self._watcher.watch(self._client, 0, self._ready)
        self._client.close()

    def _queue(self, answers: list[dict[str, object]]) -> None:
        self._outgoing += b"".join(json.dumps(answer).encode() + b"\n" for answer in answers)
        self._write()

    def _ready(self, events: int) -> None:
        if events & selectors.EVENT_WRITE:
            self._write()
            self._listener.drained()
        elif events & selectors.EVENT_READ:
            self._read()

    def _read(self) -> None:
        try:
            chunk = self._client.recv(_CHUNK)
        except BlockingIOError:
            return
        except OSError:
            self._lose()
            return
        if not chunk:
            self._stop_reading()
        elif not self._requested:
            self._take(chunk)

    def _take(self, chunk: bytes) -> None:
        self._incoming += chunk
        line, end, _ = self._incoming.partition(b"\n")
        if end or len(self._incoming) > _LONGEST_REQUEST:
            self._requested = True
            self._listener.requested(bytes(line))

    def _write(self) -> None:
        try:
            while self._outgoing:
                sent = self._client.send(memoryview(self._outgoing)[:_CHUNK])
                del self._outgoing[:sent]
        except BlockingIOError:
            pass  # the client reads slowly; the watcher tells when it goes on
        except OSError:
            self._lose()
            return
        self._update()

    def _lose(self) -> None:
        self._outgoing.clear()
        self._update()
        self._stop_reading()

    def _stop_reading(self) -> None:
        if self._reading:
            self._reading = False
            self._update()
            self._listener.hung_up()

    def _update(self) -> None:
        events = selectors.EVENT_READ if self._reading else 0
        self._watcher.watch(self._client, events | (selectors.EVENT_WRITE if self._outgoing else 0), self._ready)
