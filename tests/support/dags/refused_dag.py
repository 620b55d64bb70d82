"""A DAG file: the project's tasks around one node of the stand-in `tfx_modules`; the ledger is the real one.

`bert_sentiment` begins with `refresh_data`. Runs of `hanging` never end by themselves, and have a time limit.
"""

import datetime as dt
import os
import sys
from pathlib import Path
from typing import Any

from airflow.sdk import DAG, Param
from airflow_bert_service.dag.parameters import run_parameters
from airflow_bert_service.dag.timetable import DailyUntilTimetable
from airflow_bert_service.nodes.environment import NodeEnvironment
from airflow_bert_service.operators.asset import PromotedModelOperator
from airflow_bert_service.operators.node import TfxNodeOperator
from airflow_bert_service.operators.promotion import PromotionNotifyOperator
from airflow_bert_service.operators.refresh import DataRefreshOperator
from airflow_bert_service.operators.run_limit import RunLimitCallback
from airflow_bert_service.promotion.asset import model_asset
from airflow_bert_service.settings.settings import load_settings

settings = load_settings()
environment = NodeEnvironment(
    tfx_python=Path(sys.executable),
    node_socket=None,
    module_root=Path(os.environ["TEST_MODULE_ROOT"]),
    pipeline=settings.state / "small.json",
    pipeline_root=settings.pipeline_root,
    metadata=settings.metadata,
    metadata_wait_seconds=120,
    ledger=settings.ledger,
    outcomes=settings.outcomes,
)
shared: dict[str, Any] = {"settings": settings, "pipeline": "bert_sentiment", "module_root": settings.root}


def trainer(act: str) -> TfxNodeOperator:
    pids = str(settings.state / "pids.{{ run_id }}")
    return TfxNodeOperator(
        task_id="Trainer", tfx_node="Trainer", environment=environment, parameters={"act": act, "pids": pids}
    )


def add_ends(trained: TfxNodeOperator) -> None:
    promoted = PromotedModelOperator(task_id="promoted_model", asset=model_asset("bert_sentiment"), **shared)
    promoted.as_teardown(on_failure_fail_dagrun=True).set_upstream(trained)
    PromotionNotifyOperator(task_id="notify_promotion", **shared).as_teardown().set_upstream(trained)


with DAG(
    "bert_sentiment",
    schedule=DailyUntilTimetable(dt.date(2026, 11, 20)),
    start_date=dt.datetime(2026, 11, 1, tzinfo=dt.timezone.utc),
    catchup=False,
    params={**run_parameters("every day"), "act": Param("complete", type="string")},
) as dag:
    first = trainer("{{ params.act }}")
    DataRefreshOperator(task_id="refresh_data", settings=settings).set_downstream(first)
    add_ends(first)

with DAG(
    "hanging",
    schedule=None,
    params=run_parameters("every day"),
    dagrun_timeout=dt.timedelta(seconds=20),
    on_failure_callback=RunLimitCallback(**shared),
) as hanging:
    add_ends(trainer("hang"))
