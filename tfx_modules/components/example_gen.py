"""CsvExampleGen for a window of days: TFX's own takes one span a run, this one takes every span from start to end."""

import datetime as dt
from collections.abc import Iterable, Iterator
from pathlib import PurePosixPath
from typing import Any

import apache_beam as beam
import tensorflow as tf
from tfx.components.example_gen import driver, input_processor
from tfx.components.example_gen.base_example_gen_executor import BaseExampleGenExecutor
from tfx.components.example_gen.csv_example_gen import component
from tfx.dsl.components.base import executor_spec
from tfx.dsl.io import fileio
from tfx.proto import example_gen_pb2, range_config_pb2
from tfx.types.standard_component_specs import INPUT_BASE_KEY

from tfx_modules import features
from tfx_modules.components.csv_parts import FindParts, Part, rows_of
from tfx_modules.exceptions import MissingSpanError

_SEPARATOR = ","


class WindowInputProcessor(input_processor.FileBasedInputProcessor):  # type: ignore[misc]
    """Resolves a static range of spans to their files; every span has to be there."""

    def __init__(
        self, base: str, splits: Iterable[example_gen_pb2.Input.Split], window: range_config_pb2.StaticRange
    ) -> None:
        self._base = base
        self._window = window
        self._spans = [
            input_processor.FileBasedInputProcessor(base, splits, _one_span(span))
            for span in range(window.start_span_number, window.end_span_number + 1)
        ]
        super().__init__(base, splits, _one_span(window.end_span_number))

    def resolve_span_and_version(self) -> tuple[int, int | None]:
        """Return the window's last span; it names the artifact.

        Raises:
            MissingSpanError: a day of the window has no files.
        """
        for number, span in enumerate(self._spans, start=self._window.start_span_number):
            self._resolve(number, span)
        return self._window.end_span_number, None

    def _resolve(self, number: int, span: input_processor.FileBasedInputProcessor) -> None:
        try:
            span.resolve_span_and_version()
        except ValueError as error:
            first, last = day_of(self._window.start_span_number), day_of(self._window.end_span_number)
            msg = (
                f"span {number} ({day_of(number)}) is not in {self._base}; allowed: every day from {first} to {last}. "
                "Run refresh_data for that day, or shorten the window."
            )
            raise MissingSpanError(msg) from error

    def get_input_fingerprint(self, span: int, version: int | None) -> str:
        """Return one fingerprint of all files of the window, for the cache."""
        return "\n".join(item.get_input_fingerprint(span, version) for item in self._spans)

    def get_pattern_for_span_version(self, pattern: str, span: int, version: int | None) -> str:  # noqa: ARG002
        """Return the patterns of all days, in order, with commas between them."""
        first = self._window.start_span_number
        return _SEPARATOR.join(
            item.get_pattern_for_span_version(pattern, first + offset, version)
            for offset, item in enumerate(self._spans)
        )


def _one_span(number: int) -> range_config_pb2.RangeConfig:
    static = range_config_pb2.StaticRange(start_span_number=number, end_span_number=number)
    return range_config_pb2.RangeConfig(static_range=static)


def day_of(span: int) -> dt.date:
    """Tell the day of a span number (TFX counts the days since 1970-01-01)."""
    return dt.date(1970, 1, 1) + dt.timedelta(days=span)


class Driver(driver.FileBasedDriver):  # type: ignore[misc]
    """Driver that resolves a window of spans."""

    def get_input_processor(
        self,
        splits: Iterable[example_gen_pb2.Input.Split],
        range_config: range_config_pb2.RangeConfig | None = None,
        input_base_uri: str | None = None,
    ) -> input_processor.InputProcessor:
        """Return the processor for the range of the run.

        Raises:
            MissingSpanError: the range is not a static one, or ends before it starts.
        """
        window = range_config.static_range if range_config and range_config.HasField("static_range") else None
        if window is None or window.start_span_number > window.end_span_number:
            msg = (
                f"range_config is {str(range_config).strip()!r}; allowed: a static_range whose start_span_number is not"
                " after its end_span_number. Pass the run's window."
            )
            raise MissingSpanError(msg)
        return WindowInputProcessor(input_base_uri or "", list(splits), window)


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
    """From a part of a CSV file to its examples."""

    def process(self, part: Part) -> Iterator[tf.train.Example]:
        """Read one part."""
        yield from map(to_example, rows_of(part))


def serialised(example: tf.train.Example) -> bytes:
    """Serialise an example as TFX does to choose its split; it would do so once more to write it."""
    packed: bytes = example.SerializeToString(deterministic=True)
    return packed


@beam.typehints.with_input_types(beam.Pipeline)
@beam.typehints.with_output_types(bytes)
class WindowToExamples(beam.PTransform):  # type: ignore[misc]
    """All files of the window's days as one collection of examples."""

    def __init__(self, exec_properties: dict[str, Any], split_pattern: str) -> None:
        super().__init__()
        base = PurePosixPath(exec_properties[INPUT_BASE_KEY])
        self._patterns = [str(base / pattern) for pattern in split_pattern.split(_SEPARATOR)]

    def expand(self, pipeline: beam.Pipeline) -> beam.PCollection:
        """Add the reading steps to the pipeline."""
        files = [path for pattern in self._patterns for path in sorted(fileio.glob(pattern))]
        # Workers share parts; without shuffling, each would read the whole files that it has cut.
        parts = pipeline | beam.Create(files) | beam.ParDo(FindParts()) | beam.Reshuffle()
        return parts | beam.ParDo(ReadReviews()) | beam.Map(serialised)


class Executor(BaseExampleGenExecutor):  # type: ignore[misc]
    """Executor whose splits are made by TFX's hash buckets of the whole example."""

    def GetInputSourceToExamplePTransform(self) -> type[beam.PTransform]:
        """Return the transform that reads the window."""
        return WindowToExamples


class CsvExampleGen(component.CsvExampleGen):  # type: ignore[misc]
    """TFX's CsvExampleGen for a static range of spans instead of one. Not for rolling ranges: a run says its dates."""

    EXECUTOR_SPEC = executor_spec.BeamExecutorSpec(Executor)
    DRIVER_CLASS = Driver
