"""A DAG file: nodes with conditions and trigger strategies, run by the stand-in `tfx_modules`.

As a script it runs once in this process: `python options_dag.py NODE=STATE,...`; other nodes complete, and the exit
handler keeps what it is told.
It prints the run's state and those of its tasks as JSON.
"""

import json
import os
import sys
from pathlib import Path

from airflow_bert_service.dag.config import AirflowPipelineConfig
from airflow_bert_service.dag.runner import AirflowDagRunner
from airflow_bert_service.pipeline.execution_options import ExecutionOptions, Trigger
from airflow_bert_service.pipeline.plan import NodePlan, ParameterPlan, ParameterType, PipelinePlan
from airflow_bert_service.settings.settings import load_settings

ACT = (ParameterPlan("act", ParameterType.STRING, has_default=False),)
LAST = ExecutionOptions(trigger=Trigger.COMPLETED, retries=0)

plan = PipelinePlan(
    id="options",
    nodes=(
        NodePlan("Gen", "Gen", (), ACT),
        NodePlan("Guarded", "Guarded", ("Gen",), ACT, has_condition=True),
        NodePlan("After", "After", ("Guarded",), ACT),
        NodePlan("Last", "Last", ("After",), ACT, options=LAST),
        NodePlan("Bye", "Bye", ("Gen", "Guarded", "After", "Last"), ACT, options=LAST, is_exit_handler=True),
    ),
    path=Path("options.json"),
    module_root=Path(os.environ["TEST_MODULE_ROOT"]),
)
config = AirflowPipelineConfig(
    {"schedule": None, "params": {"states": {}}},
    parameters={"act": "{{ params.states.get(task.task_id, 'keep' if task.task_id == 'Bye' else 'complete') }}"},
    settings=load_settings(),
)
dag = AirflowDagRunner(config).run(plan)

if __name__ == "__main__":
    wanted = dict(pair.split("=") for pair in sys.argv[1].split(","))
    run = dag.test(run_conf={"states": wanted})
    print(json.dumps({"run": run.state, **{task.task_id: task.state for task in run.get_task_instances()}}))
