"""### Dated reviews in, a judged and published BERT sentiment model out.

`refresh_data` fetches the reviews of the days up to the run's **data date**; the tasks in the middle are the nodes of
the TFX pipeline; `promoted_model` is green when the model went live, and `notify_promotion` says why or why not: on the
run's note, and to whom the setting `notifications` names.

| To | do |
|---|---|
| run every day | switch the DAG on |
| run for a day | *Trigger*, with that day as logical date or as `data_date`; with neither: the last complete UTC day |
| run for many days | `airflow backfill create --dag-id bert_sentiment --from-date A --to-date B`, or *Trigger* |
| only bring the data in | the same with `mode` = `data_only`: refresh, statistics, validation; the rest is skipped |
| search hyperparameters | trigger with `tune`; later runs use what it found |
| run a DAG after each promotion | schedule it on the asset `bert_sentiment_model` |
| see what a node made | its *XCom* `return_value` lists the artifacts with their addresses |

A skipped `Pusher` is no fault: the model was not good enough, and the run's note says why. A failed
`ExampleValidator` means that the data has anomalies; nothing is trained on them. The run's note says why, and the
button *Validation report* of the task shows it.
"""

import datetime as dt
from pathlib import Path

from airflow_bert_service.dag.config import AirflowPipelineConfig, NodeSettings
from airflow_bert_service.dag.parameters import USE_CACHE, node_parameters, run_parameters
from airflow_bert_service.dag.runner import AirflowDagRunner
from airflow_bert_service.dag.timetable import DailyUntilTimetable
from airflow_bert_service.feeds import make_feed
from airflow_bert_service.operators.asset import PromotedModelOperator
from airflow_bert_service.operators.promotion import PromotionNotifyOperator
from airflow_bert_service.operators.refresh import DataRefreshOperator
from airflow_bert_service.pipeline.plan import load_plan
from airflow_bert_service.promotion.asset import model_asset
from airflow_bert_service.runs.mode import full_only
from airflow_bert_service.settings.settings import load_settings

settings = load_settings()
plan = load_plan(Path(__file__).parent / "compiled" / "bert_sentiment.json")
feed = make_feed(settings)

config = AirflowPipelineConfig(
    {
        "description": "Fine-tunes BERT on dated reviews, and publishes the model if it is good enough",
        "doc_md": __doc__,
        "schedule": DailyUntilTimetable(feed.last_day),
        "start_date": dt.datetime.combine(feed.first_day, dt.time.min, dt.timezone.utc),
        "catchup": False,
        "max_active_runs": 1,
        "default_args": {"retries": 1, "retry_delay": dt.timedelta(seconds=30)},
        "params": run_parameters(),
        "tags": ["bert", "tfx"],
    },
    # In a run for the data only, these are skipped, and with them all that comes after them.
    nodes={
        **dict.fromkeys(("LatestTuned", "Resolver", "Transform"), NodeSettings(pre_execute=full_only)),
        "Tuner": NodeSettings(execution_timeout=dt.timedelta(hours=6)),
        "Trainer": NodeSettings(execution_timeout=dt.timedelta(hours=6)),
        "InfraValidator": NodeSettings(execution_timeout=dt.timedelta(minutes=15)),
    },
    parameters=node_parameters(settings, refresh_task_id="refresh_data"),
    use_cache=USE_CACHE,
    settings=settings,
)

with AirflowDagRunner(config).run(plan) as dag:
    refresh = DataRefreshOperator(task_id="refresh_data", settings=settings)
    refresh.set_downstream([dag.get_task(node_id) for node_id in plan.roots])
    promoted = PromotedModelOperator(
        task_id="promoted_model",
        settings=settings,
        module_root=plan.module_root,
        asset=model_asset(plan.id),
    )
    notify = PromotionNotifyOperator(
        task_id="notify_promotion",
        settings=settings,
        module_root=plan.module_root,
        refresh_task_id=refresh.task_id,
        pre_execute=full_only,
    )
    # Teardown tasks run whatever came before. The first fails where the run has, the other changes nothing. They wait
    # for the gate on the data too: where Transform fails or is skipped, the Pusher is over before that gate's verdict.
    for told, counts in ((promoted, True), (notify, False)):
        told.as_teardown(on_failure_fail_dagrun=counts)
        told.set_upstream([dag.get_task("Pusher"), dag.get_task("ExampleValidator")])
