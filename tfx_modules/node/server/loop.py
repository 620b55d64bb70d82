"""Runs the node server's event loop, in one thread: only a process with one thread can be forked safely."""

import logging
import selectors
import signal
import socket
import time
from types import FrameType
from typing import Any

from tfx_modules.node.server.session import Session
from tfx_modules.node.server.watcher import Watcher

_STOP_SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)
_PAUSE_SECONDS = 0.5
"""How long new clients wait where a client cannot be accepted."""
_SAY_AGAIN_SECONDS = 60.0

_logger = logging.getLogger(__name__)


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
        self._accept_again_at: float | None = None
        self._say_again_at = 0.0
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
        self._accept_again_at = None
        self._watcher.watch(self._listener, 0, self._accept)
        for session in list(self._sessions):
            session.cancel()
        while any(session.running for session in self._sessions):
            self._step()
        for session in list(self._sessions):
            session.close()

    def _step(self) -> None:
        deadlines = [*(session.deadline for session in self._sessions), self._accept_again_at]
        ahead = [deadline for deadline in deadlines if deadline is not None]
        self._watcher.wait(max(0.0, min(ahead) - time.monotonic()) if ahead else None)
        now = time.monotonic()
        for session in list(self._sessions):
            if session.deadline is not None and session.deadline <= now:
                session.tick()
        if self._accept_again_at is not None and self._accept_again_at <= now:
            self._accept_again_at = None
            self._watcher.watch(self._listener, selectors.EVENT_READ, self._accept)

    def _accept(self, events: int) -> None:
        del events
        try:
            client, _ = self._listener.accept()
        except (BlockingIOError, ConnectionError):
            return  # the client has closed the connection again
        except OSError as error:
            self._pause(error)
            return
        try:
            session = Session(client, self._watcher, in_child=self._close_in_child, finished=self._sessions.discard)
        except (OSError, MemoryError) as error:
            client.close()
            self._pause(error)
            return
        self._sessions.add(session)

    def _pause(self, error: Exception) -> None:
        """Let new clients wait, for want of file descriptors or memory; the sessions go on."""
        now = time.monotonic()
        self._watcher.watch(self._listener, 0, self._accept)
        self._accept_again_at = now + _PAUSE_SECONDS
        if now >= self._say_again_at:
            self._say_again_at = now + _SAY_AGAIN_SECONDS
            _logger.warning(
                "the node server cannot accept a client (%s); allowed: as many as its limit of open files (`ulimit "
                "-n`) has room for. %d sessions go on, and new clients wait. End some, or raise the limit.",
                error,
                len(self._sessions),
            )

    def _close_in_child(self) -> None:
        self._watcher.close_all()
        self._listener.close()  # while new clients wait, it is not watched

    def _stop(self, number: int, frame: FrameType | None) -> None:
        del number, frame
        self._stopping = True
