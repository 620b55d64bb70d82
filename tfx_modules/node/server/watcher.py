"""Waits until file descriptors are ready."""

import os
import selectors
import socket
from collections.abc import Callable

Watched = int | socket.socket

_WAKE_BYTES = 4096


class Watcher:
    """Calls a function when a file descriptor is ready. Not a scheduler: functions run only inside ``wait``."""

    def __init__(self) -> None:
        self._selector = selectors.DefaultSelector()
        reader, self._waker = socket.socketpair()
        for end in (reader, self._waker):
            end.settimeout(0)
        self.watch(reader, selectors.EVENT_READ, lambda _: reader.recv(_WAKE_BYTES))

    @property
    def wakeup_fd(self) -> int:
        """File descriptor for ``signal.set_wakeup_fd``: a signal ends ``wait``."""
        return self._waker.fileno()

    def watch(self, target: Watched, events: int, then: Callable[[int], object]) -> None:
        """Call ``then`` with the events whenever the target is ready for one of them; with no events, forget it.

        Args:
            target: file descriptor or socket.
            events: ``selectors.EVENT_READ``, ``EVENT_WRITE``, both or 0.
            then: called with the events that have come.
        """
        known = target in self._selector.get_map()
        if not events:
            if known:
                self._selector.unregister(target)
        elif known:
            self._selector.modify(target, events, then)
        else:
            self._selector.register(target, events, then)

    def wait(self, seconds: float | None) -> None:
        """Wait for the next events and do what they ask for.

        Args:
            seconds: longest time; None: without end.
        """
        for key, events in self._selector.select(seconds):
            # An earlier callback may have stopped the watch of a later one.
            if key.fd in self._selector.get_map():
                key.data(events)

    def close_all(self) -> None:
        """Close all that is watched, and the watcher itself."""
        for key in list(self._selector.get_map().values()):
            if isinstance(key.fileobj, socket.socket):
                key.fileobj.close()
            else:
                os.close(key.fd)
        self._waker.close()
        self._selector.close()
