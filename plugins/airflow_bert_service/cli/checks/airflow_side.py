"""Checks Airflow, the plugin in it, the DAG files and the compiled pipeline."""

import re
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path

from airflow_bert_service.cli.checks.finding import Finding
from airflow_bert_service.exceptions import SettingsError
from airflow_bert_service.installation import MODULES, command, is_checkout, module_root_of
from airflow_bert_service.pipeline.compiler import compiled_pipeline, is_fresh
from airflow_bert_service.pipeline.source_digest import SETTINGS
from airflow_bert_service.pipelines.settings import check_settings

DAG_FILE = "bert_sentiment.py"
"""The file of the pipeline's DAG, whatever the pipeline's name is."""
OLDEST, TOO_NEW = (3, 3), (4,)
_BUNDLE = "PipelineDagBundle"


def airflow_version() -> Finding:
    """Check that the plugin supports Airflow's version."""
    found = version("apache-airflow-core")
    numbers = tuple(map(int, re.findall(r"\d+", found)[:2]))
    if OLDEST <= numbers < TOO_NEW:
        return Finding("Airflow", found)
    return Finding("Airflow", found, "install apache-airflow>=3.3,<4")


def plugin() -> Finding:
    """Check that Airflow has loaded the plugin."""
    from airflow.plugins_manager import get_import_errors, get_timetables_plugins

    from airflow_bert_service.dag.timetable import DailyUntilTimetable

    if (
        get_timetables_plugins().get(f"{DailyUntilTimetable.__module__}.{DailyUntilTimetable.__qualname__}")
        is DailyUntilTimetable
    ):
        return Finding("plugin", "loaded")
    errors = "; ".join(f"{source}: {error}" for source, error in get_import_errors().items())
    got = f"not loaded ({errors or 'Airflow has not found it'})"
    return Finding("plugin", got, "run `airflow plugins`, and correct what it shows")


def airflow_database() -> Finding:
    """Check that Airflow's database exists and is migrated, without creating it."""
    from airflow.configuration import conf
    from sqlalchemy import create_engine, inspect, make_url
    from sqlalchemy.exc import SQLAlchemyError

    what, migrate = "Airflow's database", f"run `{_airflow()} db migrate`"
    url = make_url(conf.get("database", "sql_alchemy_conn"))
    if url.get_backend_name() == "sqlite" and not Path(url.database or "").is_file():
        made = f"run `make up`, which makes it, or {migrate.removeprefix('run ')}" if is_checkout() else migrate
        return Finding(what, f"{url.database} does not exist", made)
    engine = create_engine(url)
    try:
        with engine.connect() as connection:
            there = inspect(connection).has_table("dag_run")
    except SQLAlchemyError as error:
        reason = " ".join(str(getattr(error, "orig", None) or error).split())
        return Finding(what, f"{url!r}: {reason}", "start the database, or correct [database] sql_alchemy_conn")
    finally:
        engine.dispose()
    return Finding(what, repr(url)) if there else Finding(what, f"{url!r} has no tables of Airflow", migrate)


def _airflow() -> str:
    return command("airflow") if command("airflow").startswith("scripts/") else "airflow"


def dag_files(dags: Path) -> Iterator[Finding]:
    """Check that the DAG file exists, and that its pipeline is compiled from the current sources and settings.

    Args:
        dags: The folder of the DAG files.
    """
    dag_file = dags / DAG_FILE
    if not dag_file.is_file():
        yield Finding("DAG file", f"{dag_file} does not exist", f"run `{command('init')}`, or name the DAGs folder")
        return
    yield Finding("DAG file", str(dag_file))
    yield _compiled("compiled pipeline", dags)


def further_settings(folder: Path) -> Finding:
    """Check the Airflow side's settings of a further pipeline.

    Args:
        folder: The pipeline's folder.
    """
    what = f"{folder.name}: settings"
    try:
        check_settings(folder)
    except SettingsError as error:
        return Finding(what, str(error), f"correct {folder / SETTINGS}")
    return Finding(what, str(folder / SETTINGS))


def further_compiled(folder: Path) -> Finding:
    """Check that a further pipeline is compiled.

    Args:
        folder: The pipeline's folder.
    """
    return _compiled(f"{folder.name}: compiled pipeline", folder)


def _compiled(what: str, folder: Path) -> Finding:
    from airflow.configuration import conf

    ir = compiled_pipeline(folder)
    if is_fresh(ir, module_root_of(folder) / MODULES):
        return Finding(what, str(ir))
    if _BUNDLE in conf.get("dag_processor", "dag_bundle_config_list", fallback=""):
        return Finding(what, "made by the DAG bundle")
    state = "is older than its sources or settings" if ir.is_file() else "does not exist"
    return Finding(what, f"{ir} {state}", f"run `{command('compile')}`")
