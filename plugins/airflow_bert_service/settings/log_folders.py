"""Where Airflow keeps the logs that are ours to remove."""

from pathlib import Path

from airflow_bert_service.pipeline.name import dag_ids
from airflow_bert_service.settings.settings import Settings


def log_folders(settings: Settings, pipeline: str) -> list[Path]:
    """Find folders of logs: the tasks' of a pipeline's DAGs, and what is printed while DAG files are parsed.

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
    ours = [folder for dag_id in dag_ids(pipeline) if (folder := tasks / f"dag_id={dag_id}").is_dir()]
    return [*ours, parsing] if settings.state in parsing.parents else ours
