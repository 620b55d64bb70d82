"""Reads the pipeline's name, as the Airflow side does."""

import functools
from pathlib import Path

from scripts.errors import StackError
from scripts.stack.plugins import make_plugins_importable

_ROOT = Path(__file__).resolve().parents[2]


def pipeline_name(dags: Path) -> str:
    """Return the pipeline's name, which is the id of its DAG and the model's name at the model server.

    Args:
        dags: The folder of the DAG files.

    Raises:
        StackError: The pipeline's settings cannot be read, or the name is not allowed.
    """
    make_plugins_importable()
    from airflow_bert_service.exceptions import SettingsError
    from airflow_bert_service.pipeline import name

    try:
        return name.pipeline_name(dags)
    except SettingsError as error:
        raise StackError(str(error)) from error


def further_pipelines(dags: Path) -> list[str]:
    """Return the names of the pipelines beside the DAGs folder's own whose settings can be read.

    Args:
        dags: The folder of the DAG files.
    """
    make_plugins_importable()
    from airflow_bert_service.pipeline.folders import further_folders, usable_pipelines

    folders = set(further_folders(dags))
    return [name for name, folder in usable_pipelines(dags).items() if folder in folders]


def served_config(dags: Path, state: Path) -> Path | None:
    """Write which models the model server has, where there are several pipelines.

    Args:
        dags: The folder of the DAG files.
        state: The stack's state folder.

    Returns:
        The file; None where the DAG files are of one pipeline.
    """
    make_plugins_importable()
    from airflow_bert_service.pipeline.folders import further_folders, usable_pipelines
    from airflow_bert_service.pipelines.served import write_served
    from airflow_bert_service.settings.settings import settings_from

    if not further_folders(dags):
        return None
    return write_served(settings_from({"state": str(state)}), usable_pipelines(dags))


@functools.cache
def checkout_pipeline() -> str:
    """Return the name of this checkout's pipeline, as it was at the first call.

    Raises:
        StackError: As for :func:`pipeline_name`.
    """
    return pipeline_name(_ROOT / "dags")
