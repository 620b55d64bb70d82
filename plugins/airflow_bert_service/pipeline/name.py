"""Reads the pipeline's name, ``name`` in ``settings.toml``: the only place of the Airflow side that does.

The file beside the DAG files goes before the one in ``tfx_modules``, as when the pipeline is compiled. So the name is
known before there is a compiled pipeline, and it is the compiled pipeline's id: the IR has the name in its file name,
and :func:`airflow_bert_service.pipeline.plan.load_plan` refuses an IR that is older than ``settings.toml``.

The name is the DAG's id, the model's name at the model server and its folder below ``models``, the key of the
pipeline's events in the ledger, and part of the asset's name and of the folders of task logs. Two more DAGs are named
after it (:func:`dag_ids`).
"""

import re
from pathlib import Path

import tomllib

from airflow_bert_service.exceptions import SettingsError
from airflow_bert_service.installation import MODULES, module_root_of
from airflow_bert_service.pipeline.source_digest import SETTINGS

DEFAULT = "bert_sentiment"
"""The name of a pipeline whose settings have none."""
ALLOWED = re.compile(r"[A-Za-z][A-Za-z0-9_-]{0,63}")
RETENTION, ROLLBACK = "_retention", "_rollback"
"""Endings of the ids of the other two DAGs."""


def settings_file(dags: Path) -> Path:
    """Return the pipeline's settings file: the one beside the DAG files where there is one, else ``tfx_modules``'s.

    Args:
        dags: The folder of the DAG files.
    """
    own = dags / SETTINGS
    return own if own.is_file() else module_root_of(dags) / MODULES / SETTINGS


def pipeline_name(dags: Path) -> str:
    """Read the pipeline's name.

    Args:
        dags: The folder of the DAG files.

    Returns:
        The setting ``name``; without the setting, or without a file, its default.

    Raises:
        SettingsError: The file cannot be read, or is not TOML, or the name is not allowed.
    """
    path = settings_file(dags)
    try:
        name = tomllib.loads(path.read_text(encoding="utf-8")).get("name", DEFAULT)
    except FileNotFoundError:
        return DEFAULT
    except (OSError, ValueError) as error:
        raise SettingsError(
            f"settings file {path} cannot be read ({error}); allowed: a TOML file. Correct the file."
        ) from error
    check_name(name, str(path))
    return str(name)


def check_name(name: object, where: str) -> None:
    """Check that a DAG, a folder and a served model can have a pipeline's name.

    Args:
        name: The name.
        where: The file that has it, for the message.

    Raises:
        SettingsError: They cannot.
    """
    good = isinstance(name, str) and ALLOWED.fullmatch(name) and not name.endswith((RETENTION, ROLLBACK))
    if not good:
        raise SettingsError(
            f"setting name is {name!r} in {where}; allowed: 1 to 64 letters, digits, _ and -, beginning with a letter "
            f"and not ending in {RETENTION} or {ROLLBACK}, which other DAGs' ids end in. Change it in that file."
        )


def dag_ids(name: str) -> tuple[str, str, str]:
    """Return the ids of the DAGs that a pipeline has: its own, and those of retention and rollback."""
    return name, f"{name}{RETENTION}", f"{name}{ROLLBACK}"
