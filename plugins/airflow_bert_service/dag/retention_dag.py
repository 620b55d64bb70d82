"""Makes the DAG that removes what a pipeline no longer needs."""

import datetime as dt
from pathlib import Path

from airflow.sdk import DAG

from airflow_bert_service.installation import module_root_of
from airflow_bert_service.operators.retention import RetentionOperator, retention_parameters
from airflow_bert_service.pipeline.name import dag_ids, pipeline_name
from airflow_bert_service.pipelines.settings import pipeline_settings

DOC = """\
### Removes old model versions, artifacts, reviews, scores and logs.

Once a day, the DAG removes old versions of the model, artifacts and metadata of old runs, old reviews, scores and
logs. The settings `keep_*` say how long each is kept. The champion, the version that was in service before it and
pinned versions are never removed, nor are the artifacts and reviews that they were made from.

The task's log has a line for each item that was removed, with the reason. Its XCom `return_value` has the totals.

| To | do |
|---|---|
| see what would be removed | *Trigger*, with `dry_run` left on |
| remove it now | *Trigger*, with `dry_run` switched off |
| remove more than `keep_max_removed_share` at once | the same, with `max_removed_share` 1 |
| remove it every day | unpause the DAG |
"""
"""The DAG's page, in Markdown."""


def retention_dag(folder: Path) -> DAG:
    """Make the DAG. It needs no compiled pipeline.

    Args:
        folder: The pipeline's folder (:mod:`airflow_bert_service.pipeline.folders`).

    Raises:
        SettingsError: A setting is wrong.
    """
    settings = pipeline_settings(folder)
    name = pipeline_name(folder)
    with DAG(
        dag_ids(name).retention,
        description="Removes old versions, artifacts, reviews, scores and logs",
        doc_md=DOC,
        # Not at midnight, when the pipeline's run begins.
        schedule="30 12 * * *",
        start_date=dt.datetime(2026, 1, 1, tzinfo=dt.timezone.utc),
        catchup=False,
        max_active_runs=1,
        is_paused_upon_creation=True,
        dagrun_timeout=settings.limits.run,
        default_args={
            "retries": 1,
            "retry_delay": dt.timedelta(minutes=5),
            "execution_timeout": settings.limits.node,
        },
        params=retention_parameters(),
        tags=["bert"],
    ) as dag:
        # In a DAG bundle's snapshot, tfx_modules is beside the DAG files.
        RetentionOperator(
            task_id="retention",
            settings=settings,
            pipeline=name,
            module_root=module_root_of(folder),
        )
    return dag
