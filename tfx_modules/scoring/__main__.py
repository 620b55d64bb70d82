"""Entry point of the scoring command."""

import os
import signal
import sys

from tfx_modules.common.parent_death import die_with


def _stop(*_: object) -> None:
    sys.exit(128 + signal.SIGTERM)  # as an exception, so that the unfinished file is removed


if __name__ == "__main__":
    # It leads a session of its own. When its task is killed with SIGKILL, it must not put scores in place of those of a
    # later try.
    die_with(os.getppid())
    signal.signal(signal.SIGTERM, _stop)
    # Imported after that: it takes seconds.
    from tfx_modules.scoring.command import main

    code = main()
    sys.stdout.flush()
    sys.stderr.flush()
    # The libraries' exit handlers take seconds, and have nothing to clean up.
    os._exit(code)
