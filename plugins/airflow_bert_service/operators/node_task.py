"""Defines the base class of the operators that run nodes: their arguments, and how an outcome ends the task."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar

from airflow.sdk import BaseOperator, Context
from airflow.sdk.exceptions import AirflowException, AirflowFailException, AirflowSkipException
from jinja2 import UndefinedError

from airflow_bert_service.clients.log_lines import read_log_line
from airflow_bert_service.clients.node import NodeClient
from airflow_bert_service.exceptions import SettingsError
from airflow_bert_service.nodes.final_status import final_status
from airflow_bert_service.nodes.outcome import NodeOutcome, NodeState
from airflow_bert_service.nodes.request import GpuUse, NodeRun
from airflow_bert_service.pipeline.plan import FINAL_STATUS
from airflow_bert_service.runs.annotations import REPORT, STORED_AS, VERDICT
from airflow_bert_service.runs.result import BLOCKED
from airflow_bert_service.runs.running_task import (
    failed_among,
    lacks_result,
    leave_annotation,
    recording_failure,
    states_of,
)
from airflow_bert_service.webui.report_files import report_uri
from airflow_bert_service.webui.report_link import ReportLink

if TYPE_CHECKING:
    from jinja2 import Environment

_BOOLEANS = {"True": True, "False": False}
_ERRORS: Mapping[NodeState, type[AirflowException]] = {
    NodeState.SKIPPED: AirflowSkipException,
    NodeState.BLOCKED: AirflowFailException,  # not tried again
    NodeState.FAILED: AirflowException,
}


class NodeTask(BaseOperator):
    """Base class of the operators that run one node, in a process or in a container; not an operator by itself.

    The task is skipped when the node was, fails for good when a gate on the data stopped the run, and fails with
    retries when the node failed; the node's reason is the last line of its log. Where a gate stopped the run, the
    reason goes on the run's note too.

    Args:
        tfx_node: The node's id in the compiled pipeline.
        parameters: Values of the node's runtime parameters, templated.
        use_cache: ``True`` or ``False`` as text, templated: whether outputs of an earlier run with the same inputs may
            be taken.
        gpu: Whether the node may, or must, use a GPU.
        is_exit_handler: Whether the node gets how the tasks right before it have ended, as one parameter more
            (:mod:`airflow_bert_service.nodes.final_status`).
        report_output: Key of the output whose artifact has a report for people in its folder
            (:mod:`airflow_bert_service.webui.report_files`); the task gets a link to it. Empty: the node makes none.
        report_name: The text of that link's button.
    """

    always_returns = True
    template_fields: Sequence[str] = ("parameters", "use_cache")
    template_fields_renderers: ClassVar[dict[str, str]] = {"parameters": "json"}
    ui_color = "#f0e4d4"

    def __init__(
        self,
        *,
        tfx_node: str,
        parameters: Mapping[str, str],
        use_cache: str = "True",
        gpu: GpuUse = GpuUse.NONE,
        is_exit_handler: bool = False,
        report_output: str = "",
        report_name: str = "Report",
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.tfx_node = tfx_node
        self.parameters = parameters
        self.use_cache = use_cache
        self.gpu = gpu
        self.is_exit_handler = is_exit_handler
        self.report_output = report_output
        self.report_name = report_name
        self.operator_extra_links = (ReportLink(report_name),) if report_output else ()
        self._node_client: NodeClient | None = None

    def render_template_fields(self, context: Context, jinja_env: "Environment | None" = None) -> None:
        """Render the parameters, which may take the result of another task.

        Raises:
            AirflowFailException: A task before this one is a success and has no result; trying again cannot help.
        """
        with recording_failure(context):
            try:
                super().render_template_fields(context, jinja_env)
            except (UndefinedError, TypeError) as error:
                self._check_results(context)
                raise SettingsError(
                    f"a parameter of node {self.tfx_node!r} cannot be rendered: {error}. Correct its template in "
                    "AirflowPipelineConfig.parameters, or the task whose result it takes."
                ) from error

    def run_node(self, client: NodeClient, context: Context) -> dict[str, object]:
        """Run the node, and end the task as the node ended.

        Args:
            client: What runs the node; :meth:`on_kill` cancels it.
            context: The running task's.

        Returns:
            The outcome as JSON values.

        Raises:
            AirflowSkipException: The node had nothing to do.
            AirflowFailException: A gate on the data stopped the run.
            AirflowException: The node failed.
            AirflowTaskTimeout: It took longer than the task's time limit.
            BertServiceError: The node could not be run, crashed, or was cancelled.
        """
        self._node_client = client
        with recording_failure(context, self.execution_timeout):
            return self._run(client, context)

    def on_kill(self) -> None:
        """Kill the node and all that it started; ``execute`` resumes after it, and raises."""
        if self._node_client is not None:
            self._node_client.cancel()

    def _check_results(self, context: Context) -> None:
        """Fail where a task before this one was marked as a success without having run."""
        states = states_of(context)
        before = self.get_flat_relative_ids(upstream=True)
        marked = [
            name
            for name in self.dag.task_ids
            if name in before and states.get(name) == "success" and lacks_result(self.dag.get_task(name), context)
        ]
        if marked:
            names = ", ".join(marked)
            raise AirflowFailException(
                f"{self.task_id} needs the result of {names}, which is a success and has none: it was marked as a "
                f"success by hand, and has not run to its end. Clear {names} in this run, with the tasks after it."
            )

    def _run(self, client: NodeClient, context: Context) -> dict[str, object]:
        run = NodeRun(
            node=self.tfx_node,
            run_id=context["run_id"],
            parameters={**_checked_parameters(self.parameters), **self._final_status(context)},
            use_cache=_checked_boolean("use_cache", self.use_cache),
            gpu=self.gpu,
        )
        outcome = client.run(run, self._log_line)
        self._leave_annotations(context, outcome)
        self.log.info("%s: %s", self.tfx_node, outcome.state.value)
        if outcome.reason:
            self.log.info("%s", outcome.reason)
        if outcome.state in _ERRORS:
            raise _ERRORS[outcome.state](outcome.reason or f"node {self.tfx_node!r} is {outcome.state.value}")
        return outcome.to_xcom()

    def _final_status(self, context: Context) -> Mapping[str, str]:
        if not self.is_exit_handler:
            return {}
        run = context["dag_run"]
        return {FINAL_STATUS: final_status(run.dag_id, run.run_id, failed_among(self.upstream_task_ids, context))}

    def _log_line(self, line: str) -> None:
        """Log a line of the node's output with the level that it has."""
        level, text = read_log_line(line)
        self.log.log(level, "%s", text)

    def _leave_annotations(self, context: Context, outcome: NodeOutcome) -> None:
        """Leave where the report is, and the line for the run's note: a blocked node returns nothing."""
        if artifacts := outcome.outputs.get(self.report_output):
            # No address of a store: it may be another one when somebody opens the report.
            if name := artifacts[0].stored_as:
                leave_annotation(context, STORED_AS, name)
            leave_annotation(context, REPORT, report_uri(artifacts[0].uri))
        if outcome.state is NodeState.BLOCKED:
            # Reasons of this project's nodes begin with the word already; those of other nodes need not.
            reason = outcome.reason.removeprefix(BLOCKED).strip() or f"node {self.tfx_node!r} gave no reason"
            leave_annotation(context, VERDICT, f"{BLOCKED}{reason}")


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
