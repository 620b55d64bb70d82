"""Where the logs of tasks are that are ours to remove, and the texts that tasks leave for people."""

import hashlib
import re
from pathlib import Path

from airflow_bert_service.pipeline.name import dag_ids
from airflow_bert_service.settings.reading.naming import SECTION
from airflow_bert_service.settings.settings import Settings, settings_from

_SHOWN = 60  # characters of a DAG's id that the name of its folder of annotations has
_DIGITS = 16


def annotations_folder() -> Path:
    """Return where tasks leave texts for people; it reads nothing else, so that a mistake elsewhere hides no text.

    Raises:
        SettingsError: ``root`` or ``state`` is not allowed.
    """
    from airflow.configuration import conf

    return settings_from({key: str(conf.get(SECTION, key, fallback="")) for key in ("root", "state")}).annotations


def digest_of(name: str) -> str:
    """Return a short text that stands for an id in the name of a file: ids have characters of any kind."""
    return hashlib.sha256(name.encode("utf-8", "surrogatepass")).hexdigest()[:_DIGITS]


def annotations_of(annotations: Path, dag_id: str) -> Path:
    """Return the folder of the texts that tasks of a DAG have left, which need not be there.

    Args:
        annotations: The folder of those of all DAGs.
        dag_id: Any text: each has a folder of its own, and none leads out of ``annotations``.
    """
    shown = re.sub(r"[^A-Za-z0-9_-]", "_", dag_id)[:_SHOWN]
    return annotations / f"{shown}-{digest_of(dag_id)}"


def log_folders(settings: Settings, pipeline: str) -> list[Path]:
    """Find folders of logs: the tasks' of a pipeline's DAGs with their annotations, and what parsing DAG files prints.

    Other DAGs of the same Airflow are none of our business, nor is a folder for parsing that they share, outside of
    ``state``. With a ``log_filename_template`` of another form than Airflow's own (``dag_id=...``) there is none.

    Args:
        settings: The Airflow side's settings.
        pipeline: The pipeline's name.
    """
    # Imported here: a module that only takes Settings needs no Airflow.
    from airflow.configuration import conf

    tasks = Path(conf.get("logging", "base_log_folder"))
    parsing = Path(conf.get("logging", "dag_processor_child_process_log_directory"))
    found = [
        folder
        for dag_id in dag_ids(pipeline)
        for folder in (tasks / f"dag_id={dag_id}", annotations_of(settings.annotations, dag_id))
    ]
    ours = [folder for folder in found if folder.is_dir()]
    return [*ours, parsing] if settings.state in parsing.parents else ours
