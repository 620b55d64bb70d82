"""Entry point of the promotion command."""

import sys

from tfx_modules.promotion.command import main

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
