# ruff: noqa: ARG001, N802 - TFX makes component classes of these functions, with their names and arguments.
"""A tiny pipeline for the tests of the node command; it is compiled and run in a folder of its own.

The gates take a component for what the path of its class says, so that some here are given the paths of other classes.
"""

import os
import signal
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, TypedDict

import pandas as pd
import tensorflow as tf
from fsspec.implementations.local import LocalFileSystem
from google.protobuf.wrappers_pb2 import DoubleValue
from tensorflow_model_analysis.proto import config_pb2, metrics_for_slice_pb2, validation_result_pb2
from tfx import v1 as tfx
from tfx.dsl.compiler.compiler import Compiler
from tfx.dsl.component.experimental.annotations import InputArtifact as In
from tfx.dsl.component.experimental.annotations import OutputArtifact as Out
from tfx.dsl.component.experimental.annotations import Parameter
from tfx.dsl.component.experimental.decorators import component
from tfx.dsl.components.base.base_node import BaseNode
from tfx.orchestration.data_types import RuntimeParameter
from tfx.proto.orchestration import pipeline_pb2
from tfx.types.standard_artifacts import (
    Examples,
    ExampleStatistics,
    HyperParameters,
    InfraBlessing,
    Model,
    ModelBlessing,
    ModelEvaluation,
)

from tfx_modules.components import champion
from tfx_modules.components.approval import Approval
from tfx_modules.components.example_validator import ExampleValidator
from tfx_modules.components.pusher import Pusher
from tfx_modules.data import features
from tfx_modules.exceptions import SettingsError
from tfx_modules.pipeline.code_versions import with_code_versions
from tfx_modules.pipeline.sources import Sources
from tfx_modules.settings.gate import ApprovalRule, GateSettings
from tfx_modules.settings.settings import ValidationSettings
from tfx_modules.validation import profile


@component  # type: ignore[untyped-decorator]
def Writer(written: Out[HyperParameters], text: Parameter[str], times: Parameter[int] = 1) -> None:
    """Writes a text; the text's first word may ask for something else."""
    print(f"writing {text} {times} times from {Path.cwd()}")
    word, _, rest = text.partition(" ")
    if word in _ACTIONS:
        _ACTIONS[word](rest)
    Path(written.uri).mkdir(parents=True, exist_ok=True)
    Path(written.uri, "text").write_text(text * times, encoding="utf-8")
    written.set_string_custom_property("text", text)


def _fail_unless(path: str) -> None:
    if not Path(path).exists():
        raise RuntimeError("the file is not there\nand a second line")


def _misconfigure(text: str) -> None:
    raise SettingsError(f"{text} is wrong; allowed: right.\nSet it.")


def _meet(folder: str) -> None:
    """Wait until a second node is at the same place."""
    place = Path(folder)
    place.mkdir(exist_ok=True)
    (place / str(os.getpid())).touch()
    deadline = time.monotonic() + 60
    while len(list(place.iterdir())) < 2:
        if time.monotonic() > deadline:
            raise RuntimeError("nobody came")
        time.sleep(0.05)


def _crash(_: str) -> None:
    os.abort()


def _die_storing(_: str) -> None:
    """Have this process killed when all files of the output are in the artifact store, and their description is not."""

    def die(*_: object, **__: object) -> None:
        os.kill(os.getpid(), signal.SIGKILL)

    LocalFileSystem.pipe_file = die


_ACTIONS = {
    "fail-unless": _fail_unless,
    "misconfigure": _misconfigure,
    "meet": _meet,
    "crash": _crash,
    "die-storing": _die_storing,
}


class Counted(TypedDict):
    """What Counter makes."""

    count: int


@component  # type: ignore[untyped-decorator]
def Counter(number: Parameter[int]) -> Counted:
    """Makes an artifact that is a value."""
    return {"count": number}


@component  # type: ignore[untyped-decorator]
def Told(said: Out[HyperParameters], count: Parameter[int]) -> None:
    """Tells what it was given."""
    said.set_int_custom_property("count", count)


class Liking(tf.Module):  # type: ignore[misc]
    """Finds reviews with the word "good" positive."""

    @tf.function(input_signature=[tf.TensorSpec([None], tf.string, "text")])  # type: ignore[untyped-decorator]
    def score(self, text: tf.Tensor) -> dict[str, tf.Tensor]:
        return {"score": tf.where(tf.strings.regex_full_match(text, ".*good.*"), 0.9, 0.1)}


@component  # type: ignore[untyped-decorator]
def Reader(written: In[HyperParameters], model: Out[Model]) -> None:
    """Makes a model with what Writer wrote beside it."""
    folder, module = Path(model.uri, "Format-Serving"), Liking()
    tf.saved_model.save(module, str(folder), signatures={"serving_default": module.score})
    (folder / "text").write_text(Path(written.uri, "text").read_text(encoding="utf-8"), encoding="utf-8")


@component  # type: ignore[untyped-decorator]
def Reviews(examples: Out[Examples]) -> None:
    """Writes an eval split of twenty reviews, half of them good."""
    folder = Path(examples.uri, "Split-eval")
    folder.mkdir(parents=True)
    with tf.io.TFRecordWriter(str(folder / "data.gz"), options="GZIP") as writer:
        for number in range(20):
            made = tf.train.Example()
            review = f"film {number} is {('bad', 'good')[number % 2]}"
            made.features.feature["review"].bytes_list.value.append(review.encode())
            made.features.feature["label"].int64_list.value.append(number % 2)
            writer.write(made.SerializeToString())


@component  # type: ignore[untyped-decorator]
def Measure(statistics: Out[ExampleStatistics], words: Parameter[str]) -> None:
    """Computes the statistics of words."""
    frame = pd.DataFrame({"word": words.split(), "n": range(len(words.split()))})
    folder = Path(statistics.uri, "Split-train")
    folder.mkdir(parents=True)
    import tensorflow_data_validation as tfdv  # after tfx (tfx_modules/validation/__init__.py)

    made = tfdv.generate_statistics_from_dataframe(frame)
    (folder / "FeatureStats.pb").write_bytes(made.SerializeToString())
    statistics.split_names = '["train"]'
    # As of forty reviews, half of them positive: the gate asks for reviews of both classes.
    day = replace(profile.EMPTY, rows=40, counts={**profile.EMPTY.counts, features.SENTIMENT: (20, 20, 0)})
    Path(statistics.uri, profile.FILE).write_text(profile.to_json({"1970-01-01": day}), encoding="utf-8")


@component  # type: ignore[untyped-decorator]
def Evaluator(
    model: In[Model],
    evaluation: Out[ModelEvaluation],
    blessing: Out[ModelBlessing],
    accuracy: Parameter[float],
    baseline: Parameter[int],
) -> None:
    """Judges a model by an accuracy that it is given; the floor is 0.7."""
    if baseline:
        blessing.set_int_custom_property("baseline_model_id", baseline)
    key = metrics_for_slice_pb2.MetricKey(name="binary_accuracy")
    value = metrics_for_slice_pb2.MetricValue(double_value=DoubleValue(value=accuracy))
    result = validation_result_pb2.ValidationResult(validation_ok=accuracy >= 0.7)
    if not result.validation_ok:
        floor = config_pb2.MetricThreshold(
            value_threshold=config_pb2.GenericValueThreshold(lower_bound=DoubleValue(value=0.7))
        )
        failure = validation_result_pb2.ValidationFailure(metric_key=key, metric_value=value, metric_threshold=floor)
        result.metric_validations_per_slice.add(failures=[failure])
    metrics = metrics_for_slice_pb2.MetricsForSlice()
    metrics.metric_keys_and_values.add(key=key, value=value)
    Path(evaluation.uri).mkdir(parents=True, exist_ok=True)
    for name, record in (("validations", result), ("metrics", metrics)):
        with tf.io.TFRecordWriter(f"{evaluation.uri}/{name}-00000-of-00001.tfrecord") as writer:
            writer.write(record.SerializeToString())
    blessing.set_int_custom_property("blessed", int(result.validation_ok))


@component  # type: ignore[untyped-decorator]
def InfraValidator(model: In[Model], blessing: Out[InfraBlessing], served: Parameter[int]) -> None:
    """Finds what it is told to find."""
    blessing.set_int_custom_property("blessed", served)


class DerivedValidator(ExampleValidator):
    """Is derived from the project's gate."""


class DerivedPusher(Pusher):
    """Is derived from the project's Pusher."""


Evaluator.__module__ = "tfx.components.evaluator.component"
InfraValidator.__module__ = "tfx_modules.components.infra_validator"


def compile_pipeline(beam_pipeline_args: Sequence[str] = ()) -> pipeline_pb2.Pipeline:
    """Compile Writer >> Reader >> the gates of a model >> Pusher, the gate of data, and two system nodes."""
    examples = tfx.components.CsvExampleGen(input_base=RuntimeParameter("input_base", str))
    latest = tfx.dsl.Resolver(
        strategy_class=tfx.dsl.experimental.LatestArtifactStrategy, written=tfx.dsl.Channel(type=HyperParameters)
    ).with_id("Latest")
    served = tfx.dsl.Resolver(strategy_class=champion.ChampionStrategy, **champion.model_channels()).with_id("Champion")
    pipeline = tfx.dsl.Pipeline(
        pipeline_name="tiny",
        components=[*_data_nodes(), *_model_nodes(), *_value_nodes(), examples, latest, served],
        beam_pipeline_args=list(beam_pipeline_args),
        enable_cache=True,
    )
    return with_code_versions(Compiler().compile(pipeline), Sources(Path(__file__).parent, ["tfx_modules", __name__]))


def _data_nodes() -> list[BaseNode]:
    measure = Measure(words=RuntimeParameter("words", str))
    schema = tfx.components.ImportSchemaGen(schema_file=str(Path(__file__).with_name("schema.pbtxt")))
    served = tfx.dsl.Resolver(strategy_class=champion.ChampionStatisticsStrategy, **champion.channels()).with_id(
        "ChampionStatistics"
    )
    validators = [
        kind(
            statistics=measure.outputs["statistics"],
            schema=schema.outputs["schema"],
            champion_statistics=served.outputs[champion.STATISTICS],
            settings=ValidationSettings(),
        )
        for kind in (ExampleValidator, DerivedValidator)
    ]
    stock = tfx.components.ExampleValidator(
        statistics=measure.outputs["statistics"], schema=schema.outputs["schema"]
    ).with_id("StockExampleValidator")
    return [measure, schema, served, *validators, stock]


def _value_nodes() -> list[BaseNode]:
    counter = Counter(number=RuntimeParameter("number", int))
    count = counter.outputs["count"].future()[0].value
    with tfx.dsl.Cond(count == 7):
        when_seven = Told(count=7).with_id("WhenSeven")
    return [counter, when_seven, Told(count=count)]


def _model_nodes() -> list[BaseNode]:
    writer = Writer(text=RuntimeParameter("text", str), times=RuntimeParameter("times", int, default=1))
    reader = Reader(written=writer.outputs["written"])
    evaluator = Evaluator(
        model=reader.outputs["model"],
        accuracy=RuntimeParameter("accuracy", float),
        baseline=RuntimeParameter("baseline", int),
    )
    infra_validator = InfraValidator(model=reader.outputs["model"], served=RuntimeParameter("served", int))
    reviews = Reviews()
    judged: dict[str, Any] = {
        "model": reader.outputs["model"],
        "examples": reviews.outputs["examples"],
        "evaluation": evaluator.outputs["evaluation"],
        "model_blessing": evaluator.outputs["blessing"],
        "infra_blessing": infra_validator.outputs["blessing"],
        **{name: RuntimeParameter(name, str) for name in ("push_destination", "promotion", "holdout")},
    }
    approval = Approval(**judged, gate=GateSettings(approval=ApprovalRule.REQUIRED))
    pushers = [kind(**judged, gate=GateSettings()) for kind in (Pusher, DerivedPusher)]
    stock = tfx.components.Pusher(
        model=reader.outputs["model"],
        model_blessing=evaluator.outputs["blessing"],
        push_destination=RuntimeParameter("push_destination", str),
    ).with_id("StockPusher")
    return [writer, reader, reviews, evaluator, infra_validator, approval, *pushers, stock]
