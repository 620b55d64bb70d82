"""`python -m scripts.stack.run_retention ARGUMENTS`: becomes the retention command, with the stack's settings.

Where the stack runs, its settings apply, else the defaults; the command works without it too.
"""

import os
import sys
from collections.abc import Sequence
from typing import NoReturn

from scripts.errors import ScriptError
from scripts.stack.environment import command_environment
from scripts.stack.place import find_place


def main(arguments: Sequence[str]) -> NoReturn:
    """Run the command in this process's stead; where that cannot be done, say why and exit with 1."""
    place = find_place(os.environ)
    try:
        environment = command_environment(place, os.environ)
    except ScriptError as error:
        sys.exit(str(error))
    command = [str(place.airflow_python), "-m", "bert_service.retain", *arguments]
    environment["PYTHONPATH"] = str(place.root / "plugins")
    os.execve(place.airflow_python, command, environment)  # noqa: S606 (no shell on purpose)


if __name__ == "__main__":
    main(sys.argv[1:])
