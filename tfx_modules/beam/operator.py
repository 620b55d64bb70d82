"""TFX's executor operator for executors that use Beam."""

import functools
import logging
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import apache_beam as beam
from google.protobuf.message import Message
from tfx.dsl.compiler import placeholder_utils
from tfx.orchestration.portable import data_types
from tfx.orchestration.portable.beam_executor_operator import BeamExecutorOperator
from tfx.proto.orchestration import execution_result_pb2
from tfx.types.standard_artifacts import Examples, Model

from tfx_modules.beam import runner
from tfx_modules.beam.forking import Forker

_FINGERPRINT = "input_fingerprint"
_TOTAL_BYTES = re.compile(r"total_bytes:(\d+)")

_logger = logging.getLogger(__name__)


class BeamOperator(BeamExecutorOperator):  # type: ignore[misc]
    """Runs an executor with Beam pipelines that ``runner`` makes.

    TFX's own has an executor make them of the arguments, and before that pack all of TFX into an archive for each node
    with arguments: 7 s, and 49 MB in the temporary folder that nothing removes. Workers elsewhere need TFX and
    ``tfx_modules`` both, so their image has to have them; the archive would not do.
    """

    def __init__(
        self, executor_spec: Message, platform_config: Message | None = None, *, forker: Forker | None
    ) -> None:
        """Take the Launcher's arguments.

        Args:
            executor_spec: TFX's BeamExecutableSpec.
            platform_config: not used.
            forker: gives workers where there are no arguments; None where there are, or where Beam shall run in this
                process.
        """
        super().__init__(executor_spec, platform_config)
        # TFX would pass the attribute's value on to the executor.
        self._expressions: list[Any] = self.beam_pipeline_args
        self.beam_pipeline_args: list[Any] = []
        self._forker = forker

    def run_executor(
        self,
        execution_info: data_types.ExecutionInfo,
        make_beam_pipeline_fn: Callable[[], beam.Pipeline] | None = None,
    ) -> execution_result_pb2.ExecutorOutput:
        """Run the executor with pipelines of this operator's making."""
        make = make_beam_pipeline_fn or self._maker(execution_info)
        return super().run_executor(execution_info, make)

    def _maker(self, execution_info: data_types.ExecutionInfo) -> Callable[[], beam.Pipeline]:
        if self._forker is None:
            context = placeholder_utils.ResolutionContext(
                exec_info=execution_info, executor_spec=self._executor_spec, platform_config=self._platform_config
            )
            arguments = [
                str(placeholder_utils.resolve_placeholder_expression(expression, context))
                for expression in self._expressions
            ]
            _logger.info("Beam runs with %s", " ".join(arguments) or "one worker in this process")
            return functools.partial(runner.pipeline_of, arguments)
        size = 0 if _has_model(execution_info) else input_size(execution_info)
        workers = runner.worth(size)
        _logger.info(
            "Beam runs in %s for %d bytes of input", f"{workers} workers" if workers > 1 else "this process", size
        )
        return functools.partial(runner.local_pipeline, workers, self._forker)


def _has_model(execution_info: data_types.ExecutionInfo) -> bool:
    # A model's inference uses all cores by itself; more workers would each load it, and take cores from each other.
    return any(
        artifact.type_name == Model.TYPE_NAME
        for artifacts in execution_info.input_dict.values()
        for artifact in artifacts
    )


def input_size(execution_info: data_types.ExecutionInfo) -> int:
    """Add up the examples, or the files of examples to be, that an executor is going to read.

    Args:
        execution_info: with Examples that are folders on a disk; or that of an ExampleGen, whose input TFX describes
            by a fingerprint.

    Returns:
        Bytes, as they are on the disk.
    """
    artifacts = [artifact for artifacts in execution_info.input_dict.values() for artifact in artifacts]
    folders = [Path(artifact.uri) for artifact in artifacts if artifact.type_name == Examples.TYPE_NAME]
    files = sum(file.stat().st_size for folder in folders for file in folder.rglob("*") if file.is_file())
    fingerprint = str(execution_info.exec_properties.get(_FINGERPRINT, ""))
    return files + sum(map(int, _TOTAL_BYTES.findall(fingerprint)))
