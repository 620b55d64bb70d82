"""Finds out why TFX has not run a node: what it records where a node before it was skipped.

TFX runs no executor, makes no output and lets a run go on in two cases:

- a condition of the node does not hold (``tfx.dsl.Cond``): there is no execution;
- an input has fewer artifacts than it needs, or a condition asks for a property of an artifact that is not there: there
  is a failed execution.

The second happens where a node was skipped that makes the artifact. Where all nodes that make the inputs have
succeeded, something else is wrong, such as a Resolver that found nothing.
"""

from collections.abc import Sequence

from ml_metadata.metadata_store import MetadataStore
from tfx.orchestration.metadata import Metadata
from tfx.orchestration.portable.mlmd import execution_lib
from tfx.proto.orchestration import pipeline_pb2

from tfx_modules.node.ir import needed_channels

CONDITION = "the node's condition does not hold"
_RUN_CONTEXT = "pipeline_run"


def skipped_before(node: pipeline_pb2.PipelineNode, metadata: Metadata) -> Sequence[str]:
    """Return the ids of the nodes that make the node's inputs, and have not succeeded in the run.

    Args:
        node: with the run's values in it.
        metadata: the store.
    """
    with metadata as handle:
        return sorted(
            {
                channel.producer_node_query.id
                for channel in needed_channels(node)
                if _is_of_run(channel) and not _has_succeeded(handle.store, channel)
            }
        )


def reason_of(skipped: Sequence[str]) -> str:
    """Return, as a line, why a node was skipped for which other nodes have made nothing.

    Args:
        skipped: ids of these nodes.
    """
    return f"it needs what {', '.join(skipped)} would have made, which was skipped in this run"


def _is_of_run(channel: pipeline_pb2.InputSpec.Channel) -> bool:
    return any(query.type.name == _RUN_CONTEXT for query in channel.context_queries)


def _has_succeeded(store: MetadataStore, channel: pipeline_pb2.InputSpec.Channel) -> bool:
    found: set[int] | None = None
    for query in channel.context_queries:
        context = store.get_context_by_type_and_name(query.type.name, query.name.field_value.string_value)
        executions = store.get_executions_by_context(context.id) if context else []
        good = {item.id for item in executions if execution_lib.is_execution_successful(item)}
        found = good if found is None else found & good
    return bool(found)
