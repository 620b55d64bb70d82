"""A DAG file: tasks of the project with nodes of the stand-in `tfx_modules`, some of which somebody marks as a success.

As a script it runs once in this process: `python marked_dag.py PATTERN`, where Airflow marks the tasks whose id the
pattern matches as a success, and does not run them.
"""

import datetime as dt
import json
import sys
from typing import Any

from airflow.sdk import DAG
from airflow_bert_service.dag.parameters import node_parameters, run_parameters
from airflow_bert_service.operators.asset import PromotedModelOperator
from airflow_bert_service.operators.node import TfxNodeOperator
from airflow_bert_service.operators.promotion import PromotionNotifyOperator
from airflow_bert_service.operators.refresh import DataRefreshOperator
from airflow_bert_service.operators.rollback import RollbackOperator, rollback_parameters
from airflow_bert_service.promotion.asset import model_asset
from airflow_bert_service.settings.settings import load_settings

from tests.support.dag_environment import MODULE_ROOT, environment_of

DAY = dt.datetime(2026, 11, 5, tzinfo=dt.timezone.utc)
settings = load_settings()
environment = environment_of(settings)
parameters = node_parameters(settings, "bert_sentiment", refresh_task_id="refresh_data")
shared: dict[str, Any] = {"settings": settings, "pipeline": "bert_sentiment", "module_root": MODULE_ROOT}


def node(task_id: str, *names: str) -> TfxNodeOperator:
    given = {"act": "complete", **{name: parameters[name] for name in names}}
    return TfxNodeOperator(task_id=task_id, tfx_node=task_id, environment=environment, parameters=given)


def ends() -> tuple[PromotedModelOperator, PromotionNotifyOperator]:
    promoted = PromotedModelOperator(task_id="promoted_model", asset=model_asset("bert_sentiment"), **shared)
    return promoted, PromotionNotifyOperator(task_id="notify_promotion", **shared)


with DAG("marked", schedule=None, params=run_parameters("every day")) as dag:
    refresh = DataRefreshOperator(task_id="refresh_data", settings=settings)
    example_gen, pusher = node("CsvExampleGen", "input_base", "range_config"), node("Pusher", "promotion")
    refresh.set_downstream(example_gen)
    example_gen.set_downstream(pusher)
    for end, counts in zip(ends(), (True, False), strict=True):
        end.as_teardown(on_failure_fail_dagrun=counts).set_upstream(pusher)

with DAG("marked_rollback", schedule=None, params=rollback_parameters()) as rollback:
    roll_back = RollbackOperator(task_id="roll_back", version="", reason="it is rude", **shared)
    roll_back.set_downstream([*ends()])

if __name__ == "__main__":
    chosen, pattern = {"marked": (dag, {}), "marked_rollback": (rollback, {"reason": "x"})}[sys.argv[1]], sys.argv[2]
    run = chosen[0].test(logical_date=DAY, run_after=DAY, run_conf=chosen[1], mark_success_pattern=pattern)
    states = {ti.task_id: str(ti.state) for ti in run.get_task_instances()}
    print(json.dumps({"run_id": run.run_id, "state": str(run.state), "tasks": states}))
