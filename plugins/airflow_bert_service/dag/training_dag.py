"""Makes the DAG of a pipeline: it fetches reviews, runs the nodes of the TFX pipeline, and tells of the outcome."""

import datetime as dt
from pathlib import Path

from airflow.sdk import DAG

from airflow_bert_service.dag.config import AirflowPipelineConfig, NodeSettings
from airflow_bert_service.dag.parameters import USE_CACHE, node_parameters, run_parameters
from airflow_bert_service.dag.runner import AirflowDagRunner
from airflow_bert_service.dag.timetable import DailyUntilTimetable
from airflow_bert_service.feeds import make_feed
from airflow_bert_service.operators.asset import PromotedModelOperator
from airflow_bert_service.operators.promotion import PromotionNotifyOperator
from airflow_bert_service.operators.refresh import DataRefreshOperator
from airflow_bert_service.operators.run_limit import RunLimitCallback
from airflow_bert_service.pipeline.compiler import compiled_pipeline
from airflow_bert_service.pipeline.plan import PipelinePlan, load_plan
from airflow_bert_service.pipeline.task import pipeline_task
from airflow_bert_service.pipelines.settings import pipeline_settings
from airflow_bert_service.promotion.asset import model_asset
from airflow_bert_service.runs.mode import full_only
from airflow_bert_service.settings.settings import Settings

DOC = """\
### Trains a BERT model on dated texts, and publishes it when it passes the gates.

`refresh_data` fetches the reviews of the days up to the run's **data date**. The tasks in the middle are the nodes of
the TFX pipeline. `promoted_model` is green when the run's model went into service. `notify_promotion` writes the
outcome and its reason on the run's note, and sends it to the channels of the setting `notifications`.

| To | do |
|---|---|
| run every day | unpause the DAG; the first run is for yesterday (UTC) |
| run for one day | *Trigger*, with that day as logical date or `data_date`; without either, the last complete UTC day |
| backfill many days | `airflow backfill create --dag-id {pipeline} --from-date A --to-date B`, or *Trigger* |
| only ingest the data | the same with `mode` = `data_only`: only refresh, statistics and validation run |
| search hyperparameters | *Trigger* with `tune`; later runs use the hyperparameters that it found |
| run another DAG after each promotion | schedule it on the asset `{pipeline}_model` |
| see how a model was trained and judged | *Details* of `Trainer`, `Evaluator` and `Pusher` lead to reports |
| see the outputs of a node | its *XCom* `return_value` lists the output artifacts with their URIs |

A skipped `Pusher` is not an error: the model was not good enough, and the run's note has the reason. A failed
`ExampleValidator` means that the data has anomalies, and nothing is trained on that data. The run's note has the
reason, and the button *Validation report* of the task opens the report.
"""
"""The DAG's page, in Markdown; ``{pipeline}`` is the pipeline's name."""


def training_dag(folder: Path) -> DAG:
    """Make the DAG of a pipeline.

    Args:
        folder: The pipeline's folder (:mod:`airflow_bert_service.pipeline.folders`).

    Raises:
        CompiledPipelineError: The pipeline is not compiled, or was compiled from other sources.
        SettingsError: A setting is wrong.
        FeedError: The feed cannot be made.
    """
    settings = pipeline_settings(folder)
    plan = load_plan(compiled_pipeline(folder))
    with AirflowDagRunner(_config(settings, plan)).run(plan) as dag:
        refresh = DataRefreshOperator(
            task_id="refresh_data",
            settings=settings,
            version=plan.version,
            task=pipeline_task(folder),
            execution_timeout=settings.limits.refresh,
        )
        refresh.set_downstream([dag.get_task(node_id) for node_id in plan.roots])
        _tell(dag, settings, plan, refresh)
    return dag


def _config(settings: Settings, plan: PipelinePlan) -> AirflowPipelineConfig:
    feed = make_feed(settings)
    return AirflowPipelineConfig(
        {
            "description": "Fine-tunes BERT on dated reviews, and publishes the model when it passes the gates",
            "doc_md": DOC.format(pipeline=plan.id),
            "schedule": DailyUntilTimetable(feed.last_day, [day.number for day in settings.schedule_weekdays]),
            "start_date": dt.datetime.combine(feed.first_day, dt.time.min, dt.timezone.utc),
            "catchup": False,
            "max_active_runs": 1,
            "dagrun_timeout": settings.limits.run + plan.approval_wait,
            # Airflow skips notify_promotion, too, when it stops a run.
            "on_failure_callback": RunLimitCallback(settings=settings, pipeline=plan.id, module_root=plan.module_root),
            "default_args": {
                "retries": 1,
                "retry_delay": dt.timedelta(seconds=30),
                "execution_timeout": settings.limits.node,
            },
            "params": run_parameters(feed.days_in_words),
            "tags": ["bert", "tfx"],
        },
        # A run with the mode data_only skips these nodes, and with them all nodes downstream of them.
        nodes={
            **dict.fromkeys(("LatestTuned", "Resolver", "Transform"), NodeSettings(pre_execute=full_only)),
            "Tuner": NodeSettings(execution_timeout=settings.limits.training),
            "Trainer": NodeSettings(execution_timeout=settings.limits.training),
            "InfraValidator": NodeSettings(execution_timeout=settings.limits.infra_validator),
        },
        parameters=node_parameters(settings, plan.id, refresh_task_id="refresh_data"),
        use_cache=USE_CACHE,
        settings=settings,
    )


def _tell(dag: DAG, settings: Settings, plan: PipelinePlan, refresh: DataRefreshOperator) -> None:
    promoted = PromotedModelOperator(
        task_id="promoted_model",
        settings=settings,
        pipeline=plan.id,
        module_root=plan.module_root,
        asset=model_asset(plan.id),
    )
    notify = PromotionNotifyOperator(
        task_id="notify_promotion",
        settings=settings,
        pipeline=plan.id,
        module_root=plan.module_root,
        refresh_task_id=refresh.task_id,
        pre_execute=full_only,
    )
    # Teardown tasks run whatever the state of the tasks before them. The first one's failure fails the run, the other's
    # does not. Both wait for the data gate (ExampleValidator) too: where Transform fails or is skipped, the Pusher ends
    # before that gate does.
    for teardown, fails_run in ((promoted, True), (notify, False)):
        teardown.as_teardown(on_failure_fail_dagrun=fails_run)
        teardown.set_upstream([dag.get_task("Pusher"), dag.get_task("ExampleValidator")])
