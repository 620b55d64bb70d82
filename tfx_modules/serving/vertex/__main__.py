"""``python -m tfx_modules.serving.vertex``: serve the version that a Vertex endpoint has started a container for."""

import argparse
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import NoReturn

from tfx_modules.exceptions import ServingError
from tfx_modules.serving.vertex.container import Container


def main(arguments: Sequence[str]) -> NoReturn:
    """Fetch the version's files, and become the model server; exit with 1 where that cannot be."""
    parser = argparse.ArgumentParser(prog="python -m tfx_modules.serving.vertex", description=__doc__)
    parser.add_argument("--models", type=Path, default=Path("/models"), help="gets the model (default: %(default)s)")
    parser.add_argument("--host", default="0.0.0.0", help="the address of the server (default: %(default)s)")  # noqa: S104
    flags = parser.parse_args(arguments)
    try:
        container = Container.of(os.environ)
        # Here, since Google's client takes a second to import.
        from tfx_modules.serving.vertex.storage import StoredFolder

        print(f"model server: fetching {container.name} {container.version} from {container.address}", flush=True)
        container.fetch(StoredFolder(container.address), flags.models)
    except ServingError as error:
        print(f"model server: {error}", file=sys.stderr)
        sys.exit(1)
    words = [sys.executable, "-m", "tfx_modules.serving", *container.flags(flags.models, flags.host)]
    os.execv(words[0], words)  # noqa: S606 (no shell on purpose)


if __name__ == "__main__":
    main(sys.argv[1:])
