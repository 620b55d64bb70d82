"""Translates how TFX executes a node into arguments of its Airflow task."""

from typing import Any

from airflow.sdk import TriggerRule

from airflow_bert_service.pipeline.execution_options import Trigger
from airflow_bert_service.pipeline.plan import NodePlan, PipelinePlan


def execution_arguments(node: NodePlan, plan: PipelinePlan) -> dict[str, Any]:
    """Return retries, time limit and trigger rule of a node's task, as far as the pipeline says something on them.

    TFX runs a node after one that it has skipped, where it finds the inputs. So a node after one that may be skipped
    gets a trigger rule with which Airflow starts it; the node command then finds out whether there are inputs. All
    others keep Airflow's rule: nodes after a task that Airflow itself skipped are skipped.

    Args:
        node: One of the plan's.
        plan: The compiled pipeline.
    """
    rule = None
    if node.options.trigger is Trigger.COMPLETED:
        rule = TriggerRule.ALL_DONE
    elif node.id in plan.after_skipped:
        rule = TriggerRule.NONE_FAILED
    found = {"retries": node.options.retries, "execution_timeout": node.options.timeout, "trigger_rule": rule}
    return {name: value for name, value in found.items() if value is not None}


def hides_failures(plan: PipelinePlan) -> bool:
    """Whether a run could be green for Airflow although a node has failed: a node runs after failed ones."""
    return any(node.options.trigger is Trigger.COMPLETED for node in plan.nodes)
