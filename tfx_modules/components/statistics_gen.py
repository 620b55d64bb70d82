"""StatisticsGen that also counts the reviews of each day: TFDV's statistics cover the window as a whole."""

from typing import Any, ClassVar

import apache_beam as beam
from tfx import types
from tfx.components.example_gen.utils import SPAN_PROPERTY_NAME
from tfx.components.statistics_gen import component, executor
from tfx.components.util import tfxio_utils
from tfx.dsl.components.base import base_beam_component, executor_spec
from tfx.dsl.io import fileio
from tfx.types import artifact_utils, component_spec, standard_artifacts, standard_component_specs
from tfx.utils import io_utils, json_utils

from tfx_modules.settings.task import BINARY_SENTIMENT, TaskSettings, from_parameter, to_parameter
from tfx_modules.settings.task import KEY as TASK
from tfx_modules.validation import counting, profile


def read_days(statistics: types.Artifact) -> profile.Days:
    """Read the counts that the component below has written."""
    return profile.from_json(io_utils.read_string_file(f"{statistics.uri}/{profile.FILE}"))


class _WriteDays(beam.DoFn):  # type: ignore[misc]
    def __init__(self, path: str) -> None:
        super().__init__()
        self._path = path

    def process(self, days: profile.Days) -> None:
        with fileio.open(self._path, "w") as file:
            file.write(profile.to_json(days))


class Executor(executor.Executor):  # type: ignore[misc]
    """TFX's statistics of each split, and counts of each day over all splits."""

    def Do(
        self,
        input_dict: dict[str, list[types.Artifact]],
        output_dict: dict[str, list[types.Artifact]],
        exec_properties: dict[str, Any],
    ) -> None:
        """Write both into the artifact's folder."""
        super().Do(input_dict, output_dict, exec_properties)
        task = from_parameter(exec_properties.get(TASK))
        examples = artifact_utils.get_single_instance(input_dict[standard_component_specs.EXAMPLES_KEY])
        statistics = artifact_utils.get_single_instance(output_dict[standard_component_specs.STATISTICS_KEY])
        # TFX's ExampleGen driver writes the span into a custom property; TFX's StatisticsGen looks for a declared one.
        statistics.span = examples.get_int_custom_property(SPAN_PROPERTY_NAME)
        with self._make_beam_pipeline() as pipeline:
            batches = [
                pipeline | f"Read[{split}]" >> _reader(examples, split)
                for split in artifact_utils.decode_split_names(examples.split_names)
            ]
            counted = batches | beam.Flatten() | beam.CombineGlobally(counting.CountDays(task))
            counted | beam.ParDo(_WriteDays(f"{statistics.uri}/{profile.FILE}"))


def _reader(examples: types.Artifact, split: str) -> beam.PTransform:
    tfxio = tfxio_utils.get_split_tfxio(
        examples=[examples], split=split, telemetry_descriptors=["StatisticsGen"], schema=counting.schema()
    )
    return tfxio.BeamSource()


class StatisticsGenSpec(standard_component_specs.StatisticsGenSpec):  # type: ignore[misc]
    """TFX's, with the task."""

    PARAMETERS: ClassVar[dict[str, Any]] = {
        **standard_component_specs.StatisticsGenSpec.PARAMETERS,
        TASK: component_spec.ExecutionParameter(type=str, optional=True),
    }


class StatisticsGen(component.StatisticsGen):  # type: ignore[misc]
    """TFX's StatisticsGen with the executor above. Not for a schema or options of TFDV."""

    SPEC_CLASS = StatisticsGenSpec
    EXECUTOR_SPEC = executor_spec.BeamExecutorSpec(Executor)

    def __init__(self, *, examples: types.BaseChannel, task: TaskSettings = BINARY_SENTIMENT) -> None:
        """See TFX's StatisticsGen; ``task`` has the labels that are counted."""
        spec = StatisticsGenSpec(
            examples=examples,
            exclude_splits=json_utils.dumps([]),
            statistics=types.Channel(type=standard_artifacts.ExampleStatistics),
            task=to_parameter(task),
        )
        # TFX's own constructor makes its spec itself and takes no other.
        base_beam_component.BaseBeamComponent.__init__(self, spec=spec)
