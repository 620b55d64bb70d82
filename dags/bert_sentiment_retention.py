"""### What has had its time goes.

Once a day, old versions of the model, artifacts and metadata of old runs, old reviews and old logs are removed, as the
settings `keep_*` say. The model in service, the one before it and pinned ones never go, nor what they came from.

The task's log has a line for each thing that went, with the reason; its XCom `return_value` has the totals.

| To | do |
|---|---|
| see what would go | *Trigger*, with `dry_run` as it is |
| have it go now | *Trigger*, with `dry_run` switched off |
| have it go every day | switch the DAG on |
"""

import datetime as dt
from pathlib import Path

from airflow.sdk import DAG
from airflow_bert_service.installation import module_root_of
from airflow_bert_service.operators.retention import RetentionOperator, retention_parameters
from airflow_bert_service.settings.settings import load_settings

with DAG(
    "bert_sentiment_retention",
    description="Removes old versions, artifacts, reviews and logs",
    doc_md=__doc__,
    # Not at midnight, when the pipeline's run begins.
    schedule="30 12 * * *",
    start_date=dt.datetime(2026, 1, 1, tzinfo=dt.timezone.utc),
    catchup=False,
    max_active_runs=1,
    is_paused_upon_creation=True,
    default_args={"retries": 1, "retry_delay": dt.timedelta(minutes=5)},
    params=retention_parameters(),
    tags=["bert"],
) as dag:
    # A snapshot's own tfx_modules stands beside its DAG files.
    RetentionOperator(task_id="retention", settings=load_settings(), module_root=module_root_of(Path(__file__).parent))
