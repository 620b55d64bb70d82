"""Entry point of the local run."""

import os
import sys

from tfx_modules.local.command import main

if __name__ == "__main__":
    code = main(sys.argv[1:])
    sys.stdout.flush()
    sys.stderr.flush()
    # The libraries' exit handlers take seconds, and have nothing to clean up.
    os._exit(code)
