"""CsvExampleGen for a window of days: TFX's own takes one span a run, this one takes every span from start to end."""

import csv
import io
from collections.abc import Iterator
from pathlib import PurePosixPath
from typing import Any, ClassVar

import apache_beam as beam
import tensorflow as tf
from apache_beam.io.filesystems import FileSystems
from tfx import types
from tfx.components.example_gen.base_example_gen_executor import BaseExampleGenExecutor
from tfx.components.example_gen.csv_example_gen import component
from tfx.dsl.components.base import executor_spec
from tfx.dsl.components.base.base_beam_component import BaseBeamComponent
from tfx.dsl.io import fileio
from tfx.orchestration.data_types import RuntimeParameter
from tfx.proto import example_gen_pb2, range_config_pb2
from tfx.types import standard_artifacts
from tfx.types.component_spec import ExecutionParameter
from tfx.types.standard_component_specs import INPUT_BASE_KEY, FileBasedExampleGenSpec

from tfx_modules import features
from tfx_modules.components.window import SEPARATOR, SPAN_VERSIONS, Driver


def to_example(row: dict[str, str | None]) -> tf.train.Example:
    """Make an example of one row of a span.

    Args:
        row: the columns ``id``, ``date``, ``review`` and ``sentiment``; an empty cell is a missing value.

    Returns:
        The columns as bytes, with ``label``, ``length`` and ``question`` added (see ``features``).
    """
    review, sentiment = row.get(features.REVIEW) or "", row.get(features.SENTIMENT) or ""
    values = {name: row.get(name) or "" for name in features.CSV_COLUMNS}
    values[features.LENGTH] = features.length_class(len(review.split()))
    values[features.QUESTION] = "yes" if "?" in review else "no"
    made = {name: _bytes_feature(value) for name, value in values.items()}
    labels = [features.SENTIMENTS.index(sentiment)] if sentiment in features.SENTIMENTS else []
    made[features.LABEL] = tf.train.Feature(int64_list=tf.train.Int64List(value=labels))
    return tf.train.Example(features=tf.train.Features(feature=made))


def _bytes_feature(value: str) -> tf.train.Feature:
    return tf.train.Feature(bytes_list=tf.train.BytesList(value=[value.encode()] if value else []))


class ReadReviews(beam.DoFn):  # type: ignore[misc]
    """From a CSV file's path to its examples; line ends inside quotes belong to the cell."""

    def process(self, path: str) -> Iterator[tf.train.Example]:
        """Read one file."""
        with FileSystems.open(path) as file, io.TextIOWrapper(file, encoding="utf-8", newline="") as text:
            yield from map(to_example, csv.DictReader(text))


@beam.typehints.with_input_types(beam.Pipeline)
@beam.typehints.with_output_types(tf.train.Example)
class WindowToExamples(beam.PTransform):  # type: ignore[misc]
    """All files of the window's days as one collection of examples."""

    def __init__(self, exec_properties: dict[str, Any], split_pattern: str) -> None:
        super().__init__()
        base = PurePosixPath(exec_properties[INPUT_BASE_KEY])
        self._patterns = [str(base / pattern) for pattern in split_pattern.split(SEPARATOR)]

    def expand(self, pipeline: beam.Pipeline) -> beam.PCollection:
        """Add the reading steps to the pipeline."""
        files = [path for pattern in self._patterns for path in sorted(fileio.glob(pattern))]
        return pipeline | beam.Create(files) | beam.Reshuffle() | beam.ParDo(ReadReviews())


class Executor(BaseExampleGenExecutor):  # type: ignore[misc]
    """Executor whose splits are made by TFX's hash buckets of the whole example."""

    def GetInputSourceToExamplePTransform(self) -> type[beam.PTransform]:
        """Return the transform that reads the window."""
        return WindowToExamples


class CsvExampleGenSpec(FileBasedExampleGenSpec):  # type: ignore[misc]
    """TFX's specification, and which version of each span is read."""

    PARAMETERS: ClassVar[dict[str, ExecutionParameter]] = {
        **FileBasedExampleGenSpec.PARAMETERS,
        SPAN_VERSIONS: ExecutionParameter(type=str),
    }


class CsvExampleGen(component.CsvExampleGen):  # type: ignore[misc]
    """TFX's CsvExampleGen for a static range of spans instead of one. Not for rolling ranges: a run says its dates.

    Args:
        input_base: Folder of the spans.
        input_config: One split, whose pattern has a date and a version.
        output_config: The splits to make.
        range_config: TFX's RangeConfig with a ``static_range``.
        span_versions: The version of each span of the range (see ``window.span_versions``).
    """

    SPEC_CLASS = CsvExampleGenSpec
    EXECUTOR_SPEC = executor_spec.BeamExecutorSpec(Executor)
    DRIVER_CLASS = Driver

    def __init__(
        self,
        *,
        input_base: str | RuntimeParameter,
        input_config: example_gen_pb2.Input,
        output_config: example_gen_pb2.Output,
        range_config: range_config_pb2.RangeConfig | RuntimeParameter,
        span_versions: str | RuntimeParameter,
    ) -> None:
        spec = CsvExampleGenSpec(
            input_base=input_base,
            input_config=input_config,
            output_config=output_config,
            range_config=range_config,
            span_versions=span_versions,
            output_data_format=example_gen_pb2.FORMAT_TF_EXAMPLE,
            output_file_format=example_gen_pb2.FORMAT_TFRECORDS_GZIP,
            examples=types.Channel(type=standard_artifacts.Examples),
        )
        # TFX's own constructors make the specification that they know.
        BaseBeamComponent.__init__(self, spec=spec)
