"""Runs components in a notebook by TFX's InteractiveContext, with what this project's components need around them."""

import time
from collections.abc import Sequence
from pathlib import Path

from tfx.dsl.components.base.base_node import BaseNode
from tfx.orchestration.experimental.interactive.execution_result import ExecutionResult
from tfx.orchestration.experimental.interactive.interactive_context import InteractiveContext
from tfx.orchestration.metadata import Metadata

from tfx_modules.exceptions import GateError
from tfx_modules.interactive.patches import patched
from tfx_modules.node import connection, gates
from tfx_modules.node.ir import class_paths_of
from tfx_modules.node.lineage import ExecutionRecord, Lineage
from tfx_modules.node.outcome import NodeState
from tfx_modules.promotion import current
from tfx_modules.promotion.history import Service


class PipelineContext(InteractiveContext):  # type: ignore[misc]
    """TFX's InteractiveContext with this project's ledger of promotions, its Beam pipelines, and its gates.

    Everything is in one folder: metadata, artifacts and ledger. Unlike the node command it compiles nothing, and each
    component runs in a run of its own in ML Metadata, as InteractiveContext has it.
    """

    def __init__(self, *, name: str, folder: Path, beam_pipeline_args: Sequence[str] = ()) -> None:
        """Open the folder's metadata.

        Args:
            name: the pipeline's.
            folder: it is made; one of an earlier context goes on where that ended.
            beam_pipeline_args: the settings' arguments of Beam.
        """
        folder = folder.absolute()
        metadata = connection.connection_config(f"sqlite:///{folder}/metadata/mlmd.db")
        super().__init__(name, str(folder / "pipeline"), metadata)
        self._ledger = f"sqlite:///{folder}/ledger/ledger.db"
        self._beam_arguments = tuple(beam_pipeline_args)

    def run(
        self,
        component: BaseNode,
        enable_cache: bool = True,  # noqa: FBT001, FBT002 - TFX's form
        beam_pipeline_args: list[str] | None = None,
    ) -> ExecutionResult:
        """Run a component, and print how it ended, with the finding of a gate.

        Args:
            component: one whose inputs have been made by components that ran before.
            enable_cache: whether outputs of an earlier execution with the same inputs may be taken.
            beam_pipeline_args: in place of the settings'.

        Raises:
            GateError: the component found the data unfit; in the DAG, the run ends there.
        """
        arguments = self._beam_arguments if beam_pipeline_args is None else tuple(beam_pipeline_args)
        began = time.monotonic()
        with current.using(self._ledger, self.pipeline_name), patched(arguments):
            result = super().run(component, enable_cache=enable_cache)
        record = Lineage(Metadata(self.metadata_connection_config)).of_id(result.execution_id)
        self._tell(component, record, time.monotonic() - began)
        return result

    def service(self) -> Service:
        """Return which version is in service, by the ledger."""
        with current.using(self._ledger, self.pipeline_name):
            return current.current_ledger().service()

    def _tell(self, component: BaseNode, record: ExecutionRecord, seconds: float) -> None:
        finding = gates.judge(class_paths_of(f"{type(component).__module__}.{type(component).__qualname__}"), record)
        if finding.state is NodeState.BLOCKED:
            raise GateError(f"{component.id}: {finding.reason}. In the DAG, the run ends here.")
        state = finding.state or (NodeState.CACHED if record.cached else NodeState.COMPLETE)
        reason = f": {finding.reason}" if finding.reason else ""
        print(f"{component.id}: {state.value} ({seconds:.1f} s){reason}", flush=True)
