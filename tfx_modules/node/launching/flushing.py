"""Flushes what an executor has written before the Launcher reports its execution as complete to ML Metadata.

ML Metadata's database is flushed at each transaction. Without this, a loss of power could leave an execution that is
complete there, with files that are empty or cut: the next nodes, and the cache, would take them.
"""

import logging
import os
import time
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any, Protocol

from google.protobuf.message import Message
from tfx.orchestration.portable.data_types import ExecutionInfo
from tfx.proto.orchestration.execution_result_pb2 import ExecutorOutput

from tfx_modules.common.files import sync, sync_tree
from tfx_modules.exceptions import NodeError

_MEGABYTE = 1e6

_logger = logging.getLogger(__name__)


class Operator(Protocol):
    """What the Launcher asks of TFX's executor operators."""

    def with_execution_watcher(self, execution_watcher_address: str) -> object:
        """Take the address that executors elsewhere report to."""

    def run_executor(self, execution_info: ExecutionInfo) -> ExecutorOutput:
        """Run the executor."""


class FlushingOperator:
    """Runs an executor by another operator, and flushes the outputs.

    Where that fails, the Launcher removes the outputs and reports the execution as failed.
    """

    def __init__(self, operator: Operator, root: Path) -> None:
        """Prepare.

        Args:
            operator: runs the executor.
            root: the pipeline's folder, whose entry is on the disk.
        """
        self._operator = operator
        self._root = root

    def with_execution_watcher(self, execution_watcher_address: str) -> "FlushingOperator":
        """Take the address that executors elsewhere report to."""
        self._operator.with_execution_watcher(execution_watcher_address)
        return self

    def run_executor(self, execution_info: ExecutionInfo) -> ExecutorOutput:
        """Run the executor; its outputs are on the disk when this returns.

        Raises:
            NodeError: they cannot be flushed.
        """
        output = self._operator.run_executor(execution_info)
        outputs = [Path(item.uri) for items in execution_info.output_dict.values() for item in items]
        node = execution_info.pipeline_node.node_info.id
        began = time.monotonic()
        try:
            size = _flush(outputs, self._root)
        except OSError as error:
            raise NodeError(
                f"the outputs of node {node} cannot be flushed to the disk: {error}. They are removed, since a loss of "
                f"power could leave them cut. Look at the disk of {self._root}, and clear the task."
            ) from error
        took = time.monotonic() - began
        _logger.info("flushed the outputs of node %s: %.1f MB in %.2f s", node, size / _MEGABYTE, took)
        return output


def flushing(operators: Mapping[type[Message], Callable[..., Operator]], root: Path) -> dict[type[Message], Any]:
    """Return operators for the Launcher that flush the outputs.

    Args:
        operators: what makes an operator, by the type of the executor's specification.
        root: the pipeline's folder, whose entry is on the disk.
    """
    return {spec: partial(_made, make, root) for spec, make in operators.items()}


def _made(make: Callable[..., Operator], root: Path, **arguments: Any) -> FlushingOperator:
    return FlushingOperator(make(**arguments), root)


def _flush(outputs: list[Path], root: Path) -> int:
    """Flush outputs, and the folders above them; return the bytes of the outputs."""
    size = sum(sync_tree(path) for path in outputs if os.path.lexists(path))
    above = {folder for path in outputs for folder in _above(path, root)}
    for folder in sorted(above, key=lambda path: len(path.parts), reverse=True):
        sync(folder)
    return size


def _above(path: Path, root: Path) -> Iterator[Path]:
    """Yield the folders that have been made for an output: those above it, up to the pipeline's."""
    for folder in path.parents:
        yield folder
        if root not in folder.parents:
            return
