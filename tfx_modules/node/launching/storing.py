"""Has a node read and write paths of this machine, and keeps what it makes on the artifact store.

Before the executor, its inputs are fetched. After it, its outputs are stored, and only then the Launcher reports the
execution as complete to ML Metadata: what a killed try has stored is no artifact, and the next try stores its own.
"""

import functools
import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from google.protobuf.message import Message
from tfx.orchestration.portable.data_types import ExecutionInfo
from tfx.proto.orchestration.execution_result_pb2 import ExecutorOutput
from tfx.types import artifact_utils
from tfx.types.artifact import Artifact
from tfx.types.value_artifact import ValueArtifact

from tfx_modules.artifact_store.current import current_staging
from tfx_modules.artifact_store.staging import STORED_AS, LocalStaging, stored_as
from tfx_modules.exceptions import ArtifactStoreError
from tfx_modules.node import outcome
from tfx_modules.node.launching.flushing import Operator
from tfx_modules.report_page import document
from tfx_modules.reports.node_record import Artifact as NodeArtifact

_logger = logging.getLogger(__name__)

_verify_on_disk = artifact_utils.verify_artifacts
_read_here = ValueArtifact.read


class StoringOperator:
    """Runs an executor by another operator, between fetching its inputs and storing its outputs.

    Where one of these fails, the Launcher removes the outputs and reports the execution as failed.
    """

    def __init__(self, operator: Operator, staging: LocalStaging) -> None:
        """Prepare.

        Args:
            operator: runs the executor.
            staging: the node's.
        """
        self._operator = operator
        self._staging = staging

    def with_execution_watcher(self, execution_watcher_address: str) -> "StoringOperator":
        """Take the address that executors elsewhere report to."""
        self._operator.with_execution_watcher(execution_watcher_address)
        return self

    def run_executor(self, execution_info: ExecutionInfo) -> ExecutorOutput:
        """Run the executor; its outputs are stored when this returns.

        Raises:
            ArtifactStoreError: an input cannot be fetched, or an output not be stored.
        """
        for artifact in (item for items in execution_info.input_dict.values() for item in items):
            self._staging.fetch(artifact.uri, stored_as(artifact))
        self._staging.reserve(item.uri for items in execution_info.output_dict.values() for item in items)
        output = self._operator.run_executor(execution_info)
        if output.execution_result.code == 0:
            self._store(execution_info.output_dict, output)
        return output

    def _store(self, outputs: Mapping[str, list[Artifact]], output: ExecutorOutput) -> None:
        for key, artifacts in outputs.items():
            # What the executor reports of its outputs takes the place of what the Launcher has made them with.
            if key in output.output_artifacts:
                for item in output.output_artifacts[key].artifacts:
                    if name := self._keep(item.uri):
                        item.custom_properties[STORED_AS].string_value = name
                continue
            for artifact in artifacts:
                if name := self._keep(artifact.uri):
                    artifact.set_string_custom_property(STORED_AS, name)

    def _keep(self, uri: str) -> str:
        name = self._staging.keep(uri)
        # Reports of all nodes are found at the same place, also those that an executor writes.
        if name and (report := Path(uri, document.FILE)).is_file():
            self._staging.keep_beside(name, report)
        return name


def storing(
    operators: Mapping[type[Message], Callable[..., Operator]], staging: LocalStaging | None
) -> dict[type[Message], Any]:
    """Return operators for the Launcher that fetch inputs and store outputs; without a store, those that are given.

    Args:
        operators: what makes an operator, by the type of the executor's specification.
        staging: the node's; None: no node runs here.
    """
    if staging is None:
        return dict(operators)
    return {spec: partial(_made, make, staging) for spec, make in operators.items()}


def _made(make: Callable[..., Operator], staging: LocalStaging, **arguments: Any) -> StoringOperator:
    return StoringOperator(make(**arguments), staging)


def verify_artifacts(artifacts: Any) -> None:
    """Check that outputs which TFX's cache is about to hand out are there, in the artifact store where there is one.

    It takes the place of TFX's function of this name, which looks at this machine's disk; artifacts that are not in the
    pipeline's folder are still checked by that one. What was made before there was a store is on one machine alone, and
    is not handed out where there is one.

    Args:
        artifacts: artifacts by key, as the cache passes them.

    Raises:
        RuntimeError: one is not there; the cache then looks for outputs of an earlier execution.
        ArtifactStoreError: the store does not answer.
    """
    staging = current_staging()
    if staging is None:
        _verify_on_disk(artifacts)
        return
    for artifact in (item for items in artifacts.values() for item in items):
        name, is_ours = stored_as(artifact), staging.place_of(artifact.uri) is not None
        if is_ours and staging.store and not name:
            raise RuntimeError(f"{artifact.uri} was made without {staging.kept_in}")
        if not (is_ours and name):
            _verify_on_disk([artifact])
        elif not staging.is_kept(artifact.uri, name):
            raise RuntimeError(f"{artifact.uri} is not in {staging.kept_in}")


def read_value(artifact: ValueArtifact) -> Any:
    """Read an artifact's value, which is fetched before.

    It takes the place of TFX's method ``ValueArtifact.read``: conditions and parameters that are values of earlier
    nodes are read before the executor's inputs are fetched.

    Raises:
        ArtifactStoreError: it cannot be fetched.
    """
    if staging := current_staging():
        staging.fetch(artifact.uri, stored_as(artifact))
    return _read_here(artifact)


@dataclass(frozen=True)
class StagedArtifact:
    """An artifact that is fetched when somebody asks where it is, with the report that was stored beside it."""

    artifact: outcome.Artifact
    staging: LocalStaging

    @functools.cached_property
    def uri(self) -> str:
        """Where it is, now also on this machine."""
        self.staging.fetch(self.artifact.uri, self.stored_as)
        self.staging.fetch_beside(self.artifact.uri, self.stored_as, document.FILE)
        return self.artifact.uri

    @property
    def properties(self) -> Mapping[str, Any]:
        """Declared and custom properties."""
        return self.artifact.properties

    @property
    def stored_as(self) -> str:
        """What it is stored as; empty: it was made without a store."""
        return _stored_as(self.artifact)


def staged(artifacts: Mapping[str, Sequence[outcome.Artifact]]) -> Mapping[str, Sequence[NodeArtifact]]:
    """Return artifacts that are fetched when they are read; without a store, those that are given."""
    staging = current_staging()
    if staging is None:
        return artifacts
    return {key: [StagedArtifact(item, staging) for item in items] for key, items in artifacts.items()}


def keep_report(file: Path, artifacts: Mapping[str, Sequence[outcome.Artifact]]) -> None:
    """Store a report beside the output in whose folder it is; an error is logged, since nothing depends on it."""
    staging = current_staging()
    names = [_stored_as(item) for items in artifacts.values() for item in items if Path(item.uri) == file.parent]
    if staging is None or not names:
        return
    try:
        staging.keep_beside(names[0], file)
    except ArtifactStoreError:
        _logger.exception("the node has succeeded, but its report was not stored")


def _stored_as(artifact: outcome.Artifact) -> str:
    return str(artifact.properties.get(STORED_AS, ""))
