"""CsvExampleGen for a window of days: TFX's own takes one span a run, this one takes every span from start to end."""

import csv
import datetime as dt
import io
import itertools
import json
from collections.abc import Iterable, Iterator
from pathlib import PurePosixPath
from typing import Any

import apache_beam as beam
import tensorflow as tf
from apache_beam.io.filesystems import FileSystems
from google.protobuf import wrappers_pb2
from tfx.components.example_gen import driver, input_processor
from tfx.components.example_gen.base_example_gen_executor import BaseExampleGenExecutor
from tfx.components.example_gen.component import FileBasedExampleGen
from tfx.components.example_gen.csv_example_gen import component
from tfx.dsl.components.base import executor_spec
from tfx.dsl.io import fileio
from tfx.proto import example_gen_pb2, range_config_pb2
from tfx.types.standard_component_specs import CUSTOM_CONFIG_KEY, INPUT_BASE_KEY
from tfx.utils import proto_utils

from tfx_modules import features
from tfx_modules.config import EncoderConfig, build
from tfx_modules.encoder import vocab_path
from tfx_modules.exceptions import MissingSpanError
from tfx_modules.measures import Measurer, Measures

_SEPARATOR = ","
_BATCH = 512
"""Rows whose texts are measured together."""


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


Row = dict[str, str | None]
"""The columns ``id``, ``date``, ``review`` and ``sentiment``; an empty cell is a missing value."""


def to_examples(rows: Iterable[Row], measurer: Measurer) -> Iterator[tf.train.Example]:
    """Make examples of the rows of a span, in order.

    Args:
        rows: read in batches, never all at once.
        measurer: takes the measures of the texts.

    Yields:
        The columns as bytes, with label, slices and measures added (see ``features``).
    """
    source = iter(rows)
    while batch := list(itertools.islice(source, _BATCH)):
        measures = measurer.measure([row.get(features.REVIEW) or "" for row in batch])
        yield from map(to_example, batch, measures)


def to_example(row: Row, measures: Measures) -> tf.train.Example:
    """Make an example of one row and the measures of its review."""
    review, sentiment = row.get(features.REVIEW) or "", row.get(features.SENTIMENT) or ""
    texts = {name: row.get(name) or "" for name in features.CSV_COLUMNS}
    texts[features.LENGTH] = features.length_class(measures.words)
    texts[features.QUESTION] = "yes" if "?" in review else "no"
    example = tf.train.Example()
    made = example.features.feature
    # A feature without a kind is a missing one; one with an empty list would be there, and be counted as such.
    for name, text in texts.items():
        feature = made[name]
        if text:
            feature.bytes_list.value.append(text.encode())
    ints = {
        features.LABEL: [features.SENTIMENTS.index(sentiment)] if sentiment in features.SENTIMENTS else [],
        features.WORDS: [measures.words],
        features.CHARACTERS: [measures.characters],
        features.TAGS: [measures.tags],
        features.VOCABULARY: measures.vocabulary,
    }
    for name, numbers in ints.items():
        feature = made[name]
        if numbers:
            feature.int64_list.value.extend(numbers)
    made[features.UNKNOWN_SHARE].float_list.value.append(measures.unknown_share)
    return example


_VOCABULARY_FIELDS = ("vocab", "vocab_sha256", "lower_case")
"""Other fields say nothing about the measures, and would be part of the cache's key for nothing."""


def write_encoder(encoder: EncoderConfig) -> example_gen_pb2.CustomConfig:
    """Put what is needed of the encoder's settings into the form that TFX gives an ExampleGen."""
    made = example_gen_pb2.CustomConfig()
    fields = {name: getattr(encoder, name) for name in _VOCABULARY_FIELDS}
    made.custom_config.Pack(wrappers_pb2.StringValue(value=json.dumps(fields, sort_keys=True)))
    return made


def read_encoder(custom_config: str) -> EncoderConfig:
    """Read what ``write_encoder`` wrote, in the JSON that executors get."""
    message, text = example_gen_pb2.CustomConfig(), wrappers_pb2.StringValue()
    proto_utils.json_to_proto(custom_config, message)
    message.custom_config.Unpack(text)
    return build(EncoderConfig, json.loads(text.value))


class ReadReviews(beam.DoFn):  # type: ignore[misc]
    """From a CSV file's path to its examples; line ends inside quotes belong to the cell."""

    def __init__(self, encoder: EncoderConfig) -> None:
        super().__init__()
        self._encoder = encoder

    def setup(self) -> None:
        """Load the vocabulary, once in each worker."""
        self._measurer = Measurer(vocab_path(self._encoder), lower_case=self._encoder.lower_case)

    def process(self, path: str) -> Iterator[tf.train.Example]:
        """Read one file."""
        with FileSystems.open(path) as file, io.TextIOWrapper(file, encoding="utf-8", newline="") as text:
            yield from to_examples(csv.DictReader(text), self._measurer)


@beam.typehints.with_input_types(beam.Pipeline)
@beam.typehints.with_output_types(tf.train.Example)
class WindowToExamples(beam.PTransform):  # type: ignore[misc]
    """All files of the window's days as one collection of examples."""

    def __init__(self, exec_properties: dict[str, Any], split_pattern: str) -> None:
        super().__init__()
        base = PurePosixPath(exec_properties[INPUT_BASE_KEY])
        self._patterns = [str(base / pattern) for pattern in split_pattern.split(_SEPARATOR)]
        self._encoder = read_encoder(exec_properties[CUSTOM_CONFIG_KEY])

    def expand(self, pipeline: beam.Pipeline) -> beam.PCollection:
        """Add the reading steps to the pipeline."""
        files = [path for pattern in self._patterns for path in sorted(fileio.glob(pattern))]
        return pipeline | beam.Create(files) | beam.Reshuffle() | beam.ParDo(ReadReviews(self._encoder))


class Executor(BaseExampleGenExecutor):  # type: ignore[misc]
    """Executor whose splits are made by TFX's hash buckets of the whole example."""

    def GetInputSourceToExamplePTransform(self) -> type[beam.PTransform]:
        """Return the transform that reads the window."""
        return WindowToExamples


class CsvExampleGen(component.CsvExampleGen):  # type: ignore[misc]
    """TFX's CsvExampleGen for a static range of spans instead of one. Not for rolling ranges: a run says its dates."""

    EXECUTOR_SPEC = executor_spec.BeamExecutorSpec(Executor)
    DRIVER_CLASS = Driver

    def __init__(self, *, encoder: EncoderConfig, **stock: Any) -> None:
        """Make the component.

        Args:
            encoder: its vocabulary tells which WordPieces are unknown.
            stock: what TFX's FileBasedExampleGen takes.
        """
        # TFX's CsvExampleGen hands no custom_config on.
        FileBasedExampleGen.__init__(self, custom_config=write_encoder(encoder), **stock)
