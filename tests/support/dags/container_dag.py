"""A DAG file: one node of the stand-in `tfx_modules`, made by `AirflowDagRunner`, where the settings say.

As a script it runs once in this process: `python container_dag.py STATE`, with the state that the node ends in.
"""

import os
import sys
from pathlib import Path

from airflow_bert_service.dag.config import AirflowPipelineConfig
from airflow_bert_service.dag.runner import AirflowDagRunner
from airflow_bert_service.pipeline.plan import NodePlan, ParameterPlan, ParameterType, PipelinePlan
from airflow_bert_service.settings.settings import load_settings

module_root = Path(os.environ["TEST_MODULE_ROOT"])
plan = PipelinePlan(
    id="container",
    nodes=(NodePlan("Trainer", "Trainer", (), (ParameterPlan("act", ParameterType.STRING, has_default=False),)),),
    path=module_root / "small.json",
    module_root=module_root,
)
config = AirflowPipelineConfig(
    {"schedule": None, "params": {"act": "complete"}},
    parameters={"act": "{{ params.act }}"},
    settings=load_settings(),
)
dag = AirflowDagRunner(config).run(plan)

if __name__ == "__main__":
    print(dag.test(run_conf={"act": sys.argv[1]}).run_id)
