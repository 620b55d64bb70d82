"""``doctor``: checks the installation, and says what to do about each problem."""

import argparse
from collections.abc import Iterator, Sequence
from pathlib import Path

from airflow_bert_service.cli.checks import airflow_side, places, tfx_side
from airflow_bert_service.cli.checks.finding import Finding
from airflow_bert_service.cli.places import dags_folder
from airflow_bert_service.exceptions import SettingsError
from airflow_bert_service.installation import program
from airflow_bert_service.pipeline.folders import further_folders
from airflow_bert_service.pipeline.name import pipeline_name
from airflow_bert_service.pipelines.settings import pipeline_settings
from airflow_bert_service.settings.settings import Settings, load_settings


def main(arguments: Sequence[str]) -> int:
    """Print a line for each check; return the exit code, 1 where a check failed."""
    parser = argparse.ArgumentParser(
        prog=f"{program()} doctor",
        description="Check the installation: versions, folders and their permissions, sockets, databases and the "
        "encoder's digests. It changes nothing. The exit code is 1 when a check fails.",
    )
    parser.add_argument("dags_folder", nargs="?", type=Path, help="folder of the DAG files (default: Airflow's)")
    flags = parser.parse_args(arguments)
    wrong = 0
    for finding in _findings(flags.dags_folder):
        print(finding, flush=True)
        wrong += finding.is_wrong
    print(f"{wrong} check{'s' if wrong > 1 else ''} failed." if wrong else "Nothing is wrong.")
    return 1 if wrong else 0


def _findings(given: Path | None) -> Iterator[Finding]:
    yield airflow_side.airflow_version()
    try:
        settings = load_settings()
    except SettingsError as error:
        yield Finding("settings", str(error), "correct section [bert_service]; the other checks were skipped")
        return
    yield Finding("settings", "read")
    dags = (given or dags_folder(settings)).absolute()
    try:
        name = pipeline_name(dags)
    except SettingsError as error:
        yield Finding("pipeline's settings", str(error), "correct them; the other checks were skipped")
        return
    yield from _of_settings(settings, dags, name)


def _of_settings(settings: Settings, dags: Path, name: str) -> Iterator[Finding]:
    yield airflow_side.plugin()
    yield airflow_side.airflow_database()
    yield from airflow_side.dag_files(dags)
    yield from places.folders(settings, name)
    yield from places.node_socket(settings)
    yield from places.feed(settings)
    yield from places.model_servers(settings, name)
    further = list(further_folders(dags))
    for folder in further:
        yield from _of_further(folder)
    yield from tfx_side.tfx_side(settings, dags, further)


def _of_further(folder: Path) -> Iterator[Finding]:
    """Check what a further pipeline has for itself; where its settings cannot be used, nothing else of it."""
    finding = airflow_side.further_settings(folder)
    yield finding
    if finding.is_wrong:
        return
    yield airflow_side.further_compiled(folder)
    own = pipeline_settings(folder)
    yield from places.own_folders(own, folder.name)
    yield from places.feed(own, folder.name)
    yield from places.model_servers(own, folder.name)
