"""A DAG file: the nodes `Approval` and `Pusher` of tests/plugins/approval_nodes.py, and the task that tells of the run.

As a script it runs once in this process, and waits where a person is asked: `python approval_dag.py RUN DAY`.
"""

import datetime as dt
import json
import sys
from typing import Any

from airflow.sdk import DAG
from airflow_bert_service.operators.approval import TfxApprovalOperator, approval_form
from airflow_bert_service.operators.node import TfxNodeOperator
from airflow_bert_service.operators.promotion import PromotionNotifyOperator
from airflow_bert_service.pipeline.execution_options import ApprovalTerms
from airflow_bert_service.settings.settings import load_settings

from tests.support.dag_environment import MODULE_ROOT, environment_of

settings = load_settings()
environment = environment_of(settings)
PARAMETERS = {"day": "{{ params.data_date }}", "models": str(settings.models_of("approval"))}
told: dict[str, Any] = {"settings": settings, "pipeline": "approval", "module_root": MODULE_ROOT}

with DAG("approval", schedule=None, params={"data_date": "2026-11-05", "mode": "full"}) as dag:
    approval = TfxApprovalOperator(
        task_id="Approval",
        tfx_node="Approval",
        environment=environment,
        parameters=PARAMETERS,
        terms=ApprovalTerms(dt.timedelta(hours=2), timeout_promotes=False),
        params=approval_form(),
        **told,
    )
    pusher = TfxNodeOperator(
        task_id="Pusher",
        tfx_node="Pusher",
        environment=environment,
        parameters=PARAMETERS,
        retries=1,
        retry_delay=dt.timedelta(0),
    )
    notify = PromotionNotifyOperator(task_id="notify_promotion", **told)
    approval.set_downstream(pusher)
    notify.as_teardown().set_upstream(pusher)

if __name__ == "__main__":
    hour = dt.datetime(2026, 11, 6, int(sys.argv[1]), tzinfo=dt.timezone.utc)
    run = dag.test(logical_date=hour, run_after=hour, run_conf={"data_date": sys.argv[2]})
    ends = {ti.task_id: str(ti.state) for ti in run.get_task_instances()}
    print(json.dumps({"run_id": run.run_id, "state": str(run.state), "tasks": ends}))
