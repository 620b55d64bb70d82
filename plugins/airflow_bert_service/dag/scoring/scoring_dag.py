"""Makes the DAG that scores the texts of each day with a version of a pipeline's model."""

import datetime as dt
from pathlib import Path

from airflow.sdk import DAG

from airflow_bert_service.dag.timetable import DailyUntilTimetable
from airflow_bert_service.feeds import make_feed
from airflow_bert_service.installation import module_root_of
from airflow_bert_service.operators.scoring.late_feed import tries_within
from airflow_bert_service.operators.scoring.operator import BatchScoringOperator
from airflow_bert_service.operators.scoring.parameters import scoring_parameters
from airflow_bert_service.pipeline.name import dag_ids, pipeline_name
from airflow_bert_service.pipelines.settings import scoring_settings
from airflow_bert_service.promotion.asset import scores_asset

DOC = """\
### Scores the texts of a day with a version of the model.

`score` reads the texts of the run's **data date** from the feed, which need no labels, and writes a file with a row for
each: `scores/{pipeline}/date=2026-11-05/scores.jsonl` in the state folder, or `.parquet`. Another run for the day
replaces the file in one step. A text that cannot be scored is a row with an `error`. A scheduled run whose day the feed
does not have yet asks it again each hour. Days that were missed have no run: a backfill scores them.

| To | do |
|---|---|
| score every day | unpause the DAG; the first run is for yesterday (UTC) |
| score one day | *Trigger*, with that day as logical date or `data_date`; without either, the last complete UTC day |
| score many | `airflow backfill create --dag-id {pipeline}_scoring --from-date A --to-date B --max-active-runs 1` |
| use the version that was in service then | the same with `model` = `live_on_date` |
| use a certain version | the same with `model` = its number, like `2026110501` |
| run another DAG after each day | schedule it on the asset `{pipeline}_scores` |

The task's XCom `return_value`, and the asset's event, have the file, the version and the numbers of rows.
"""
"""The DAG's page, in Markdown; ``{pipeline}`` is the pipeline's name."""


def scoring_dag(folder: Path) -> DAG:
    """Make the DAG. It needs no compiled pipeline.

    Args:
        folder: The pipeline's folder (:mod:`airflow_bert_service.pipeline.folders`).

    Raises:
        SettingsError: A setting is wrong.
        FeedError: The feed cannot be made.
    """
    settings = scoring_settings(folder)
    name = pipeline_name(folder)
    feed = make_feed(settings)
    with DAG(
        dag_ids(name).scoring,
        description="Scores the texts of each day with a version of the model",
        doc_md=DOC.format(pipeline=name),
        schedule=DailyUntilTimetable(feed.last_day),
        start_date=dt.datetime.combine(feed.first_day, dt.time.min, dt.timezone.utc),
        catchup=False,
        # More than one, or a day that waits for its feed would keep others from being scored.
        max_active_runs=3,
        is_paused_upon_creation=True,
        dagrun_timeout=settings.limits.run,
        params=scoring_parameters(feed.days_in_words),
        tags=["bert"],
    ) as dag:
        # In a DAG bundle's snapshot, tfx_modules is beside the DAG files.
        BatchScoringOperator(
            task_id="score",
            settings=settings,
            pipeline=name,
            module_root=module_root_of(folder),
            asset=scores_asset(name),
            model="{{ params.model }}",
            # A day occupies all processor cores. Backfills do not follow the DAG's max_active_runs, but do follow this.
            max_active_tis_per_dag=settings.scoring.scored_days_at_once,
            **tries_within(settings.limits),
        )
    return dag
