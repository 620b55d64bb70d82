"""Keeps an error of one session from ending the node server, and with it the nodes of all others."""

import logging
from collections.abc import Callable

from tfx_modules.node.server.watcher import Watched, Watcher

_logger = logging.getLogger(__name__)


def guarded(act: Callable[[], object], failed: Callable[[Exception], None]) -> None:
    """Do something for a session.

    Args:
        act: does it.
        failed: called with what that raises. It must not raise.
    """
    try:
        act()
    except Exception as error:
        _logger.exception("a session of the node server failed; the others go on")
        failed(error)


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
        self._watcher.watch(target, events, lambda found: guarded(lambda: then(found), self._failed))
