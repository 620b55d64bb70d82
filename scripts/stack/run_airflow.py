"""`python -m scripts.stack.run_airflow ARGUMENTS`: becomes Airflow's command, with the stack's environment.

Where the stack runs, its ports and settings apply, else the defaults. Its database is made where there is none.
"""

import os
import sys
from collections.abc import Sequence
from typing import NoReturn

from scripts.errors import ScriptError
from scripts.stack.database import ensure_database
from scripts.stack.environment import command_environment
from scripts.stack.paths import find_paths


def main(arguments: Sequence[str]) -> NoReturn:
    """Run Airflow's command in this process's stead; where that cannot be done, say why and exit with 1."""
    paths = find_paths(os.environ)
    try:
        environment = command_environment(paths, os.environ)
        ensure_database(paths, environment)
    except ScriptError as error:
        sys.exit(str(error))
    os.execve(paths.airflow, [str(paths.airflow), *arguments], environment)  # noqa: S606 (no shell on purpose)


if __name__ == "__main__":
    main(sys.argv[1:])
