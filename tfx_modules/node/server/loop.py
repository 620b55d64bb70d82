"""Runs the node server's event loop, in one thread: only a process with one thread can be forked safely."""

import selectors
import signal
import socket
import time
from types import FrameType
from typing import Any

from tfx_modules.node.server.session import Session
from tfx_modules.node.server.watcher import Watcher

_STOP_SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)


class Server:
    """Accepts clients and runs their sessions, until a signal stops it.

    It is a context manager: inside, SIGTERM, SIGINT and SIGHUP mean stop; at its end no node is left.
    """

    def __init__(self, listener: socket.socket) -> None:
        """Take over a listening socket, non-blocking."""
        self._listener = listener
        self._watcher = Watcher()
        self._sessions: set[Session] = set()
        self._stopping = False
        self._before: list[tuple[signal.Signals, Any]] = []

    def __enter__(self) -> "Server":
        signal.set_wakeup_fd(self._watcher.wakeup_fd)
        self._before = [(number, signal.signal(number, self._stop)) for number in _STOP_SIGNALS]
        self._watcher.watch(self._listener, selectors.EVENT_READ, self._accept)
        return self

    def __exit__(self, *error: object) -> None:
        self._end_sessions()
        signal.set_wakeup_fd(-1)
        for number, handler in self._before:
            signal.signal(number, handler)
        self._watcher.close_all()
        self._listener.close()

    @property
    def stopping(self) -> bool:
        """Whether a signal has come."""
        return self._stopping

    def serve(self) -> None:
        """Run nodes until a signal comes."""
        while not self._stopping:
            self._step()

    def _end_sessions(self) -> None:
        self._watcher.watch(self._listener, 0, self._accept)
        for session in list(self._sessions):
            session.cancel()
        while any(session.running for session in self._sessions):
            self._step()
        for session in list(self._sessions):
            session.close()

    def _step(self) -> None:
        deadlines = [session.deadline for session in self._sessions if session.deadline is not None]
        self._watcher.wait(max(0.0, min(deadlines) - time.monotonic()) if deadlines else None)
        now = time.monotonic()
        for session in list(self._sessions):
            if session.deadline is not None and session.deadline <= now:
                session.tick()

    def _accept(self, events: int) -> None:
        del events
        try:
            client, _ = self._listener.accept()
        except (BlockingIOError, ConnectionError):
            return  # the client has closed the connection again
        self._sessions.add(Session(client, self._watcher, self._sessions.discard))

    def _stop(self, number: int, frame: FrameType | None) -> None:
        del number, frame
        self._stopping = True
