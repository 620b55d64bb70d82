"""Entry point of the node server."""

import argparse
import logging
import os
import signal
import sys
from collections.abc import Sequence
from pathlib import Path

from tfx_modules.exceptions import NodeError
from tfx_modules.node import logs
from tfx_modules.node.server import address
from tfx_modules.node.server.loop import Server
from tfx_modules.node.server.preload import preload

_STOPPING = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)

_logger = logging.getLogger(__name__)


def main(arguments: Sequence[str]) -> int:
    """Serve until SIGTERM or SIGINT; return the exit code."""
    parser = argparse.ArgumentParser(
        prog="python -m tfx_modules.node.server",
        description="Run the node server, which forks a process for each node.",
    )
    parser.add_argument("--socket", type=Path, required=True, help="Unix socket to listen on, in a folder of its own")
    flags = parser.parse_args(arguments)
    logs.configure()
    # Whoever sees the socket may send a signal at once: it waits until the server handles it.
    signal.pthread_sigmask(signal.SIG_BLOCK, _STOPPING)
    try:
        listener = address.listen(flags.socket)
    except NodeError:
        _logger.exception("the node server cannot start")
        return 1
    with Server(listener) as server:
        try:
            signal.pthread_sigmask(signal.SIG_UNBLOCK, _STOPPING)
            preload(lambda: server.stopping)
            if not server.stopping:
                _logger.info("node server ready on %s", flags.socket)
            server.serve()
        finally:
            flags.socket.unlink(missing_ok=True)
    _logger.info("node server on %s stopped", flags.socket)
    return 0


if __name__ == "__main__":
    code = main(sys.argv[1:])
    sys.stdout.flush()
    sys.stderr.flush()
    # The libraries' exit handlers take seconds, and have nothing to clean up.
    os._exit(code)
