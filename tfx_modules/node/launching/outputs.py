"""Empties the folders of an execution before its node runs.

An execution's folders are named after its id. There may be something in them already:

- files of an earlier try of the same execution, which was killed: TFX goes on with the execution, and the node would
  find them beside its own. They are removed, as TFX does where a node fails;
- files of an execution that ML Metadata does not know, because it was restored from a backup that is older than the
  files, and gives out its ids anew. They are moved aside: somebody may want them.

What an earlier try of the same execution has left in its working folder stays: a Trainer goes on from its checkpoint.
"""

import functools
import logging
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

from ml_metadata.proto import metadata_store_pb2
from tfx.orchestration.portable import outputs_utils
from tfx.types.artifact import Artifact

from tfx_modules.common.aside import move_aside

_SCRATCH = Path(".system", "executor_execution")
_WORKING = Path(".system", "stateful_working_dir")

_logger = logging.getLogger(__name__)


class EmptyOutputs(outputs_utils.OutputsResolver):  # type: ignore[misc]
    """Chooses folders of outputs as TFX does, and sees to it that they are empty.

    Args:
        known: an execution that ML Metadata knew for this node before it was launched.
        arguments: those that the Launcher passes.
    """

    def __init__(self, *, known: int | None, **arguments: Any) -> None:
        super().__init__(**arguments)
        self._known = known
        spec = arguments["pipeline_runtime_spec"]
        self._root = Path(spec.pipeline_root.field_value.string_value)
        self._node = Path(outputs_utils.get_node_dir(spec, arguments["pipeline_node"].node_info.id))

    def generate_output_artifacts(self, execution_id: int) -> dict[str, list[Artifact]]:
        """Return an execution's outputs by key; called once, before the node runs or is taken from the cache."""
        found: dict[str, list[Artifact]] = super().generate_output_artifacts(execution_id)
        keys = [key for key, artifacts in found.items() if not all(item.is_external for item in artifacts)]
        for folder in (*(self._node / key for key in keys), self._node / _SCRATCH):
            self._empty(folder / str(execution_id), execution_id)
        return found

    def get_stateful_working_directory(self, execution: metadata_store_pb2.Execution) -> str:
        """Return a folder that all tries of an execution have; TFX's own is another one for each try."""
        folder = self._node / _WORKING / str(execution.id)
        if execution.id != self._known:
            self._empty(folder, execution.id)
        folder.mkdir(parents=True, exist_ok=True)
        return str(folder)

    def _empty(self, path: Path, execution_id: int) -> None:
        if not os.path.lexists(path) or (path.is_dir() and not path.is_symlink() and not any(path.iterdir())):
            return
        if execution_id == self._known:
            _logger.info("removing %s, which an earlier try of execution %d has left", path, execution_id)
            _remove(path)
            return
        moved = move_aside(path, self._root)
        _logger.warning(
            "%s was there before execution %d, so ML Metadata does not know what made it; it is now %s. Remove it "
            "when nobody needs it.",
            path,
            execution_id,
            moved,
        )


def resolver_for(known: int | None) -> Callable[..., EmptyOutputs]:
    """Return what takes the place of TFX's ``OutputsResolver``; see :class:`EmptyOutputs`."""
    return functools.partial(EmptyOutputs, known=known)


def _remove(path: Path) -> None:
    if path.is_symlink() or not path.is_dir():
        path.unlink()
    else:
        shutil.rmtree(path)
