"""Records in the ledger how a local run ended, as ``notify_promotion`` does, and tells it."""

import datetime as dt
import sys

from airflow_bert_service.cli.local.parameters import RUN_TYPE
from airflow_bert_service.cli.local.steps import LocalRun
from airflow_bert_service.clients.ledger import LedgerClient, PromotionEnvironment
from airflow_bert_service.clients.node import describe_exit
from airflow_bert_service.nodes.outcome import NodeState
from airflow_bert_service.pipeline.plan import NodePlan
from airflow_bert_service.promotion.events import PromotionEvent, RunEnd
from airflow_bert_service.runs.result import BLOCKED, TaskEnd, explain

_FAILED = (NodeState.BLOCKED, NodeState.FAILED)


def recorded(run: LocalRun, user: str, code: int) -> PromotionEvent | None:
    """Return the run's verdict; of one that failed before, the event that is recorded now.

    Args:
        run: It has ended, and its data were refreshed.
        user: Who ran it.
        code: The exit code of the nodes' process.

    Returns:
        The event; None: only some of the nodes were to run, and these ended well.

    Raises:
        BertServiceError: The ledger cannot be used.
    """
    plan = run.plan
    client = LedgerClient(PromotionEnvironment.of(plan.module_root, run.settings, plan.id))
    if code == 0 and run.nodes != plan.nodes:
        return None
    event = client.verdict(dag_id=plan.id, run_id=run.run_id)
    if event is None:
        kind, reason = explain([_task_end(run, node, code) for node in run.nodes])
        event = client.record(
            RunEnd(
                kind=kind,
                dag_id=plan.id,
                run_id=run.run_id,
                data_date=dt.date.fromisoformat(str(run.refreshed["data_date"])),
                first_day=dt.date.fromisoformat(str(run.refreshed["first_day"])),
                reason=reason,
                actor=user or RUN_TYPE,
            )
        )
    client.settle()
    return event


def tell_failure(run: LocalRun, code: int) -> None:
    """Print which node failed, and its error."""
    failed = next((node for node in run.nodes if _has_failed(run, node)), None)
    if failed is None:
        print(f"The nodes' process ended with {describe_exit(code)} before a node failed.", file=sys.stderr)
        return
    outcome = run.outcome(failed)
    reason = outcome.reason if outcome else _crash(code)
    is_blocked = outcome is not None and outcome.state is NodeState.BLOCKED
    print(
        f"Node {failed.id} {'stopped the run' if is_blocked else 'failed'}: {reason.removeprefix(BLOCKED)}",
        file=sys.stderr,
    )


def tell_places(run: LocalRun) -> None:
    """Print where the run has left what it made."""
    settings = run.settings
    print(f"Artifacts: {settings.pipeline_root}; requests and outcomes of the nodes: {run.folder}")
    if run.refreshed:
        print(f"Promoted models: {settings.models_of(run.plan.id)}")


def _has_failed(run: LocalRun, node: NodePlan) -> bool:
    outcome = run.outcome(node)
    return outcome is None or outcome.state in _FAILED


def _task_end(run: LocalRun, node: NodePlan, code: int) -> TaskEnd:
    outcome = run.outcome(node)
    if outcome is None:
        before = run.nodes[: run.nodes.index(node)]
        is_first = not any(_has_failed(run, other) for other in before)
        return TaskEnd(task_id=node.id, state="failed", failure=_crash(code)) if is_first else _not_run(node)
    if outcome.state is NodeState.BLOCKED:
        return TaskEnd(task_id=node.id, state="failed", verdict=f"{BLOCKED}{outcome.reason.removeprefix(BLOCKED)}")
    if outcome.state is NodeState.FAILED:
        return TaskEnd(task_id=node.id, state="failed", failure=outcome.reason)
    return TaskEnd(task_id=node.id, state="skipped" if outcome.state is NodeState.SKIPPED else "success")


def _not_run(node: NodePlan) -> TaskEnd:
    return TaskEnd(task_id=node.id, state=None)


def _crash(code: int) -> str:
    return f"its process ended with {describe_exit(code)} without an outcome"
