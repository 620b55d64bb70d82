"""`python -m scripts.stack.bert SUB-COMMAND ...`: runs the project's command with the stack's environment.

Where the stack runs, its ports and settings apply, else the defaults; sub-commands work without it too. `airflow` is
Airflow's own command; before it begins runs of the pipeline's DAG, changed sources must be in service. The others are
those of `airflow_bert_service.cli`, which an installed wheel has as `bert-service`.
"""

import os
import sys
from collections.abc import Mapping, Sequence
from typing import NoReturn

from scripts.errors import ScriptError
from scripts.stack.database import ensure_database
from scripts.stack.environment import command_environment, plain_environment
from scripts.stack.paths import StackPaths, find_paths
from scripts.stack.waiting import ProgressReporter

AIRFLOW = "airflow"
NEED_DATABASE = frozenset({AIRFLOW, "roll-back"})
"""Words that ask for Airflow's database, which is made where there is none: a rollback's connections are there."""
NEED_NOTHING = frozenset({"-h", "--help", "help", "--version"})


def main(arguments: Sequence[str]) -> NoReturn:
    """Replace this process with the sub-command; where that fails, print the error and exit with 1."""
    paths = find_paths(os.environ)
    environment = plain_environment(os.environ)
    try:
        if arguments and arguments[0] not in NEED_NOTHING:
            environment = command_environment(paths, os.environ)
            if arguments[0] == AIRFLOW:
                _wait_for_sources(paths, environment, arguments[1:])
            if NEED_DATABASE & set(arguments[:2]):
                ensure_database(paths, environment)
    except ScriptError as error:
        sys.exit(str(error))
    if arguments[:1] == [AIRFLOW]:
        os.execve(paths.airflow, [str(paths.airflow), *arguments[1:]], environment)  # noqa: S606 (no shell on purpose)
    environment["PYTHONPATH"] = str(paths.root / "plugins")
    command = [str(paths.airflow_python), "-m", "airflow_bert_service.cli", *arguments]
    os.execve(paths.airflow_python, command, environment)  # noqa: S606 (no shell on purpose)


def _wait_for_sources(paths: StackPaths, environment: Mapping[str, str], arguments: Sequence[str]) -> None:
    # Imported here: other sub-commands begin no runs, and need no client of Airflow's API.
    from scripts.stack.sources.runs import begins_runs, wait_for_sources

    if begins_runs(arguments):
        # On standard error: the command's own output is for programs, too.
        progress = ProgressReporter(lambda line: print(line, file=sys.stderr, flush=True))
        wait_for_sources(paths, environment, arguments, progress)


if __name__ == "__main__":
    main(sys.argv[1:])
