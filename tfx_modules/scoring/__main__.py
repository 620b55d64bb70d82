"""Entry point of the scoring command."""

import os
import signal
import sys

from tfx_modules.scoring.command import main


def _stop(*_: object) -> None:
    sys.exit(128 + signal.SIGTERM)  # as an exception, so that the unfinished file is removed


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, _stop)
    code = main()
    sys.stdout.flush()
    sys.stderr.flush()
    # The libraries' exit handlers take seconds, and have nothing to clean up.
    os._exit(code)
