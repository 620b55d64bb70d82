"""`python -m scripts.stack.run_retention ARGUMENTS`: becomes the retention command, with the stack's settings.

Where the stack runs, its settings apply, else the defaults; the command works without it too.
"""

import os
import sys
from collections.abc import Sequence
from typing import NoReturn

from scripts.errors import ScriptError
from scripts.stack.environment import command_environment
from scripts.stack.paths import find_paths


def main(arguments: Sequence[str]) -> NoReturn:
    """Run the command in this process's stead; where that cannot be done, say why and exit with 1."""
    paths = find_paths(os.environ)
    try:
        environment = command_environment(paths, os.environ)
    except ScriptError as error:
        sys.exit(str(error))
    command = [str(paths.airflow_python), "-m", "airflow_bert_service.cli.retention", *arguments]
    environment["PYTHONPATH"] = str(paths.root / "plugins")
    os.execve(paths.airflow_python, command, environment)  # noqa: S606 (no shell on purpose)


if __name__ == "__main__":
    main(sys.argv[1:])
