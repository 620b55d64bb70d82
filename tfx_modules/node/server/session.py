"""Serves one client of the node server, from its request to the exit code of its node."""

import json
import logging
import os
import selectors
import socket
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

from tfx_modules.exceptions import NodeError
from tfx_modules.node.server.connection import Connection
from tfx_modules.node.server.guard import GuardedWatcher, guarded
from tfx_modules.node.server.process import NodeProcess
from tfx_modules.node.server.watcher import Watcher

_CHUNK = 65536
_DRAIN_SECONDS = 1.0
"""Time for the rest of the output after the node's end; a process that left its session may hold the pipe open."""
_FAILED = 1
_BAD_REQUEST = 2
_TRY_AGAIN = 75
"""EX_TEMPFAIL of sysexits.h."""
_LONGEST_WORD = 200

_logger = logging.getLogger(__name__)


class Session:
    """One client and its node. It never blocks: the watcher and ``tick`` move it on.

    An error ends this session and its node; the server and the other sessions go on.
    """

    def __init__(
        self,
        client: socket.socket,
        watcher: Watcher,
        *,
        in_child: Callable[[], None],
        finished: Callable[["Session"], None],
    ) -> None:
        """Take over an accepted connection.

        Args:
            client: the connection.
            watcher: where the session waits.
            in_child: called in the node's process first; closes what is the server's.
            finished: called once, when nothing is left to do.
        """
        self._watcher = GuardedWatcher(watcher, self._fail)
        self._in_child = in_child
        self._finished = finished
        self._node: NodeProcess | None = None
        self._exit_code: int | None = None
        self._drain_until: float | None = None
        self._answered = False
        self._closed = False
        self._connection = Connection(client, self._watcher, self)

    @property
    def running(self) -> bool:
        """Whether it has a node that has not ended, or whose output has not."""
        return self._node is not None and not self._answered

    @property
    def deadline(self) -> float | None:
        """When ``tick`` has to be called next, in seconds of ``time.monotonic``; None: never."""
        if self._drain_until is not None:
            return self._drain_until
        return self._node.kill_at if self._node else None

    def tick(self) -> None:
        """Act on a deadline that has passed."""
        if self._node is None:
            return
        node = self._node
        guarded(node.kill if self._drain_until is None else lambda: self._answer(node), self._fail)

    def cancel(self) -> None:
        """Stop the node: SIGTERM to its group, SIGKILL after ``process.KILL_AFTER_SECONDS``."""
        if self._node is None:
            self.close()
        elif self._exit_code is None:
            self._node.cancel()

    def close(self) -> None:
        """Close the connection, sent or not."""
        if not self._closed:
            self._closed = True
            self._connection.close()
            self._finished(self)

    def requested(self, line: bytes) -> None:
        """Start the node, or say why it cannot be."""
        try:
            module_root, request = _parse(line)
        except NodeError as error:
            self._refuse(str(error), _BAD_REQUEST)
            return
        try:
            self._node = NodeProcess.fork(module_root=module_root, request=request, in_child=self._in_child)
        except OSError as error:
            _logger.warning("the node server cannot fork a process for a node: %s", error)
            self._refuse(_no_process(error), _TRY_AGAIN)
            return
        self._watcher.watch(self._node.ended, selectors.EVENT_READ, self._node_ended)
        self._watcher.watch(self._node.output, selectors.EVENT_READ, self._node_printed)

    def hung_up(self) -> None:
        """Cancel the node; a client cancels by closing its end, and may still read how the node ends."""
        self.cancel()
        self._close_if_done()

    def drained(self) -> None:
        """Resume the output that waited for a slow client."""
        if self.running and self._node and not self._connection.congested:
            self._watcher.watch(self._node.output, selectors.EVENT_READ, self._node_printed)
        self._close_if_done()

    def _refuse(self, why: str, code: int) -> None:
        self._connection.send_output(f"{why}\n".encode(errors="backslashreplace"))
        self._send_exit(code)

    def _fail(self, error: Exception) -> None:
        """End the session, and kill its node, for an error that nobody foresaw."""
        # Whatever fails now fails for the same reason, most likely.
        with suppress(Exception):
            if self._node is not None:
                self._watcher.watch(self._node.output, 0, self._node_printed)
                self._node.close_output()
                if self._exit_code is None:
                    self._node.kill()
                    self._watcher.watch(self._node.ended, selectors.EVENT_READ, self._node_ended)
        with suppress(Exception):
            if not self._answered:
                self._refuse(f"the node server ended this node after an error: {error!r}; see its log", _FAILED)
        with suppress(Exception):
            self.close()

    def _node_printed(self, events: int) -> None:
        del events
        if self._node is None:
            return
        try:
            chunk = os.read(self._node.output, _CHUNK)
        except BlockingIOError:
            return
        self._connection.send_output(chunk)
        if self._exit_code is not None:
            if not chunk:
                self._answer(self._node)
        elif not chunk or self._connection.congested:
            # Either the node has closed its output, and goes on without; or the client is slow, and the node waits.
            self._watcher.watch(self._node.output, 0, self._node_printed)

    def _node_ended(self, events: int) -> None:
        del events
        if self._node is None:
            return
        self._watcher.watch(self._node.ended, 0, self._node_ended)
        self._exit_code = self._node.reap()
        if self._closed:  # after an error
            return
        self._drain_until = time.monotonic() + _DRAIN_SECONDS
        # What is left in the pipe is little, and taken however slow the client is.
        self._watcher.watch(self._node.output, selectors.EVENT_READ, self._node_printed)

    def _answer(self, node: NodeProcess) -> None:
        self._drain_until = None
        self._watcher.watch(node.output, 0, self._node_printed)
        node.close_output()
        self._send_exit(self._exit_code or 0)

    def _send_exit(self, code: int) -> None:
        self._answered = True
        self._connection.send_exit(code)
        self._close_if_done()

    def _close_if_done(self) -> None:
        if self._answered and self._connection.idle:
            self.close()


def _parse(line: bytes) -> tuple[Path, Any]:
    try:
        return _read(json.loads(line))
    except ValueError as error:
        raise _wrong(f"not JSON ({error})") from error
    # Of a line that is nested deeply, or is large where memory is short.
    except (RecursionError, MemoryError) as error:
        raise _wrong(f"nested too deeply, or too large ({type(error).__name__})") from error


def _read(message: Any) -> tuple[Path, Any]:
    if not isinstance(message, dict) or message.keys() != {"module_root", "request"}:
        raise _wrong("of another form")
    root = message["module_root"]
    if not isinstance(root, str) or not _has_node_command(Path(root)):
        msg = (
            f"module_root is {repr(root)[:_LONGEST_WORD]}; allowed: the absolute path of a folder with "
            "tfx_modules/node. Correct it."
        )
        raise NodeError(msg)
    return Path(root), message["request"]


def _has_node_command(root: Path) -> bool:
    try:
        return root.is_absolute() and (root / "tfx_modules" / "node").is_dir()
    except OSError:
        return False  # a path that is too long, say


def _no_process(error: OSError) -> str:
    return (
        f"the node server cannot start a process for the node ({error}); allowed: as many processes and open files as "
        "the limits of its user, its container and the machine's memory have room for. Let running nodes end, or raise "
        "the limit (`ulimit -u`, `ulimit -n`, pids of the container), and run the node again; those that run go on."
    )


def _wrong(what: str) -> NodeError:
    return NodeError(
        f'request line is {what}; allowed: {{"module_root": PATH, "request": {{...}}}}. Correct the client.'
    )
