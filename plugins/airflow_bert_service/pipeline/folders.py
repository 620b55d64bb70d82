"""Finds the pipelines of a DAGs folder: its own, and one for each folder in ``bert_pipelines``.

::

    <DAGs folder>/
    ├── bert_sentiment*.py, settings.toml, compiled/    the folder's own pipeline
    └── bert_pipelines/
        └── tickets/
            ├── settings.toml    with name = "tickets"
            ├── tickets.py       its DAG file
            └── compiled/

A pipeline's folder is what the functions of :mod:`airflow_bert_service.pipeline.name` and its neighbours take: that of
the DAG files for their own pipeline, else the one in ``bert_pipelines``. Each has what the pipeline is compiled from
and into, so that a mistake in one concerns no other.
"""

from pathlib import Path

from airflow_bert_service.exceptions import SettingsError
from airflow_bert_service.installation import PIPELINES, command
from airflow_bert_service.pipeline.name import pipeline_name
from airflow_bert_service.pipeline.source_digest import SETTINGS

COMPILED = "compiled"
"""Name of the folder, in a pipeline's folder, that the compiled pipeline is in."""


def further_folders(dags: Path) -> tuple[Path, ...]:
    """Return the folders of a DAGs folder's further pipelines, by name; also of those whose settings are wrong.

    Args:
        dags: The folder of the DAG files.
    """
    return tuple(file.parent for file in sorted((dags / PIPELINES).glob(f"*/{SETTINGS}")) if file.is_file())


def pipeline_folders(dags: Path) -> tuple[Path, ...]:
    """Return the folders of all pipelines of a DAGs folder, its own first."""
    return dags, *further_folders(dags)


def usable_pipelines(dags: Path) -> dict[str, Path]:
    """Return the folders of the pipelines whose names can be used, by name; the DAGs folder's own first.

    The others have an import error each, which Airflow shows.
    """
    names = {folder: _name_of(folder) for folder in pipeline_folders(dags)}
    return {name: folder for folder, name in names.items() if name}


def _name_of(folder: Path) -> str:
    try:
        return pipeline_name(folder)
    except SettingsError:
        return ""


def folder_of_pipeline(dags: Path, name: str | None) -> Path:
    """Return the folder of a pipeline.

    Args:
        dags: The folder of the DAG files.
        name: The pipeline's name; None: that of the DAGs folder's own.

    Raises:
        SettingsError: There is none of this name.
    """
    if name is None:
        return dags
    known = usable_pipelines(dags)
    if name not in known:
        raise SettingsError(
            f"there is no pipeline {name!r} in {dags}; allowed: {', '.join(known)}. Name one of these, or write the "
            f"settings of a new one with `{command('init')} {name}`."
        )
    return known[name]


def compiled_folders(dags: Path) -> frozenset[str]:
    """Return the folders of compiled pipelines, by their paths in a DAGs folder."""
    return frozenset({COMPILED, *(f"{PIPELINES}/{folder.name}/{COMPILED}" for folder in (dags / PIPELINES).glob("*"))})


def error_file_of(folder: Path) -> Path:
    """Return the path of the file that says why there is no compiled pipeline, where others of a snapshot have one.

    Args:
        folder: The pipeline's folder.
    """
    return folder / COMPILED / "error.txt"
