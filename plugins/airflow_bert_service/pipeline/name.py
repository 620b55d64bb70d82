"""Reads the pipeline's name, ``name`` in ``settings.toml``: the only place of the Airflow side that does.

The file beside the DAG files goes before the one in ``tfx_modules``, as when the pipeline is compiled. So the name is
known before there is a compiled pipeline, and it is the compiled pipeline's id: the IR has the name in its file name,
and :func:`airflow_bert_service.pipeline.plan.load_plan` refuses an IR that is older than ``settings.toml``. A further
pipeline (:mod:`airflow_bert_service.pipeline.folders`) has a folder and a settings file of its own.

The name is the DAG's id, the model's name at the model server and its folder below ``models``, the key of the
pipeline's events in the ledger, and part of the assets' names and of the folders of task logs. Three more DAGs are
named after it (:func:`dag_ids`).
"""

import re
from pathlib import Path
from typing import Any, NamedTuple

import tomllib

from airflow_bert_service.exceptions import SettingsError
from airflow_bert_service.installation import MODULES, command, is_further, module_root_of
from airflow_bert_service.pipeline.source_digest import SETTINGS

DEFAULT = "bert_sentiment"
"""The name of a pipeline whose settings have none."""
ALLOWED = re.compile(r"[A-Za-z][A-Za-z0-9_-]{0,63}")
RETENTION, ROLLBACK, SCORING = "_retention", "_rollback", "_scoring"
"""Endings of the ids of the other DAGs."""


def settings_file(dags: Path) -> Path:
    """Return the pipeline's settings file: the one beside the DAG files where there is one, else ``tfx_modules``'s.

    Args:
        dags: The folder of the DAG files, or that of a further pipeline, which has a file of its own.
    """
    own = dags / SETTINGS
    return own if own.is_file() or is_further(dags) else module_root_of(dags) / MODULES / SETTINGS


def settings_document(path: Path) -> dict[str, Any]:
    """Read a settings file; a missing one is empty.

    Raises:
        SettingsError: It cannot be read, or is not TOML.
    """
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    except (OSError, ValueError) as error:
        raise SettingsError(
            f"settings file {path} cannot be read ({error}); allowed: a TOML file. Correct the file."
        ) from error


def pipeline_name(dags: Path) -> str:
    """Read the pipeline's name.

    Args:
        dags: The folder of the DAG files, or that of a further pipeline.

    Returns:
        The setting ``name``; without the setting, or without a file, its default. A further pipeline has the name of
        its folder.

    Raises:
        SettingsError: The file cannot be read, or is not TOML, or the name is not allowed; or a further pipeline has
            another name than its folder, or that of the pipeline of the folder above.
    """
    path = settings_file(dags)
    document = settings_document(path)
    if is_further(dags):
        _check_further(dags, document, path)
    name = document.get("name", DEFAULT)
    check_name(name, str(path))
    return str(name)


def _check_further(folder: Path, document: dict[str, Any], path: Path) -> None:
    if not path.is_file():
        raise SettingsError(
            f"the pipeline {folder.name} has no settings file {path}; allowed: a TOML file with its name. Remove the "
            f"folder, and write both anew with `{command('init')} {folder.name}`."
        )
    if document.get("name") != folder.name:
        raise SettingsError(
            f"setting name is {document.get('name')!r} in {path}; allowed: {folder.name!r}, the name of the folder, so "
            "that no two pipelines have the same name. Change the setting, or rename the folder."
        )
    dags = folder.absolute().parents[1]
    try:
        taken = pipeline_name(dags) == folder.name
    except SettingsError:
        return  # the other pipeline's DAG files say so
    if taken:
        raise SettingsError(
            f"setting name is {folder.name!r} in {path}; allowed: another name than that in {settings_file(dags)}, "
            "whose models, events and logs it would share. Rename one of them."
        )


def check_name(name: object, where: str, remedy: str = "Change it in that file.") -> None:
    """Check that a DAG, a folder and a served model can have a pipeline's name.

    Args:
        name: The name.
        where: The file that has it, for the message.
        remedy: What to do about a name that is not allowed.

    Raises:
        SettingsError: They cannot.
    """
    good = isinstance(name, str) and ALLOWED.fullmatch(name) and not name.endswith((RETENTION, ROLLBACK, SCORING))
    if not good:
        raise SettingsError(
            f"setting name is {name!r} in {where}; allowed: 1 to 64 letters, digits, _ and -, beginning with a letter "
            f"and not ending in {RETENTION}, {ROLLBACK} or {SCORING}, which other DAGs' ids end in. {remedy}"
        )


class DagIds(NamedTuple):
    """The ids of the DAGs that a pipeline has."""

    training: str
    """The pipeline's own: its name."""
    retention: str
    rollback: str
    scoring: str


def dag_ids(name: str) -> DagIds:
    """Return the ids of the DAGs that a pipeline has."""
    return DagIds(name, f"{name}{RETENTION}", f"{name}{ROLLBACK}", f"{name}{SCORING}")
