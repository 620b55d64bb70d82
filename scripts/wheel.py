"""`python -m scripts.wheel [FOLDER]`: builds the wheel into a folder, `dist` unless another is named.

The same sources give the same bytes: what builds it is pinned with hashes, and no time or name of this machine gets in.
"""

import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from scripts.errors import SetupError
from scripts.setup.uv import UV_LOCK, find_or_fetch_uv

ROOT = Path(__file__).resolve().parents[1]
BUILD_LOCK = "requirements/build.txt"


def main(arguments: Sequence[str]) -> int:
    """Build; return the exit code."""
    folder = Path(arguments[0]) if arguments else ROOT / "dist"
    try:
        uv = find_or_fetch_uv(ROOT / ".venv", ROOT / UV_LOCK, os.environ)
    except SetupError as error:
        print(error, file=sys.stderr)
        return 1
    lock = ["--build-constraints", str(ROOT / BUILD_LOCK), "--require-hashes"]
    python = ["--python", sys.executable]
    # Another moment of the build than the sources' would be in the file names' times.
    environment = {name: value for name, value in os.environ.items() if name != "SOURCE_DATE_EPOCH"}
    command = [str(uv), "build", "--wheel", "--quiet", *python, *lock, "--out-dir", str(folder), str(ROOT)]
    code = subprocess.run(command, env=environment, check=False).returncode
    if code == 0:
        print(*sorted(str(path) for path in folder.glob("*.whl")), sep="\n")
    return code


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
