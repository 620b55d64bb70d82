"""``python -m tfx_modules.serving.client``."""

import sys

from tfx_modules.serving.client.command import main

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
