"""A DAG file: a node of the stand-in `tfx_modules` that leaves a report, and ends as the parameter `state` says.

A second one, which leaves another report, always completes.

As a script it runs once in this process: `python gate_dag.py STATE`.
"""

import os
import sys
from pathlib import Path

from airflow.sdk import DAG
from airflow_bert_service.nodes.environment import NodeEnvironment
from airflow_bert_service.operators.node import TfxNodeOperator
from airflow_bert_service.settings.settings import load_settings

PAGE = "<!doctype html><title>Anomalies</title><p>größer ✓"
EVALUATION = "<!doctype html><title>Evaluation</title>"

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

with DAG("gate", schedule=None, params={"state": "blocked"}) as dag:
    validator = TfxNodeOperator(
        task_id="ExampleValidator",
        tfx_node="ExampleValidator",
        environment=environment,
        parameters={"act": "report", "state": "{{ params.state }}", "page": PAGE},
        report_output="anomalies",
        report_name="Validation report",
    )
    trainer = TfxNodeOperator(
        task_id="Trainer", tfx_node="Trainer", environment=environment, parameters={"act": "complete"}
    )
    evaluator = TfxNodeOperator(
        task_id="Evaluator",
        tfx_node="Evaluator",
        environment=environment,
        parameters={"act": "report", "state": "complete", "page": EVALUATION},
        report_output="anomalies",
        report_name="Evaluation report",
    )
    validator.set_downstream(trainer)

if __name__ == "__main__":
    print(dag.test(run_conf={"state": sys.argv[1]}).run_id)
