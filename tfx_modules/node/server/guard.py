"""Keeps an error of one session from ending the node server, and with it the nodes of all others."""

from collections.abc import Callable

from tfx_modules.node.server.watcher import Watched, Watcher


class GuardedWatcher:
    """A session's way to the watcher: what its functions raise is told to the session, and does not reach the loop."""

    def __init__(self, watcher: Watcher, failed: Callable[[Exception], None]) -> None:
        """Take the server's watcher.

        Args:
            watcher: where the session waits.
            failed: called with each error of a function that is watched for. It must not raise.
        """
        self._watcher = watcher
        self._failed = failed

    def watch(self, target: Watched, events: int, then: Callable[[int], object]) -> None:
        """Call ``then`` with the events whenever the target is ready; see ``Watcher.watch``."""

        def guarded(found: int) -> None:
            try:
                then(found)
            except Exception as error:
                self._failed(error)

        self._watcher.watch(target, events, guarded)

    def close_all(self) -> None:
        """Close all that the server watches; for the fork."""
        self._watcher.close_all()
