"""The model is tried in the project's own server, and the time for a review is measured there."""

from pathlib import Path

import pytest
import tensorflow as tf
from tfx.proto import example_gen_pb2, infra_validator_pb2
from tfx.types import artifact_utils, standard_artifacts
from tfx.utils import proto_utils

from tests.tfx_modules.serving.exported_models import export
from tfx_modules.components.infra_validator import MEDIAN_SECONDS, Executor, median_seconds

REQUESTS = 3


def examples(folder: Path, feature: str) -> standard_artifacts.Examples:
    made = standard_artifacts.Examples()
    made.uri = str(folder)
    made.split_names = artifact_utils.encode_split_names(["eval"])
    made.set_string_custom_property("file_format", "tfrecords_gzip")
    made.set_string_custom_property(
        "payload_format", example_gen_pb2.PayloadFormat.Name(example_gen_pb2.FORMAT_TF_EXAMPLE)
    )
    (folder / "Split-eval").mkdir(parents=True)
    with tf.io.TFRecordWriter(str(folder / "Split-eval" / "data.gz"), options="GZIP") as writer:
        for word in ("good", "bad", "so so"):
            example = tf.train.Example()
            example.features.feature[feature].bytes_list.value.append(word.encode())
            writer.write(example.SerializeToString())
    return made


def validate(folder: Path, feature: str = "text") -> standard_artifacts.InfraBlessing:
    model, blessing = standard_artifacts.Model(), standard_artifacts.InfraBlessing()
    model.uri, blessing.uri = str(folder / "model"), str(folder / "blessing")
    export(folder / "model" / "Format-Serving", 1)
    specs = {
        "serving_spec": infra_validator_pb2.ServingSpec(
            tensorflow_serving=infra_validator_pb2.TensorFlowServing(tags=["any"]),
            local_docker=infra_validator_pb2.LocalDockerConfig(),
        ),
        "validation_spec": infra_validator_pb2.ValidationSpec(max_loading_time_seconds=60, num_tries=1),
        "request_spec": infra_validator_pb2.RequestSpec(
            tensorflow_serving=infra_validator_pb2.TensorFlowServingRequestSpec(signature_names=["serving_examples"]),
            num_examples=REQUESTS,
            split_name="eval",
        ),
    }
    inputs = {"model": [model], "examples": [examples(folder / "examples", feature)]}
    properties = {name: proto_utils.proto_to_json(spec) for name, spec in specs.items()}
    Executor(Executor.Context(tmp_dir=str(folder / "tmp"), unique_id="1")).Do(
        inputs, {"blessing": [blessing]}, properties
    )
    return blessing


def test_a_model_that_answers_is_blessed_with_its_time_for_a_review(tmp_path: Path) -> None:
    blessing = validate(tmp_path)
    assert blessing.get_int_custom_property("blessed") == 1
    assert 0 < blessing.get_float_custom_property(MEDIAN_SECONDS) < 1


def test_a_model_that_refuses_real_examples_is_not_blessed_and_has_no_time(tmp_path: Path) -> None:
    blessing = validate(tmp_path, feature="other")
    assert blessing.get_int_custom_property("blessed") == 0
    assert not blessing.has_custom_property(MEDIAN_SECONDS)


def test_the_median_is_of_many_times_and_of_every_request() -> None:
    sent: list[str] = []
    assert median_seconds(sent.append, ["a", "b", "c"]) < 0.1
    assert len(sent) > 2 * REQUESTS
    assert sent.count("a") == sent.count("b") == sent.count("c")


def test_one_slow_answer_does_not_move_the_median(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = iter([0.0, 9.0, *(moment for n in range(10, 30) for moment in (n, n + 0.02))])
    monkeypatch.setattr("tfx_modules.components.infra_validator.time.perf_counter", lambda: next(clock))
    assert median_seconds(lambda _: None, ["a", "b", "c"]) == pytest.approx(0.02)
