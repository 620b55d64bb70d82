"""The gRPC API of a real server process."""

from collections.abc import Iterator

import grpc
import pytest
import tensorflow as tf
from grpc_health.v1 import health_pb2, health_pb2_grpc
from tensorflow.core.framework import tensor_pb2
from tensorflow_serving.apis import (
    classification_pb2,
    get_model_status_pb2,
    model_service_pb2_grpc,
    predict_pb2,
    prediction_service_pb2_grpc,
)

from tests.tfx_modules.serving.models import MODEL
from tfx_modules.serving.process import ModelServerProcess


@pytest.fixture(scope="module")
def channel(server: ModelServerProcess) -> Iterator[grpc.Channel]:
    with grpc.insecure_channel(server.grpc_address, options=[("grpc.max_receive_message_length", -1)]) as made:
        yield made


@pytest.fixture
def predictions(channel: grpc.Channel) -> prediction_service_pb2_grpc.PredictionServiceStub:
    return prediction_service_pb2_grpc.PredictionServiceStub(channel)


def request(
    signature_name: str = "", model: str = MODEL, **inputs: tensor_pb2.TensorProto
) -> predict_pb2.PredictRequest:
    made = predict_pb2.PredictRequest(inputs=inputs)
    made.model_spec.name = model
    made.model_spec.signature_name = signature_name
    return made


def texts(*values: str) -> tensor_pb2.TensorProto:
    return tf.make_tensor_proto(list(values), dtype=tf.string, shape=[len(values)])


def test_predict_answers_in_the_fields_that_clients_read(
    predictions: prediction_service_pb2_grpc.PredictionServiceStub,
) -> None:
    response = predictions.Predict(request(text=texts("a good film", "bad")))
    assert list(response.outputs["label"].string_val) == [b"positive", b"negative"]
    assert list(response.outputs["score"].float_val) == pytest.approx([0.9, 0.1])
    assert (response.model_spec.name, response.model_spec.version.value) == (MODEL, 1)
    assert response.model_spec.signature_name == "serving_default"


def test_every_kind_of_number_is_carried(predictions: prediction_service_pb2_grpc.PredictionServiceStub) -> None:
    a, b = tf.make_tensor_proto([[1.0, 2.5]], dtype=tf.float32), tf.make_tensor_proto([3], dtype=tf.int32)
    outputs = predictions.Predict(request("arithmetic", a=a, b=b)).outputs
    assert list(outputs["sum"].float_val) == [6.5]
    assert list(outputs["even"].bool_val) == [False]
    assert list(predictions.Predict(request("which_version", text=texts("x"))).outputs["version"].int64_val) == [1]


def test_only_the_outputs_that_are_wanted_are_sent(
    predictions: prediction_service_pb2_grpc.PredictionServiceStub,
) -> None:
    wanted = request(text=texts("good"))
    wanted.output_filter.append("score")
    assert list(predictions.Predict(wanted).outputs) == ["score"]


def test_messages_may_be_larger_than_4_mib(predictions: prediction_service_pb2_grpc.PredictionServiceStub) -> None:
    large = request("as_bytes", text=texts("x" * 5 * 1024 * 1024))
    assert len(predictions.Predict(large).outputs["raw_bytes"].string_val[0]) == 5 * 1024 * 1024


def version_of(model: str, version: int) -> predict_pb2.PredictRequest:
    made = request(model=model, text=texts("x"))
    made.model_spec.version.value = version
    return made


def labelled() -> predict_pb2.PredictRequest:
    made = request(text=texts("x"))
    made.model_spec.version_label = "stable"
    return made


BROKEN = tensor_pb2.TensorProto(dtype=tf.int32.as_datatype_enum, tensor_content=b"abc")
BROKEN.tensor_shape.dim.add(size=7)


@pytest.mark.parametrize(
    ("sent", "code", "message"),
    [
        (predict_pb2.PredictRequest(), "INVALID_ARGUMENT", "Missing ModelSpec"),
        (request(model="other", text=texts("x")), "NOT_FOUND", "Servable not found for request: Latest(other)"),
        (version_of(MODEL, 7), "NOT_FOUND", "Servable not found for request: Specific(reviews, 7)"),
        (labelled(), "INVALID_ARGUMENT", "Unrecognized servable version label: stable"),
        (request("regress", text=texts("x")), "FAILED_PRECONDITION", 'Serving signature key "regress" not found'),
        (request(), "INVALID_ARGUMENT", "input size does not match signature: 0!=1"),
        (request(text=texts("x"), more=texts("x")), "INVALID_ARGUMENT", "Sent extra: {more}"),
        (
            request(text=tf.make_tensor_proto([1.0])),
            "INVALID_ARGUMENT",
            "is DT_FLOAT; signature 'serving_default' takes",
        ),
        (request("arithmetic", a=BROKEN, b=BROKEN), "INVALID_ARGUMENT", "'a' is DT_INT32"),
        (request("not_empty", text=texts("")), "INVALID_ARGUMENT", "a review may not be empty"),
    ],
)
def test_errors_have_tensorflow_servings_status(
    predictions: prediction_service_pb2_grpc.PredictionServiceStub,
    sent: predict_pb2.PredictRequest,
    code: str,
    message: str,
) -> None:
    with pytest.raises(grpc.RpcError) as caught:
        predictions.Predict(sent)
    assert caught.value.code().name == code
    assert message in caught.value.details()


def test_a_malformed_tensor_is_the_clients_mistake(
    predictions: prediction_service_pb2_grpc.PredictionServiceStub,
) -> None:
    sent = request("arithmetic", a=tf.make_tensor_proto([[1.0, 2.0]]), b=BROKEN)
    with pytest.raises(grpc.RpcError, match="input 'b' is not a valid DT_INT32 tensor"):
        predictions.Predict(sent)


def test_methods_that_are_not_here_are_unimplemented(
    predictions: prediction_service_pb2_grpc.PredictionServiceStub,
) -> None:
    with pytest.raises(grpc.RpcError, match="UNIMPLEMENTED"):
        predictions.Classify(classification_pb2.ClassificationRequest())


def test_the_status_tells_of_every_version(channel: grpc.Channel) -> None:
    models = model_service_pb2_grpc.ModelServiceStub(channel)
    asked = get_model_status_pb2.GetModelStatusRequest()
    asked.model_spec.name = MODEL
    (status,) = models.GetModelStatus(asked).model_version_status
    assert (status.version, status.state) == (1, get_model_status_pb2.ModelVersionStatus.AVAILABLE)
    assert (status.status.error_code, status.status.error_message) == (0, "")
    asked.model_spec.name = "other"
    with pytest.raises(grpc.RpcError, match="Could not find any versions of model other"):
        models.GetModelStatus(asked)


def test_the_health_service_says_serving(channel: grpc.Channel) -> None:
    answer = health_pb2_grpc.HealthStub(channel).Check(health_pb2.HealthCheckRequest())
    assert answer.status == health_pb2.HealthCheckResponse.SERVING
