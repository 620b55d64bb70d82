"""Creates Airflow's database, or migrates it to the installed Airflow's version."""

import subprocess
from collections.abc import Mapping
from importlib.metadata import version

from scripts.errors import StackError
from scripts.stack.paths import StackPaths
from scripts.stack.plugins import make_plugins_importable
from scripts.stack.tail import last_lines

MIGRATED = "migrated"
"""The file beside the database that names the version of Airflow that it was migrated for."""


def ensure_database(paths: StackPaths, environment: Mapping[str, str]) -> None:
    """Migrate the database unless it was migrated for the installed Airflow already.

    The stamp saves the four seconds that Airflow takes to find that there is nothing to do.

    Raises:
        StackError: The migration failed; the message ends with the end of its log.
    """
    make_plugins_importable()
    from airflow_bert_service.files import locked

    with locked(paths.airflow_home / "migrate.lock"):  # a command beside a stack that starts waits for it
        _migrate(paths, environment)


def _migrate(paths: StackPaths, environment: Mapping[str, str]) -> None:
    stamp = paths.airflow_home / MIGRATED
    wanted = version("apache-airflow-core")
    if stamp.exists() and stamp.read_text() == wanted and (paths.airflow_home / "airflow.db").exists():
        return
    paths.logs.mkdir(parents=True, exist_ok=True)
    log = paths.logs / "db-migrate.log"
    with log.open("wb") as output:
        done = subprocess.run(
            [str(paths.airflow), "db", "migrate"],
            env=dict(environment),
            cwd=paths.root,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            check=False,
        )
    if done.returncode != 0:
        raise StackError(
            f"Airflow's database in {paths.airflow_home} could not be migrated: `airflow db migrate` exited with "
            f"{done.returncode}. The end of {log}:\n{last_lines(log)}"
        )
    stamp.write_text(wanted)
