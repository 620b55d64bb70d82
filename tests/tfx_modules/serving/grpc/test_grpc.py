"""The gRPC API of a real server process."""

from collections.abc import Iterator

import grpc
import pytest
import tensorflow as tf
from grpc_health.v1 import health_pb2, health_pb2_grpc
from tensorflow.core.framework import tensor_pb2
from tensorflow_serving.apis import (
    classification_pb2,
    get_model_metadata_pb2,
    get_model_status_pb2,
    inference_pb2,
    input_pb2,
    model_pb2,
    model_service_pb2_grpc,
    predict_pb2,
    prediction_service_pb2_grpc,
    regression_pb2,
)

from tests.tfx_modules.serving.exported_models import MODEL
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
        (request(model="", text=texts("x")), "INVALID_ARGUMENT", "ModelSpec has no name specified"),
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


def test_a_few_bytes_cannot_ask_for_gigabytes(
    predictions: prediction_service_pb2_grpc.PredictionServiceStub,
) -> None:
    bomb = tensor_pb2.TensorProto(dtype=tf.float32.as_datatype_enum, float_val=[1.0])
    for size in (2**40, 2):
        bomb.tensor_shape.dim.add(size=size)
    with pytest.raises(grpc.RpcError, match=r"has shape \[1099511627776, 2\] but is sent in .* bytes"):
        predictions.Predict(request("arithmetic", a=bomb, b=bomb))


def test_details_of_an_error_fit_into_a_header(
    predictions: prediction_service_pb2_grpc.PredictionServiceStub,
) -> None:
    with pytest.raises(grpc.RpcError) as caught:
        predictions.Predict(request(model="m" * 100_000, text=texts("x")))
    assert caught.value.code().name == "NOT_FOUND"


def spec(signature_name: str, model: str = MODEL) -> model_pb2.ModelSpec:
    return model_pb2.ModelSpec(name=model, signature_name=signature_name)


def reviews(*values: str) -> input_pb2.Input:
    made = input_pb2.Input()
    for value in values:
        example = made.example_list.examples.add()
        example.features.feature["text"].bytes_list.value.append(value.encode())
    return made


def test_classify_answers_classes_with_scores(predictions: prediction_service_pb2_grpc.PredictionServiceStub) -> None:
    sent = classification_pb2.ClassificationRequest(model_spec=spec("judge"), input=reviews("so good", "bad"))
    response = predictions.Classify(sent)
    rows = [[(c.label, round(c.score, 3)) for c in row.classes] for row in response.result.classifications]
    assert rows == [[("negative", 0.1), ("positive", 0.9)], [("negative", 0.9), ("positive", 0.1)]]
    assert (response.model_spec.version.value, response.model_spec.signature_name) == (1, "judge")


def test_regress_takes_what_the_examples_share_as_context(
    predictions: prediction_service_pb2_grpc.PredictionServiceStub,
) -> None:
    sent = regression_pb2.RegressionRequest(model_spec=spec("rate"))
    shared = sent.input.example_list_with_context
    shared.context.features.feature["text"].bytes_list.value.append(b"good")
    shared.examples.add()
    shared.examples.add().features.feature["other"].int64_list.value.append(1)
    values = [regression.value for regression in predictions.Regress(sent).result.regressions]
    assert values == pytest.approx([0.9, 0.9])


def multi(*tasks: tuple[str, str], **options: str) -> inference_pb2.MultiInferenceRequest:
    made = inference_pb2.MultiInferenceRequest(input=reviews("good"))
    for signature_name, method in tasks:
        made.tasks.add(model_spec=spec(signature_name, **options), method_name=f"tensorflow/serving/{method}")
    return made


def test_multi_inference_gives_the_same_examples_to_several_signatures(
    predictions: prediction_service_pb2_grpc.PredictionServiceStub,
) -> None:
    rated, judged = predictions.MultiInference(multi(("rate", "regress"), ("judge", "classify"))).results
    assert rated.regression_result.regressions[0].value == pytest.approx(0.9)
    assert judged.classification_result.classifications[0].classes[1].label == "positive"
    assert [result.model_spec.signature_name for result in (rated, judged)] == ["rate", "judge"]
    assert {result.model_spec.version.value for result in (rated, judged)} == {1}


@pytest.mark.parametrize(
    ("sent", "code", "message"),
    [
        (multi(), "INVALID_ARGUMENT", "has no tasks"),
        (
            multi(("rate", "regress"), ("rate", "regress")),
            "INVALID_ARGUMENT",
            "Duplicate evaluation of signature",
        ),
        (
            multi(("rate", "classify")),
            "INVALID_ARGUMENT",
            "to be tensorflow/serving/classify. Was: ",
        ),
        (multi(("rate", "predict")), "UNIMPLEMENTED", "Unsupported signature method_name: tensorflow/serving/predict"),
        (multi(("other", "regress")), "INVALID_ARGUMENT", "No signature was found with the name: other"),
        (multi(("rate", "regress"), model=""), "INVALID_ARGUMENT", "ModelSpec has no name specified"),
        (multi(("rate", "regress"), model="other"), "NOT_FOUND", "Servable not found for request: Latest(other)"),
    ],
)
def test_multi_inference_refuses_tasks_that_do_not_fit(
    predictions: prediction_service_pb2_grpc.PredictionServiceStub,
    sent: inference_pb2.MultiInferenceRequest,
    code: str,
    message: str,
) -> None:
    with pytest.raises(grpc.RpcError) as caught:
        predictions.MultiInference(sent)
    assert caught.value.code().name == code
    assert message in caught.value.details()


def test_no_examples_are_refused(predictions: prediction_service_pb2_grpc.PredictionServiceStub) -> None:
    for given in (input_pb2.Input(), reviews()):
        with pytest.raises(grpc.RpcError, match="Input is empty"):
            predictions.Classify(classification_pb2.ClassificationRequest(model_spec=spec("judge"), input=given))


def test_the_metadata_tells_the_signatures(predictions: prediction_service_pb2_grpc.PredictionServiceStub) -> None:
    sent = get_model_metadata_pb2.GetModelMetadataRequest(model_spec=spec(""), metadata_field=["signature_def"])
    response = predictions.GetModelMetadata(sent)
    signatures = get_model_metadata_pb2.SignatureDefMap()
    response.metadata["signature_def"].Unpack(signatures)
    assert signatures.signature_def["judge"].method_name == "tensorflow/serving/classify"
    assert signatures.signature_def["serving_default"].inputs["text"].dtype == tf.string.as_datatype_enum
    assert response.model_spec.version.value == 1


@pytest.mark.parametrize(
    ("fields", "message"), [([], "must specify at least one metadata_field"), (["graph"], "graph is not supported")]
)
def test_only_signatures_are_metadata(
    predictions: prediction_service_pb2_grpc.PredictionServiceStub, fields: list[str], message: str
) -> None:
    sent = get_model_metadata_pb2.GetModelMetadataRequest(model_spec=spec(""), metadata_field=fields)
    with pytest.raises(grpc.RpcError, match=message):
        predictions.GetModelMetadata(sent)


def test_methods_that_are_not_here_are_unimplemented(channel: grpc.Channel) -> None:
    with pytest.raises(grpc.RpcError, match="UNIMPLEMENTED"):
        channel.unary_unary("/tensorflow.serving.SessionService/SessionRun")(b"")


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
