"""DAGs: a run that ends as its parameters say, with the two tasks that tell of it; and one that waits for models.

As a script it runs once in this process: `python promotion_dag.py '{"trainer": "failed"}'`. `validator` and `trainer`
are states of nodes. `pusher` is the kind of verdict that the Pusher leaves in the ledger.
"""

import datetime as dt
import json
import sys
from pathlib import Path
from typing import Any

from airflow.providers.standard.operators.bash import BashOperator
from airflow.providers.standard.operators.python import PythonOperator
from airflow.sdk import DAG
from airflow.sdk.exceptions import AirflowSkipException
from airflow_bert_service.notifiers.dispatcher import DeliveryRetryPolicy
from airflow_bert_service.operators.asset import PromotedModelOperator
from airflow_bert_service.operators.node import TfxNodeOperator
from airflow_bert_service.operators.promotion import PromotionNotifyOperator
from airflow_bert_service.promotion.asset import model_asset
from airflow_bert_service.runs.mode import full_only
from airflow_bert_service.settings.settings import load_settings

from tests.support.dag_environment import MODULE_ROOT, environment_of

VERDICTS: dict[str, dict[str, Any]] = {
    "promoted": {
        "version": 2026110501,
        "champion": 2026110401,
        "reason": "accuracy 0.910 > 0.874 of 2026110401 on sample-v1, p = 0.012",
        "metrics": {"sets": [{"name": "sample-v1", "n": 400, "accuracy": 0.91, "champion_accuracy": 0.874}]},
    },
    "blocked": {"champion": 2026110401, "reason": "accuracy 0.861 < 0.874 of 2026110401 on sample-v1, p = 0.012"},
}
settings = load_settings()
environment = environment_of(settings)
ledger = Path(settings.ledger.removeprefix("sqlite:///"))


def push(params: dict[str, Any], run_id: str) -> None:
    """Leave a verdict as the real one does, in the stand-in's ledger."""
    known = json.loads(ledger.read_text()) if ledger.exists() else {"events": [], "deliveries": {}}
    if not any(event["run_id"] == run_id and event["final"] for event in known["events"]):
        run = {"dag_id": "promotion", "run_id": run_id, "data_date": "2026-11-05", "first_day": "2026-10-23"}
        known["events"].append(
            {
                "position": len(known["events"]) + 1,
                "at": dt.datetime.now(dt.timezone.utc).isoformat(),
                "kind": params["pusher"],
                "actor": "anna",
                "final": True,
                **run,
                **VERDICTS[params["pusher"]],
            }
        )
        ledger.parent.mkdir(parents=True, exist_ok=True)
        ledger.write_text(json.dumps(known))
    if params["pusher"] != "promoted":
        raise AirflowSkipException("not pushed")


def node(task_id: str, act: str) -> TfxNodeOperator:
    return TfxNodeOperator(
        task_id=task_id,
        tfx_node=task_id,
        environment=environment,
        parameters={"act": act, "state": "{{ params.validator }}", "page": "<p>Anomalies"},
        report_output="anomalies" if act == "report" else "",
        report_name="Validation report",
        pre_execute=full_only if task_id == "Trainer" else None,
    )


PARAMS = {"validator": "complete", "trainer": "complete", "pusher": "promoted", "mode": "full", "data_date": None}
with DAG("promotion", schedule=None, params=PARAMS) as dag:
    validator, trainer = node("ExampleValidator", "report"), node("Trainer", "{{ params.trainer }}")
    pushed = PythonOperator(task_id="Pusher", python_callable=push)
    told: dict[str, Any] = {
        "settings": settings,
        "pipeline": "bert_sentiment",
        "module_root": MODULE_ROOT,
        "pre_execute": full_only,
    }
    promoted = PromotedModelOperator(task_id="promoted_model", asset=model_asset("bert_sentiment"), **told)
    notify = PromotionNotifyOperator(
        task_id="notify_promotion", delivery_retry_policy=DeliveryRetryPolicy(tries=2, pause=0.01), **told
    )
    validator.set_downstream(trainer)
    trainer.set_downstream(pushed)
    promoted.as_teardown(on_failure_fail_dagrun=True).set_upstream([pushed, validator])
    notify.as_teardown().set_upstream([pushed, validator])

with DAG("after_promotion", schedule=[model_asset("bert_sentiment")], is_paused_upon_creation=False) as waiting:
    BashOperator(task_id="use_the_model", bash_command="true")

if __name__ == "__main__":
    # The same run each time it is run with the same state folder, as after its tasks were cleared.
    day = dt.datetime(2026, 11, 5, tzinfo=dt.timezone.utc)
    run = dag.test(logical_date=day, run_after=day, run_conf=json.loads(sys.argv[1]))
    ends = {ti.task_id: str(ti.state) for ti in run.get_task_instances()}
    print(json.dumps({"run_id": run.run_id, "state": str(run.state), "tasks": ends}))
