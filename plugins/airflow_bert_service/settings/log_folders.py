"""Where Airflow keeps the logs that are ours to remove."""

from pathlib import Path

from airflow_bert_service.pipeline.compiler import PIPELINE
from airflow_bert_service.settings.settings import Settings


def log_folders(settings: Settings) -> list[Path]:
    """Find folders of logs: the tasks' of this project's DAGs, and what is printed while DAG files are parsed.

    Other DAGs of the same Airflow are none of our business, nor is a folder for parsing that they share, outside of
    ``state``. With a ``log_filename_template`` of another form than Airflow's own (``dag_id=...``) there is none.
    """
    # Imported here: a module that only takes Settings needs no Airflow.
    from airflow.configuration import conf

    tasks = Path(conf.get("logging", "base_log_folder"))
    parsing = Path(conf.get("logging", "dag_processor_child_process_log_directory"))
    ours = sorted(folder for folder in tasks.glob(f"dag_id={PIPELINE}*") if folder.is_dir())
    return [*ours, parsing] if settings.state in parsing.parents else ours
