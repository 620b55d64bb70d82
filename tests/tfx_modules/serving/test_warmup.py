"""The requests that a version brings along are replayed before it is served, by TensorFlow Serving's rules."""

import shutil
from collections.abc import Callable, Iterable
from pathlib import Path

import pytest
import tensorflow as tf
from tensorflow.core.example import example_pb2
from tensorflow_serving.apis.prediction_log_pb2 import PredictionLog as Log

from tests.tfx_modules.serving.exported_models import MODEL, Publish
from tests.tfx_modules.serving.load import Load, status, until
from tfx_modules.promotion import manifest
from tfx_modules.serving.exceptions import ModelLoadError, WarmupError
from tfx_modules.serving.models.model import ServedModel, load_model
from tfx_modules.serving.process import ModelServerProcess
from tfx_modules.serving.specs import NO_LIMIT, Array, PredictCall, TimeLimit
from tfx_modules.serving.warmup import PLACE, warm_up


class Recorded(ServedModel):
    """A real model that remembers what it was asked."""

    def __init__(self, model: ServedModel) -> None:
        self.__dict__.update(model.__dict__)
        self.calls: list[PredictCall] = []

    def predict(self, call: PredictCall, limit: TimeLimit = NO_LIMIT) -> dict[str, Array]:
        self.calls.append(call)
        return super().predict(call, limit)


@pytest.fixture
def model(served_model: ServedModel) -> Recorded:
    return Recorded(served_model)


def write(folder: Path, records: Iterable[bytes]) -> Path:
    path = folder / PLACE
    path.parent.mkdir(parents=True, exist_ok=True)
    with tf.io.TFRecordWriter(str(path)) as writer:
        for record in records:
            writer.write(record)
    return path


def predict(*texts: str, signature: str = "") -> Log:
    log = Log()
    request = log.predict_log.request
    request.model_spec.signature_name = signature
    request.inputs["text"].CopyFrom(tf.make_tensor_proto(list(texts), dtype=tf.string, shape=[len(texts)]))
    return log


def example(**features: str) -> example_pb2.Example:
    made = example_pb2.Example()
    for name, value in features.items():
        made.features.feature[name].bytes_list.value.append(value.encode())
    return made


def classify(log: Log) -> None:
    request = log.classify_log.request
    request.model_spec.signature_name = "serving_examples"
    request.input.example_list.examples.append(example(text="good"))


def regress_with_context(log: Log) -> None:
    request = log.regress_log.request
    request.model_spec.signature_name = "serving_examples"
    request.input.example_list_with_context.context.CopyFrom(example(text="of the context"))
    request.input.example_list_with_context.examples.append(example(other="x"))


def multi_inference(log: Log) -> None:
    request = log.multi_inference_log.request
    request.tasks.add().model_spec.signature_name = "serving_examples"
    request.input.example_list.examples.append(example(text="good"))


def test_a_predict_request_is_replayed_as_it_is(tmp_path: Path, model: Recorded) -> None:
    write(tmp_path, [predict("a good film", "b").SerializeToString(), predict("c").SerializeToString()])
    assert warm_up(model, tmp_path) == 2
    assert [call.signature_name for call in model.calls] == ["serving_default", "serving_default"]
    assert [call.inputs["text"].tolist() for call in model.calls] == [[b"a good film", b"b"], [b"c"]]


@pytest.mark.parametrize("fill", [classify, regress_with_context, multi_inference])
def test_requests_with_examples_are_replayed_too(tmp_path: Path, model: Recorded, fill: Callable[[Log], None]) -> None:
    log = Log()
    fill(log)
    write(tmp_path, [log.SerializeToString()])
    assert warm_up(model, tmp_path) == 1
    assert [call.signature_name for call in model.calls] == ["serving_examples"]


def test_a_model_without_the_file_needs_no_warm_up(tmp_path: Path, model: Recorded) -> None:
    assert warm_up(model, tmp_path) == 0


def test_a_record_without_a_request_is_passed_over(tmp_path: Path, model: Recorded) -> None:
    write(tmp_path, [Log().SerializeToString(), predict("c").SerializeToString()])
    assert warm_up(model, tmp_path) == 2
    assert len(model.calls) == 1


def test_a_thousand_records_are_allowed_and_no_more(tmp_path: Path, model: Recorded) -> None:
    record = predict("c", signature="as_bytes").SerializeToString()
    write(tmp_path, [record] * 1000)
    assert warm_up(model, tmp_path) == 1000
    write(tmp_path, [record] * 1001)
    with pytest.raises(WarmupError, match=r"Number of warmup records exceeds the maximum \(1000\)"):
        warm_up(model, tmp_path)


def session_run() -> bytes:
    log = Log()
    log.session_run_log.request.model_spec.name = "x"
    return bytes(log.SerializeToString())


@pytest.mark.parametrize(
    ("record", "message"),
    [
        (b"no proto at all", "Failed to parse warmup record"),
        (predict("", signature="not_empty").SerializeToString(), "record 1 .*a review may not be empty"),
        (predict("x", signature="nothing").SerializeToString(), 'record 1 .*Serving signature key "nothing" not found'),
        (session_run(), "Unsupported log_type for warmup: session_run_log; allowed: predict_log"),
    ],
)
def test_a_record_that_cannot_be_replayed_keeps_the_model_from_being_loaded(
    tmp_path: Path, publish: Publish, record: bytes, message: str
) -> None:
    folder = publish(tmp_path, 1)
    write(folder, [record])
    with pytest.raises(ModelLoadError, match=message):
        warm_up(load_model(folder), folder)


def test_a_file_of_another_format_is_told_apart(tmp_path: Path, model: Recorded) -> None:
    write(tmp_path, []).write_bytes(b"this is not a TFRecord file")
    with pytest.raises(WarmupError, match="is damaged, or not in TFRecord format"):
        warm_up(model, tmp_path)


def test_a_changed_byte_of_the_file_is_found_by_the_manifest(tmp_path: Path, publish: Publish) -> None:
    folder = publish(tmp_path, 1)
    path = write(folder, [predict("a good film").SerializeToString()])
    assert PLACE in manifest.write(folder).files
    warm_up(load_model(folder), folder)
    path.write_bytes(b"")
    with pytest.raises(ModelLoadError, match=r"tf_serving_warmup_requests \(changed\)"):
        warm_up(load_model(folder), folder)


@pytest.mark.parametrize("flag", ["--enable_model_warmup=true", "--enable_model_warmup=false"])
def test_a_failing_warm_up_leaves_the_old_version_serving_and_shows_in_the_status(
    tmp_path: Path, publish: Publish, flag: str
) -> None:
    base_path = tmp_path / "models"
    base_path.mkdir()
    write(publish(base_path, 1), [predict("a good film").SerializeToString()])
    process = ModelServerProcess(model_base_path=base_path, model_name=MODEL, poll_seconds=0.1, flags=(flag,))
    with process as server, Load(server) as load:
        copied = publish(tmp_path, 2)
        write(copied, [predict("", signature="not_empty").SerializeToString()])
        shutil.move(copied, base_path / "2")
        served, state = ("1", "END") if flag.endswith("true") else ("2", "AVAILABLE")
        until(lambda: status(server).get("2") == state)
        assert status(server)[served] == "AVAILABLE"
        assert ("1 warm-up requests" in server.logs()) == flag.endswith("true")
    assert load.failures == []
