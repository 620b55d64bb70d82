"""What the operators of nodes have in common: what a task makes of its node's outcome."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Protocol

from airflow.sdk import Context
from airflow.sdk.exceptions import AirflowException, AirflowFailException, AirflowSkipException

from bert_service.exceptions import SettingsError
from bert_service.gpu import GpuUse
from bert_service.hooks.node import NodeHook, NodeRun
from bert_service.outcome import NodeOutcome, NodeState
from bert_service.reports import report_uri
from bert_service.run_end import BLOCKED
from bert_service.xcoms import REPORT, VERDICT, failure_told, push_news

if TYPE_CHECKING:
    from airflow.sdk.types import Logger

_BOOLEANS = {"True": True, "False": False}
_ERRORS: Mapping[NodeState, type[AirflowException]] = {
    NodeState.SKIPPED: AirflowSkipException,
    NodeState.BLOCKED: AirflowFailException,  # not tried again
    NodeState.FAILED: AirflowException,
}


class NodeOperator(Protocol):
    """An operator that runs one node, wherever it does; see :class:`~bert_service.operators.node.TfxNodeOperator`."""

    tfx_node: str
    parameters: Mapping[str, str]
    use_cache: str
    gpu: GpuUse
    report_output: str

    @property
    def log(self) -> "Logger":
        """The task's log."""


def run_node(operator: NodeOperator, hook: NodeHook, context: Context) -> dict[str, object]:
    """Run an operator's node, and end its task as the node ended.

    Args:
        operator: Its templates are rendered.
        hook: What runs the node.
        context: The running task's.

    Returns:
        The outcome as JSON values.

    Raises:
        AirflowSkipException: The node had nothing to do.
        AirflowFailException: A gate on the data stopped the run.
        AirflowException: The node failed.
        BertServiceError: The node could not be run, crashed, or was cancelled.
    """
    with failure_told(context):
        return _run(operator, hook, context)


def _run(operator: NodeOperator, hook: NodeHook, context: Context) -> dict[str, object]:
    run = NodeRun(
        node=operator.tfx_node,
        run_id=context["run_id"],
        parameters=_checked_parameters(operator.parameters),
        use_cache=_checked_boolean("use_cache", operator.use_cache),
        gpu=operator.gpu,
    )
    outcome = hook.run(run, lambda line: operator.log.info("%s", line))
    _push_news(operator, context, outcome)
    operator.log.info("%s: %s", operator.tfx_node, outcome.state.value)
    if outcome.reason:
        operator.log.info("%s", outcome.reason)
    if outcome.state in _ERRORS:
        raise _ERRORS[outcome.state](outcome.reason or f"node {operator.tfx_node!r} is {outcome.state.value}")
    return outcome.to_xcom()


def _push_news(operator: NodeOperator, context: Context, outcome: NodeOutcome) -> None:
    """Push what is told of the task elsewhere: a node that is blocked returns nothing."""
    if artifacts := outcome.outputs.get(operator.report_output):
        push_news(context, REPORT, report_uri(artifacts[0].uri))
    if outcome.state is NodeState.BLOCKED:
        # Ours begin with the word already, and the note has it once; a node of somebody else need not say it.
        push_news(context, VERDICT, f"{BLOCKED}{outcome.reason.removeprefix(BLOCKED)}")


def _checked_parameters(parameters: Mapping[str, object]) -> dict[str, str]:
    for name, value in parameters.items():
        if not isinstance(value, str) or not value:
            raise SettingsError(
                f"parameter {name!r} of the node became {value!r}; allowed: a text that is not empty. Correct its "
                "template in AirflowPipelineConfig.parameters, or the task whose result it takes."
            )
    return {name: str(value) for name, value in parameters.items()}


def _checked_boolean(name: str, value: str) -> bool:
    if value not in _BOOLEANS:
        raise SettingsError(
            f"{name} became {value!r}; allowed: {', '.join(_BOOLEANS)}. Correct its template in AirflowPipelineConfig."
        )
    return _BOOLEANS[value]
