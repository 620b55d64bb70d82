"""Lets an exit handler run again in a run in which it has succeeded: its task was cleared, and the run ended anew.

TFX's Launcher takes a node's only execution in its run, and does not run a node whose execution has succeeded. What it
looks for are the executions of all contexts of the node. So each call of an exit handler has a context of its own. Its
name has the number of earlier calls that succeeded: a try after one that failed or was killed goes on with the same
execution, as with any node.
"""

from tfx.proto.orchestration import pipeline_pb2

from tfx_modules.node.lineage import Lineage

CALL = "exit_handler_call"
"""The type of these contexts in ML Metadata."""


def begin_call(node: pipeline_pb2.PipelineNode, run_id: str, lineage: Lineage) -> None:
    """Give an exit handler the context of its next call in the run.

    Args:
        node: the exit handler with the run's values in it; it is changed.
        run_id: the run's id.
        lineage: where earlier calls are looked for.
    """
    number = lineage.successes(node) + 1
    context = node.contexts.contexts.add()
    context.type.name = CALL
    context.name.field_value.string_value = f"{run_id}.{node.node_info.id}.{number}"
