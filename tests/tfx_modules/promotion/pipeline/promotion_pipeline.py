# ruff: noqa: ARG001, N802 - TFX makes component classes of these functions, with their names and arguments.
"""A pipeline whose Trainer takes no time and whose Pusher is the project's: for runs in a real Airflow.

It is compiled and run in a folder of its own, like a snapshot of the DAG bundle.
A run whose id has `kill-N` in it is killed by SIGKILL before step N of its push, at the first try.
"""

import re
import time
from pathlib import Path
from typing import Any

import tensorflow as tf
import tensorflow_model_analysis as tfma
from google.protobuf.wrappers_pb2 import DoubleValue
from steps import kill_before  # type: ignore[import-not-found]  # copied beside this one
from tensorflow_model_analysis.proto import metrics_for_slice_pb2, validation_result_pb2
from tfx import types
from tfx import v1 as tfx
from tfx.dsl.compiler.compiler import Compiler
from tfx.dsl.component.experimental.annotations import InputArtifact as In
from tfx.dsl.component.experimental.annotations import OutputArtifact as Out
from tfx.dsl.component.experimental.annotations import Parameter
from tfx.dsl.component.experimental.decorators import component
from tfx.dsl.components.base import executor_spec
from tfx.orchestration.data_types import RuntimeParameter
from tfx.types.standard_artifacts import Examples, InfraBlessing, Model, ModelBlessing, ModelEvaluation

from tfx_modules.components import champion, pusher
from tfx_modules.pipeline.code_versions import with_code_versions
from tfx_modules.pipeline.compile import to_json
from tfx_modules.pipeline.sources import Sources
from tfx_modules.settings.gate import GateSettings

REVIEWS = 60
WAIT_SECONDS = 120.0


class Classifier(tf.Module):  # type: ignore[misc]
    """Finds reviews with the word positive."""

    def __init__(self, word: str) -> None:
        super().__init__()
        self._pattern = f".*{word}.*"

    @tf.function(input_signature=[tf.TensorSpec([None], tf.string, "text")])  # type: ignore[untyped-decorator]
    def score(self, text: tf.Tensor) -> dict[str, tf.Tensor]:
        return {"score": tf.where(tf.strings.regex_full_match(text, self._pattern), 0.9, 0.1)}


@component  # type: ignore[untyped-decorator]
def Trainer(examples: In[Examples], model: Out[Model], word: Parameter[str], wait_for: Parameter[str]) -> None:
    """Makes a model that goes by a word, when a file is there."""
    deadline = time.monotonic() + WAIT_SECONDS
    while wait_for != "nothing" and not Path(wait_for).exists():
        if time.monotonic() > deadline:
            raise RuntimeError("nobody came")
        time.sleep(0.1)
    module = Classifier(word)
    folder = Path(model.uri, "Format-Serving")
    tf.saved_model.save(module, str(folder), signatures={"serving_default": module.score})
    (folder / "trained_on").write_text(examples.uri, encoding="utf-8")  # no two models are the same


@component  # type: ignore[untyped-decorator]
def Reviews(examples: Out[Examples], day: Parameter[str]) -> None:
    """Writes an eval split: half of the reviews are good."""
    folder = Path(examples.uri, "Split-eval")
    folder.mkdir(parents=True)
    with tf.io.TFRecordWriter(str(folder / "data.gz"), options="GZIP") as writer:
        for number in range(REVIEWS):
            made = tf.train.Example()
            text = f"{day}, film {number}, {'good' if number % 2 else 'poor'}"
            made.features.feature["review"].bytes_list.value.append(text.encode())
            made.features.feature["label"].int64_list.value.append(number % 2)
            writer.write(made.SerializeToString())


@component  # type: ignore[untyped-decorator]
def Evaluator(model: In[Model], evaluation: Out[ModelEvaluation], blessing: Out[ModelBlessing]) -> None:
    """Blesses every model."""
    key = metrics_for_slice_pb2.MetricKey(name="binary_accuracy")
    metrics = metrics_for_slice_pb2.MetricsForSlice()
    metrics.metric_keys_and_values.add(
        key=key, value=metrics_for_slice_pb2.MetricValue(double_value=DoubleValue(value=0.9))
    )
    result = validation_result_pb2.ValidationResult(validation_ok=True)
    Path(evaluation.uri).mkdir(parents=True, exist_ok=True)
    for name, record in ((tfma.constants.VALIDATIONS_KEY, result), (tfma.constants.METRICS_KEY, metrics)):
        with tf.io.TFRecordWriter(f"{evaluation.uri}/{name}-00000-of-00001.tfrecord") as writer:
            writer.write(record.SerializeToString())
    blessing.set_int_custom_property("blessed", 1)


@component  # type: ignore[untyped-decorator]
def InfraValidator(model: In[Model], blessing: Out[InfraBlessing]) -> None:
    """Finds that every model can be served."""
    blessing.set_int_custom_property("blessed", 1)


class _Executor(pusher.Executor):
    def Do(self, input_dict: Any, output_dict: Any, exec_properties: dict[str, Any]) -> None:
        run_id = str(self._context.pipeline_run_id)
        killed = Path(output_dict["pushed_model"][0].uri).parent / f"killed-{re.sub(r'[^a-z0-9]', '-', run_id)}"
        if (found := re.search(r"kill-(\d+)", run_id)) and not killed.exists():
            killed.touch()
            kill_before(int(found[1]))
        super().Do(input_dict, output_dict, exec_properties)


class Pusher(pusher.Pusher):
    """The project's own, which may be killed."""

    EXECUTOR_SPEC = executor_spec.ExecutorClassSpec(_Executor)


def _components() -> list[Any]:
    reviews = Reviews(day=RuntimeParameter("day", str))
    trainer = Trainer(
        examples=reviews.outputs["examples"],
        word=RuntimeParameter("word", str),
        wait_for=RuntimeParameter("wait_for", str),
    )
    served = tfx.dsl.Resolver(strategy_class=champion.ChampionStrategy, **champion.model_channels()).with_id("Resolver")
    model: types.BaseChannel = trainer.outputs["model"]
    evaluator = Evaluator(model=model)
    evaluator.add_upstream_node(served)
    validator = InfraValidator(model=model)
    pushed = Pusher(
        model=model,
        examples=reviews.outputs["examples"],
        evaluation=evaluator.outputs["evaluation"],
        model_blessing=evaluator.outputs["blessing"],
        infra_blessing=validator.outputs["blessing"],
        push_destination=RuntimeParameter("push_destination", str),
        promotion=RuntimeParameter("promotion", str),
        holdout=RuntimeParameter("holdout", str),
        gate=GateSettings(),
    )
    return [reviews, trainer, served, evaluator, validator, pushed]


def compile_to(path: Path) -> None:
    """Compile the pipeline; this module must not be the main one, which nodes could not import."""
    made = tfx.dsl.Pipeline(pipeline_name="bert_sentiment", components=_components(), enable_cache=True)
    sources = Sources(Path(__file__).parent, ["tfx_modules", "steps", __name__])
    path.write_text(to_json(with_code_versions(Compiler().compile(made), sources)), encoding="utf-8")
