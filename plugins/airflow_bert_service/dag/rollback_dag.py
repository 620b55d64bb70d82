"""Makes the DAG that puts an earlier version of a pipeline's model back in service."""

import datetime as dt
from pathlib import Path

from airflow.sdk import DAG

from airflow_bert_service.operators.asset import PromotedModelOperator
from airflow_bert_service.operators.promotion import PromotionNotifyOperator
from airflow_bert_service.operators.rollback import RollbackOperator, rollback_parameters
from airflow_bert_service.pipeline.compiler import compiled_pipeline
from airflow_bert_service.pipeline.name import dag_ids
from airflow_bert_service.pipeline.plan import load_plan
from airflow_bert_service.pipelines.settings import pipeline_settings
from airflow_bert_service.promotion.asset import model_asset

DOC = """\
### Puts an earlier model version back in service, in seconds.

*Trigger* puts the previous champion back in service, or the version that you name. Nothing is trained: the version's
folder is moved into the folder that the model servers watch, and the task waits until they serve it. The version that
was rolled back is no longer compared with candidates, and does not return to service by itself. `bert-service models
history` (in a checkout of the project: `scripts/bert models history`) lists the versions.

`roll_back` fails when there is no such version, when its files have changed, or when a model server does not load it;
its log has the reason. `notify_promotion` notifies the channels of the setting `notifications`.
"""
"""The DAG's page, in Markdown."""


def rollback_dag(folder: Path) -> DAG:
    """Make the DAG.

    Args:
        folder: The pipeline's folder (:mod:`airflow_bert_service.pipeline.folders`).

    Raises:
        CompiledPipelineError: The pipeline is not compiled, or was compiled from other sources.
        SettingsError: A setting is wrong.
    """
    settings = pipeline_settings(folder)
    plan = load_plan(compiled_pipeline(folder))
    with DAG(
        dag_ids(plan.id).rollback,
        description="Puts an earlier version of the model back in service",
        doc_md=DOC,
        schedule=None,
        max_active_runs=1,
        dagrun_timeout=settings.limits.run,
        default_args={
            "retries": 1,
            "retry_delay": dt.timedelta(seconds=10),
            "execution_timeout": settings.limits.node,
        },
        is_paused_upon_creation=False,  # it has no schedule, and an emergency is no time to look for the toggle
        params=rollback_parameters(),
        tags=["bert"],
    ) as dag:
        roll_back = RollbackOperator(
            task_id="roll_back",
            settings=settings,
            pipeline=plan.id,
            module_root=plan.module_root,
            version="{{ params.version }}",
            reason="{{ params.reason }}",
        )
        promoted = PromotedModelOperator(
            task_id="promoted_model",
            settings=settings,
            pipeline=plan.id,
            module_root=plan.module_root,
            asset=model_asset(plan.id),
        )
        notify = PromotionNotifyOperator(
            task_id="notify_promotion", settings=settings, pipeline=plan.id, module_root=plan.module_root
        )
        roll_back.set_downstream([promoted, notify])
    return dag
