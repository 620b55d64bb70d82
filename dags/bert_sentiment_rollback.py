"""### Another version in service, in seconds.

*Trigger* puts the version before the present one back in service, or the one that you name. Nothing is trained: the
version's folder is moved to where the servers look, and the task waits until they answer with it. The version that is
left is not compared with any longer, and does not come back by itself. `bert-service models history` (in a checkout of
the project: `scripts/bert models history`) lists the versions.

`roll_back` is red when there is no such version, when its files have changed, or when a server does not follow; its log
says which. `notify_promotion` tells whom the setting `notifications` names.
"""

import datetime as dt
from pathlib import Path

from airflow.sdk import DAG, Param
from airflow_bert_service.operators.asset import PromotedModelOperator
from airflow_bert_service.operators.promotion import PromotionNotifyOperator
from airflow_bert_service.operators.rollback import RollbackOperator
from airflow_bert_service.pipeline.plan import load_plan
from airflow_bert_service.promotion.asset import model_asset
from airflow_bert_service.settings.settings import load_settings

settings = load_settings()
plan = load_plan(Path(__file__).parent / "compiled" / "bert_sentiment.json")

with DAG(
    f"{plan.id}_rollback",
    description="Puts an earlier version of the model back in service",
    doc_md=__doc__,
    schedule=None,
    max_active_runs=1,
    default_args={"retries": 1, "retry_delay": dt.timedelta(seconds=10)},
    is_paused_upon_creation=False,  # nothing runs by itself, and nobody wants to look for a switch first
    params={
        "version": Param(
            default=None,
            type=["null", "integer"],
            title="Version",
            description="Like 2026110501. Empty: the one that was in service before.",
        ),
        "reason": Param(
            default="", type="string", minLength=1, title="Reason", description="Goes into the ledger and the message."
        ),
    },
    tags=["bert"],
) as dag:
    roll_back = RollbackOperator(
        task_id="roll_back",
        settings=settings,
        module_root=plan.module_root,
        version="{{ params.version }}",
        reason="{{ params.reason }}",
    )
    promoted = PromotedModelOperator(
        task_id="promoted_model", settings=settings, module_root=plan.module_root, asset=model_asset(plan.id)
    )
    notify = PromotionNotifyOperator(task_id="notify_promotion", settings=settings, module_root=plan.module_root)
    roll_back.set_downstream([promoted, notify])
