"""CsvExampleGen that reads a window of spans; TFX's own reads one span a run.

Rows whose text is in the holdout are left out, so that nothing is ever trained on them, whatever a feed delivers.
"""

import itertools
import json
import logging
from collections.abc import Iterable, Iterator
from pathlib import PurePosixPath
from typing import Any, ClassVar, Literal

import apache_beam as beam
import tensorflow as tf
from google.protobuf import wrappers_pb2
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
from tfx.types.standard_component_specs import CUSTOM_CONFIG_KEY, INPUT_BASE_KEY, FileBasedExampleGenSpec
from tfx.utils import proto_utils

from tfx_modules.components.csv_parts import FilePart, FindParts, rows_of
from tfx_modules.components.window import SEPARATOR, SPAN_VERSIONS, Driver
from tfx_modules.data import features, holdout
from tfx_modules.data.label_values import label_names, label_numbers
from tfx_modules.data.text_statistics import Measurer, Measures
from tfx_modules.model.encoder.files import vocab_path, vocab_source
from tfx_modules.settings.normalisation import NORMALISATION_FIELDS
from tfx_modules.settings.reading.reader import build
from tfx_modules.settings.settings import EncoderSettings
from tfx_modules.settings.task import BINARY_SENTIMENT, TaskSettings, from_config, to_config
from tfx_modules.settings.task import KEY as TASK

HOLDOUT = "holdout"
"""Execution property: JSON, which file the holdout is (see ``holdout.parse``). With its digest, the content is part of
the cache's key."""
_BATCH = 512
"""Rows whose texts are measured together."""
_EXAMPLES, _LEFT_OUT = "examples", "left_out"

_logger = logging.getLogger(__name__)

Row = dict[str, str | None]
"""The columns ``id``, ``date``, ``review`` and ``sentiment``; an empty cell is a missing value."""


def to_examples(
    rows: Iterable[Row], measurer: Measurer, task: TaskSettings = BINARY_SENTIMENT
) -> Iterator[tf.train.Example]:
    """Make examples of the rows of a span, in order.

    Args:
        rows: read in batches, never all at once.
        measurer: takes the measures of the texts.
        task: the pipeline's, with the labels.

    Yields:
        The columns as bytes, with label, slices and measures added (see ``features``).
    """
    source = iter(rows)
    while batch := list(itertools.islice(source, _BATCH)):
        measures = measurer.measure([row.get(features.REVIEW) or "" for row in batch])
        for row, measured in zip(batch, measures, strict=True):
            yield to_example(row, measured, task)


def to_example(row: Row, measures: Measures, task: TaskSettings = BINARY_SENTIMENT) -> tf.train.Example:
    """Make an example of one row and the measures of its review."""
    review, sentiment = row.get(features.REVIEW) or "", row.get(features.SENTIMENT) or ""
    texts: dict[str, tuple[str, ...]] = {name: (row.get(name) or "",) for name in features.CSV_COLUMNS}
    texts[features.SENTIMENT] = label_names(sentiment, task)
    texts[features.LENGTH] = (features.length_class(measures.words),)
    texts[features.QUESTION] = (features.has_question(review),)
    example = tf.train.Example()
    made = example.features.feature
    # A feature without a kind is a missing one; one with an empty list would be there, and be counted as such.
    for name, values in texts.items():
        feature = made[name]
        if found := [text.encode() for text in values if text]:
            feature.bytes_list.value.extend(found)
    ints = {
        features.LABEL: label_numbers(sentiment, task),
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


_VOCABULARY_FIELDS = ("vocab", "vocab_sha256", *NORMALISATION_FIELDS)
"""Other fields do not change the measures, and would needlessly be part of the cache's key."""


def write_settings(encoder: EncoderSettings, task: TaskSettings) -> example_gen_pb2.CustomConfig:
    """Write the task, and what the measures need of the encoder, as TFX's ``custom_config`` of an ExampleGen."""
    made = example_gen_pb2.CustomConfig()
    config = encoder.to_config() | {"vocab": vocab_source(encoder)}
    fields = {name: config[name] for name in _VOCABULARY_FIELDS if name in config} | to_config(task)
    made.custom_config.Pack(wrappers_pb2.StringValue(value=json.dumps(fields, sort_keys=True)))
    return made


def read_settings(custom_config: str) -> tuple[EncoderSettings, TaskSettings]:
    """Read what ``write_settings`` wrote, in the JSON that executors get."""
    message, text = example_gen_pb2.CustomConfig(), wrappers_pb2.StringValue()
    proto_utils.json_to_proto(custom_config, message)
    message.custom_config.Unpack(text)
    fields = json.loads(text.value)
    task = from_config(fields)
    fields.pop(TASK, None)
    return build(EncoderSettings, fields), task


class HoldoutFilter:
    """Lets rows through whose text is not in the holdout, and counts the others."""

    def __init__(self, held_out: frozenset[bytes]) -> None:
        """Take the keys of the holdout's texts."""
        self._held_out = held_out
        self.left_out = 0

    def __call__(self, rows: Iterable[Row]) -> Iterator[Row]:
        """Yield the rows that may be trained on, in order."""
        for row in rows:
            if holdout.key(row.get(features.REVIEW) or "") in self._held_out:
                self.left_out += 1
            else:
                yield row


class ReadReviews(beam.DoFn):  # type: ignore[misc]
    """Reads a part of a CSV file into examples, and counts the rows that were left out."""

    def __init__(
        self, encoder: EncoderSettings, held_out: frozenset[bytes], task: TaskSettings = BINARY_SENTIMENT
    ) -> None:
        super().__init__()
        self._encoder = encoder
        self._task = task
        self._held_out = held_out

    def setup(self) -> None:
        """Load the vocabulary, once in each worker."""
        self._measurer = Measurer(vocab_path(self._encoder), self._encoder.normalisation)

    def process(
        self, part: FilePart
    ) -> Iterator[tf.train.Example | beam.pvalue.TaggedOutput[Literal["left_out"], int]]:
        """Read one part."""
        holdout_filter = HoldoutFilter(self._held_out)
        yield from to_examples(holdout_filter(rows_of(part)), self._measurer, self._task)
        yield beam.pvalue.TaggedOutput(_LEFT_OUT, holdout_filter.left_out)


def serialised(example: tf.train.Example) -> bytes:
    """Serialise an example as TFX does to choose its split; it would do so once more to write it."""
    packed: bytes = example.SerializeToString(deterministic=True)
    return packed


@beam.typehints.with_input_types(beam.Pipeline)
@beam.typehints.with_output_types(bytes)
class WindowToExamples(beam.PTransform):  # type: ignore[misc]
    """Reads all files of the window's spans into one collection of examples."""

    def __init__(self, exec_properties: dict[str, Any], split_pattern: str) -> None:
        super().__init__()
        base = PurePosixPath(exec_properties[INPUT_BASE_KEY])
        self._patterns = [str(base / pattern) for pattern in split_pattern.split(SEPARATOR)]
        self._encoder, self._task = read_settings(exec_properties[CUSTOM_CONFIG_KEY])
        self._holdout = holdout.parse(exec_properties[HOLDOUT])

    def expand(self, pipeline: beam.Pipeline) -> beam.PCollection:
        """Add the reading steps to the pipeline."""
        files = [path for pattern in self._patterns for path in sorted(fileio.glob(pattern))]
        # Workers share parts; without shuffling, each would read the whole files that it has cut.
        parts = pipeline | beam.Create(files) | beam.ParDo(FindParts()) | beam.Reshuffle()
        held_out = holdout.keys(holdout.read(self._holdout, self._task).texts) if self._holdout else frozenset()
        read = parts | beam.ParDo(ReadReviews(self._encoder, held_out, self._task)).with_outputs(
            _LEFT_OUT, main=_EXAMPLES
        )
        if self._holdout:
            total = read[_LEFT_OUT] | "CountLeftOut" >> beam.CombineGlobally(sum)
            total | "TellLeftOut" >> beam.Map(_tell_left_out, self._holdout.name)
        return read[_EXAMPLES] | beam.Map(serialised)


def _tell_left_out(count: int, name: str) -> None:
    _logger.info("left out %d rows whose text is in the holdout %s", count, name)


class Executor(BaseExampleGenExecutor):  # type: ignore[misc]
    """Executor whose splits are made by TFX's hash buckets of the whole example."""

    def GetInputSourceToExamplePTransform(self) -> type[beam.PTransform]:
        """Return the transform that reads the window."""
        return WindowToExamples


class CsvExampleGenSpec(FileBasedExampleGenSpec):  # type: ignore[misc]
    """TFX's specification, which version of each span is read, and which file the holdout is."""

    PARAMETERS: ClassVar[dict[str, ExecutionParameter]] = {
        **FileBasedExampleGenSpec.PARAMETERS,
        SPAN_VERSIONS: ExecutionParameter(type=str),
        HOLDOUT: ExecutionParameter(type=str),
    }


class CsvExampleGen(component.CsvExampleGen):  # type: ignore[misc]
    """TFX's CsvExampleGen for a static range of spans instead of one. Not for rolling ranges: a run says its dates.

    Args:
        input_base: Folder of the spans.
        input_config: One split, whose pattern has a date and a version.
        output_config: The splits to make.
        range_config: TFX's RangeConfig with a ``static_range``.
        span_versions: The version of each span of the range (see ``window.span_versions``).
        holdout: The reviews to leave out (see ``holdout.parse``).
        encoder: Its vocabulary decides which WordPieces are unknown.
        task: The labels that reviews may have.
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
        holdout: str | RuntimeParameter,
        encoder: EncoderSettings,
        task: TaskSettings = BINARY_SENTIMENT,
    ) -> None:
        spec = CsvExampleGenSpec(
            input_base=input_base,
            input_config=input_config,
            output_config=output_config,
            range_config=range_config,
            span_versions=span_versions,
            holdout=holdout,
            custom_config=write_settings(encoder, task),
            output_data_format=example_gen_pb2.FORMAT_TF_EXAMPLE,
            output_file_format=example_gen_pb2.FORMAT_TFRECORDS_GZIP,
            examples=types.Channel(type=standard_artifacts.Examples),
        )
        # TFX's own constructors make the specification that they know.
        BaseBeamComponent.__init__(self, spec=spec)
