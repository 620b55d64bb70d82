"""Entry point of the node command."""

import sys

from tfx_modules.node.command import main

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
