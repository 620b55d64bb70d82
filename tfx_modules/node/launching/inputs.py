"""Explains why TFX could not resolve the inputs of a node."""

import re

from tfx.proto.orchestration import pipeline_pb2

_NOTHING = re.compile(r"InputResolutionError: .* returned None\.")
_TOO_FEW = re.compile(r"InsufficientInputError: .*\binputs\[(?P<key>[^\]]+)\] has min_count")


def found_nothing(error: str) -> bool:
    """Whether a Resolver has found no artifacts.

    Args:
        error: as for :func:`missing_inputs`.
    """
    return _NOTHING.search(error) is not None


def missing_inputs(node: pipeline_pb2.PipelineNode, error: str) -> str:
    """Return which node's outputs are missing, and what to do.

    Args:
        node: the node that was launched.
        error: what TFX recorded of the launch, with its traceback.

    Returns:
        One line; empty where the error is another one.
    """
    found = _TOO_FEW.search(error)
    if found is None or found["key"] not in node.inputs.inputs:
        return ""
    key = found["key"]
    producers = ", ".join(sorted({channel.producer_node_query.id for channel in node.inputs.inputs[key].channels}))
    if not producers:
        return ""
    return (
        f"{node.node_info.id} needs the outputs of {producers} ({key}), and this run has none: {producers} has not run "
        "to its end. A task that somebody marked as a success makes no outputs. Clear the task of "
        f"{producers} in this run, with the tasks after it."
    )
