"""The operator that runs one TFX node."""

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from airflow.sdk import BaseOperator, Context

from bert_service.config import NodeEnvironment
from bert_service.gpu import GpuUse
from bert_service.hooks.node import NodeHook
from bert_service.operators.links import ReportLink
from bert_service.operators.node_task import run_node


class TfxNodeOperator(BaseOperator):
    """Runs one node of a compiled pipeline in the TFX environment; returns its outcome, as URIs and properties.

    It is not a general way to run commands: what it runs is the node command, and what it knows of it is in
    :mod:`bert_service.hooks.node`. The task is skipped when the node was, fails for good when a gate on the data
    stopped the run, and fails with retries when the node failed; the node's reason is the last line of its log. Where a
    gate stopped the run, the reason goes on the run's note too.

    Args:
        tfx_node: The node's id in the compiled pipeline.
        environment: Where nodes run.
        parameters: Values of the node's runtime parameters, templated.
        use_cache: ``True`` or ``False`` as text, templated: whether outputs of an earlier run with the same inputs may
            be taken.
        gpu: What the node is told of GPUs.
        report_output: Key of the output whose artifact has a report for people in its folder
            (:mod:`bert_service.reports`); the task gets a link to it. Empty: the node makes none.
    """

    template_fields: Sequence[str] = ("parameters", "use_cache")
    template_fields_renderers: ClassVar[dict[str, str]] = {"parameters": "json"}
    ui_color = "#f0e4d4"

    def __init__(
        self,
        *,
        tfx_node: str,
        environment: NodeEnvironment,
        parameters: Mapping[str, str],
        use_cache: str = "True",
        gpu: GpuUse = GpuUse.NONE,
        report_output: str = "",
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.tfx_node = tfx_node
        self.environment = environment
        self.parameters = parameters
        self.use_cache = use_cache
        self.gpu = gpu
        self.report_output = report_output
        self.operator_extra_links = (ReportLink(),) if report_output else ()
        self._hook: NodeHook | None = None

    def execute(self, context: Context) -> dict[str, object]:
        """Run the node.

        Returns:
            The outcome as JSON values.

        Raises:
            AirflowSkipException: The node had nothing to do.
            AirflowFailException: A gate on the data stopped the run.
            AirflowException: The node failed.
            BertServiceError: The node could not be run, crashed, or was cancelled.
        """
        self._hook = NodeHook(self.environment)
        return run_node(self, self._hook, context)

    def on_kill(self) -> None:
        """Kill the node's whole process group; ``execute`` resumes after it, and raises."""
        if self._hook is not None:
            self._hook.cancel()
