"""Entry point of the retention command."""

import sys

from tfx_modules.retention.command import main

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
