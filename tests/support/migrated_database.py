"""Airflow's database as `airflow db migrate` leaves it, made once a process, for tests that are not about that."""

import atexit
import functools
import os
import shutil
import sqlite3
import subprocess
import sys
import tempfile
from contextlib import closing
from pathlib import Path

NAME = "airflow.db"


def put_migrated_database(home: Path) -> None:
    """Put the database into a home of Airflow, unless it has one.

    One without tables is an error: a test has asked Airflow for something before, and this process keeps it open.
    """
    if not (home / NAME).exists():
        home.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(_migrated() / NAME, home / NAME)
    with closing(sqlite3.connect(home / NAME)) as database:
        tables = database.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]
    assert tables, f"the database in {home} has no tables: a test asked Airflow for something before it was migrated"


@functools.cache
def _migrated() -> Path:
    home = tempfile.mkdtemp(prefix="airflow-migrated-")
    atexit.register(shutil.rmtree, home, ignore_errors=True)
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("AIRFLOW", "PYTHON"))}
    environment = {**kept, "AIRFLOW_HOME": home, "AIRFLOW__CORE__LOAD_EXAMPLES": "False"}
    command = [sys.executable, "-m", "airflow", "db", "migrate"]
    subprocess.run(command, env=environment, check=True, capture_output=True, timeout=180)
    return Path(home)
