"""Makes all DAGs of a pipeline, for the DAG file of a further one."""

from pathlib import Path

from airflow.sdk import DAG

from airflow_bert_service.dag.retention_dag import retention_dag
from airflow_bert_service.dag.rollback_dag import rollback_dag
from airflow_bert_service.dag.scoring.scoring_dag import scoring_dag
from airflow_bert_service.dag.training_dag import training_dag


def pipeline_dags(folder: Path) -> tuple[DAG, DAG, DAG]:
    """Make the DAG of a pipeline, and those of its retention, rollback and scoring.

    Airflow shows an error for its file alone.

    Args:
        folder: The pipeline's folder (:mod:`airflow_bert_service.pipeline.folders`).

    Returns:
        The first three: the DAG files that ``init NAME`` has written unpack three. The DAG of scoring needs no name in
        the file, for Airflow registers every DAG that is made in a ``with`` block (``auto_register``).

    Raises:
        CompiledPipelineError: The pipeline is not compiled, or was compiled from other sources.
        SettingsError: A setting is wrong.
        FeedError: The feed cannot be made.
    """
    dags = training_dag(folder), retention_dag(folder), rollback_dag(folder)
    scoring_dag(folder)
    return dags
