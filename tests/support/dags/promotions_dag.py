"""A DAG file: the pipeline of tests/tfx_modules/promotion/pipeline, and what tells of its promotions, on every day."""

import datetime as dt
import json
import os
from pathlib import Path

from airflow.providers.standard.operators.python import PythonOperator
from airflow.sdk import DAG, Param, get_current_context
from airflow_bert_service.dag.config import AirflowPipelineConfig
from airflow_bert_service.dag.runner import AirflowDagRunner
from airflow_bert_service.dag.timetable import DailyUntilTimetable
from airflow_bert_service.operators.asset import PromotedModelOperator
from airflow_bert_service.operators.promotion import PromotionNotifyOperator
from airflow_bert_service.pipeline.plan import load_plan
from airflow_bert_service.promotion.asset import model_asset
from airflow_bert_service.runs.data_date import data_date, facts_from
from airflow_bert_service.settings.settings import load_settings

settings = load_settings()
plan = load_plan(Path(os.environ["TEST_MODULE_ROOT"]) / "dags" / "compiled" / "bert_sentiment.json")
DAY = "{{ params.data_date or data_interval_start.strftime('%Y-%m-%d') }}"
PROMOTION = {"dag_id": "{{ dag.dag_id }}", "run_id": "{{ run_id }}", "data_date": DAY, "first_day": DAY}

config = AirflowPipelineConfig(
    {
        "schedule": DailyUntilTimetable(dt.date(2026, 11, 20)),
        "start_date": dt.datetime(2026, 11, 1, tzinfo=dt.timezone.utc),
        "catchup": False,
        "max_active_runs": 16,
        "default_args": {"retries": 1, "retry_delay": dt.timedelta(seconds=1)},
        "params": {
            "word": "good",
            "wait_for": "nothing",
            "data_date": Param(None, type=["null", "string"]),
            "mode": "full",
        },
    },
    parameters={
        "day": DAY,
        "word": "{{ params.word }}",
        "wait_for": "{{ params.wait_for }}",
        "promotion": json.dumps({**PROMOTION, "older": "no", "actor": "{{ dag_run.run_type }}"}),
        "push_destination": json.dumps({"filesystem": {"base_directory": str(settings.models_of(plan.id))}}),
        "holdout": "{}",
    },
    settings=settings,
)

with AirflowDagRunner(config).run(plan) as dag:
    promoted = PromotedModelOperator(
        task_id="promoted_model",
        asset=model_asset(plan.id),
        settings=settings,
        pipeline=plan.id,
        module_root=plan.module_root,
    )
    notify = PromotionNotifyOperator(
        task_id="notify_promotion", settings=settings, pipeline=plan.id, module_root=plan.module_root
    )
    for task in (promoted, notify):
        task.as_teardown().set_upstream(dag.get_task("Pusher"))


def day_of_run() -> str:
    return str(data_date(facts_from(get_current_context())))


with DAG("after_promotion", schedule=[model_asset(plan.id)], is_paused_upon_creation=False) as waiting:
    PythonOperator(task_id="day_of_run", python_callable=day_of_run)
