"""PredictionService and ModelService over gRPC."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import grpc
import pytest
import tensorflow as tf
from tensorflow.core.framework import tensor_pb2
from tensorflow_serving.apis import (
    classification_pb2,
    get_model_metadata_pb2,
    get_model_status_pb2,
    inference_pb2,
    input_pb2,
    model_service_pb2_grpc,
    predict_pb2,
    prediction_service_pb2_grpc,
    regression_pb2,
)

from tests.tfx_modules.serving.conformance.model import CLASSIFY, LABEL, NAME, REGRESS, VERSION
from tests.tfx_modules.serving.conformance.protos import (
    classify,
    examples,
    metadata,
    multi,
    packed,
    predict,
    regress,
    spec,
    status,
    tensor,
    without_features,
)

SERVER_TEST, PREDICT_UTIL, CORE = "tensorflow_model_server_test.py", "predict_util.cc", "server_core.cc"
CLASSIFIER, REGRESSOR, MULTI, UTIL = "classifier.cc", "regressor.cc", "multi_inference.cc", "util.cc"
METADATA, STATUS = "get_model_metadata_impl.cc", "get_model_status_impl.cc"

METHODS = {
    predict_pb2.PredictRequest: "Predict",
    classification_pb2.ClassificationRequest: "Classify",
    regression_pb2.RegressionRequest: "Regress",
    inference_pb2.MultiInferenceRequest: "MultiInference",
    get_model_metadata_pb2.GetModelMetadataRequest: "GetModelMetadata",
    get_model_status_pb2.GetModelStatusRequest: "GetModelStatus",
}


@dataclass(frozen=True)
class GrpcCase:
    """One call and what is to be answered.

    Attributes:
        read: takes from the response what is compared with ``answer``.
        code: of the status; then ``details`` is a part of its message.
    """

    shows: str
    source: str
    request: Any
    read: Callable[[Any], Any] = str
    answer: Any = None
    code: str = "OK"
    details: str = ""

    def __str__(self) -> str:
        return f"{METHODS[type(self.request)]}: {self.shows} ({self.source})"


def output(name: str, field: str) -> Callable[[Any], Any]:
    return lambda response: list(getattr(response.outputs[name], field))


def read_spec(response: Any) -> Any:
    return (response.model_spec.name, response.model_spec.version.value, response.model_spec.signature_name)


def classes(result: Any) -> Any:
    return [[(one.label, one.score) for one in row.classes] for row in result.classifications]


def values(result: Any) -> Any:
    return [one.value for one in result.regressions]


def methods(response: Any) -> Any:
    signatures = get_model_metadata_pb2.SignatureDefMap()
    response.metadata["signature_def"].Unpack(signatures)
    return [signatures.signature_def[name].method_name for name in ("classify_labels", "regress_flat")]


def same(name: str, dtype: Any, given: list[Any], field: str) -> GrpcCase:
    request = predict({name: tensor(given, dtype)}, of=spec(f"same_{name}"))
    return GrpcCase(f"{dtype.name} comes in {field}", "tensor.proto", request, output(name, field), given)


X = spec("regress_x_to_y")
C = spec("classify_x_to_y")

ANSWERED = [
    GrpcCase("one output", SERVER_TEST, predict(None, "y"), output("y", "float_val"), [3.0]),
    GrpcCase("all outputs", SERVER_TEST, predict(), output("y", "float_val"), [3.0]),
    GrpcCase("packed content", "tensor.proto", predict({"x": packed(2.0, 4.0)}), output("y", "float_val"), [3.0, 4.0]),
    GrpcCase("who answered", UTIL, predict(), read_spec, (NAME, VERSION, "serving_default")),
    GrpcCase("by version", CORE, predict(of=spec(version=VERSION)), read_spec, (NAME, VERSION, "serving_default")),
    GrpcCase("by label", CORE, predict(of=spec(label=LABEL)), read_spec, (NAME, VERSION, "serving_default")),
    GrpcCase(
        "by label",
        CORE,
        classify("classify_labels", examples(1.0), label=LABEL),
        read_spec,
        (NAME, VERSION, "classify_labels"),
    ),
    GrpcCase("by label", CORE, metadata("signature_def", of=spec(label=LABEL)), read_spec, (NAME, VERSION, "")),
    GrpcCase(
        "several outputs",
        PREDICT_UTIL,
        predict({"tag": tensor(["a"], tf.string), "signal": tensor([[1.0, 2.0]])}, of=spec("several")),
        lambda response: {name: made.dtype for name, made in response.outputs.items()},
        {"sum": 1, "tag": 7},
    ),
    GrpcCase(
        "texts, floats and truths of rank 2, as of label sets",
        PREDICT_UTIL,
        predict({"tag": tensor(["a", "bcd"], tf.string)}, of=spec("label_sets")),
        lambda response: {name: tf.make_ndarray(made).tolist() for name, made in response.outputs.items()},
        {
            "labels": [[b"long", b"any"]] * 2,
            "scores": [[0.25, 0.5], [0.75, 0.5]],
            "chosen": [[False, True], [True, True]],
        },
    ),
    GrpcCase(
        "a signature for classify",
        PREDICT_UTIL,
        predict({"inputs": tensor([examples(2.0).example_list.examples[0].SerializeToString()], tf.string)}, of=C),
        output("scores", "float_val"),
        [3.0],
    ),
    GrpcCase(
        "more than 4 MiB",
        "server.cc",
        predict({"text": tensor([b"x" * 5 * 2**20], tf.string)}, of=spec("same_text")),
        lambda response: len(response.outputs["text"].string_val[0]),
        5 * 2**20,
    ),
    same("double", tf.float64, [1e300, 0.1], "double_val"),
    same("int8", tf.int8, [-128, 127], "int_val"),
    same("int16", tf.int16, [-32768, 32767], "int_val"),
    same("int32", tf.int32, [-(2**31), 2**31 - 1], "int_val"),
    same("int64", tf.int64, [-(2**63), 2**63 - 1], "int64_val"),
    same("uint8", tf.uint8, [0, 255], "int_val"),
    same("flag", tf.bool, [True, False], "bool_val"),
    same("text", tf.string, [b"a", b"\x00\xff", b""], "string_val"),
    GrpcCase(
        "scores without labels",
        SERVER_TEST,
        classify("classify_x_to_y", examples(2.0)),
        lambda response: classes(response.result),
        [[("", 3.0)]],
    ),
    GrpcCase(
        "labels with scores",
        CLASSIFIER,
        classify("classify_labels", examples(2.0, 20.0)),
        lambda response: classes(response.result),
        [[("half", 3.0), ("minus", -3.0)], [("half", 12.0), ("minus", -12.0)]],
    ),
    GrpcCase(
        "labels without scores",
        CLASSIFIER,
        classify("classify_classes_only", examples(2.0)),
        lambda response: classes(response.result),
        [[("half", 0.0), ("minus", 0.0)]],
    ),
    GrpcCase(
        "who answered", UTIL, classify("classify_labels", examples(1.0)), read_spec, (NAME, VERSION, "classify_labels")
    ),
    GrpcCase(
        "a context for all examples",
        UTIL,
        classify("classify_x_to_y", examples(0.0, 0.0, context=2.0)),
        lambda response: classes(response.result),
        [[("", 3.0)], [("", 3.0)]],
    ),
    GrpcCase(
        "values of [batch, 1]",
        SERVER_TEST,
        regress("regress_x_to_y", examples(2.0)),
        lambda response: values(response.result),
        [3.0],
    ),
    GrpcCase(
        "values of [batch]",
        REGRESSOR,
        regress("regress_flat", examples(2.0, 4.0)),
        lambda response: values(response.result),
        [3.0, 4.0],
    ),
    GrpcCase(
        "by version",
        CORE,
        regress("regress_flat", examples(2.0), version=VERSION),
        read_spec,
        (NAME, VERSION, "regress_flat"),
    ),
    GrpcCase(
        "one regresses, one classifies",
        SERVER_TEST,
        multi((X, REGRESS), (C, CLASSIFY)),
        lambda r: (values(r.results[0].regression_result), classes(r.results[1].classification_result)),
        ([3.0], [[("", 3.0)]]),
    ),
    GrpcCase(
        "who answered",
        MULTI,
        multi((X, REGRESS)),
        lambda response: read_spec(response.results[0]),
        (NAME, VERSION, "regress_x_to_y"),
    ),
    GrpcCase("signatures", METADATA, metadata("signature_def"), methods, [CLASSIFY, REGRESS]),
    GrpcCase("whose they are", METADATA, metadata("signature_def"), read_spec, (NAME, VERSION, "")),
    GrpcCase(
        "all versions",
        STATUS,
        status(spec()),
        lambda response: [(one.version, one.state, one.status.error_code) for one in response.model_version_status],
        [(VERSION, 30, 0)],
    ),
    GrpcCase(
        "a version",
        STATUS,
        status(spec(version=VERSION)),
        lambda response: [one.version for one in response.model_version_status],
        [VERSION],
    ),
]


def refused(shows: str, source: str, request: Any, code: str, details: str = "") -> GrpcCase:
    return GrpcCase(shows, source, request, code=code, details=details)


INVALID, ABSENT = "INVALID_ARGUMENT", "NOT_FOUND"

REFUSED = [
    refused("no ModelSpec", "predict_impl.cc", predict_pb2.PredictRequest(), INVALID, "Missing ModelSpec"),
    refused("no name", CORE, predict(of=spec(name="")), INVALID, "ModelSpec has no name specified"),
    refused(
        "an unknown model",
        CORE,
        predict(of=spec(name="other")),
        ABSENT,
        "Servable not found for request: Latest(other)",
    ),
    refused("an unknown version", CORE, predict(of=spec(version=9)), ABSENT, f"Specific({NAME}, 9)"),
    refused("an unknown label", CORE, predict(of=spec(label="x")), INVALID, "label"),
    refused(
        "an unknown signature",
        PREDICT_UTIL,
        predict(of=spec("x")),
        "FAILED_PRECONDITION",
        'Serving signature key "x" not found',
    ),
    refused("an input is missing", PREDICT_UTIL, predict({}), INVALID, "input size does not match signature"),
    refused(
        "an input too many",
        PREDICT_UTIL,
        predict({"x": tensor([1.0]), "z": tensor([1.0])}),
        INVALID,
        "input size does not",
    ),
    refused("an input of another name", PREDICT_UTIL, predict({"z": tensor([1.0])}), INVALID),
    refused("an input of another type", PREDICT_UTIL, predict({"x": tensor([1], tf.int32)}), INVALID),
    refused(
        "an unknown output", PREDICT_UTIL, predict(None, "z"), INVALID, "output tensor alias not found in signature: z"
    ),
    refused("an output twice", PREDICT_UTIL, predict(None, "y", "y"), INVALID, "duplicate output tensor alias"),
    refused(
        "content that is too short",
        "tensor.cc",
        predict({"x": tensor_pb2.TensorProto(dtype=1, tensor_content=b"abc")}),
        INVALID,
    ),
    refused("no ModelSpec", CLASSIFIER, classification_pb2.ClassificationRequest(), INVALID, "Missing ModelSpec"),
    refused("no examples", UTIL, classify("classify_x_to_y", examples()), INVALID, "nput is empty"),
    refused("no input", UTIL, classify("classify_x_to_y", input_pb2.Input()), INVALID, "nput is empty"),
    refused(
        "an unknown signature",
        CLASSIFIER,
        classify("x", examples(1.0)),
        INVALID,
        "No signature was found with the name: x",
    ),
    refused(
        "the default signature", CLASSIFIER, classify("", examples(1.0)), INVALID, "Was: tensorflow/serving/predict"
    ),
    refused(
        "regress's signature",
        CLASSIFIER,
        classify("regress_flat", examples(1.0)),
        INVALID,
        "Was: tensorflow/serving/regress",
    ),
    refused(
        "neither classes nor scores",
        CLASSIFIER,
        classify("classify_without_outputs", examples(1.0)),
        "FAILED_PRECONDITION",
    ),
    refused("a feature is missing", "signature_defs.md", classify("classify_x_to_y", without_features()), INVALID),
    refused("an unknown model", CORE, classify("", examples(1.0), name="other"), ABSENT, "Latest(other)"),
    refused("no ModelSpec", REGRESSOR, regression_pb2.RegressionRequest(), INVALID, "Missing ModelSpec"),
    refused(
        "classify's signature",
        REGRESSOR,
        regress("classify_x_to_y", examples(1.0)),
        INVALID,
        "Was: tensorflow/serving/classify",
    ),
    refused("no outputs", REGRESSOR, regress("regress_without_outputs", examples(1.0)), "FAILED_PRECONDITION"),
    refused(
        "an unknown version", CORE, regress("regress_flat", examples(1.0), version=9), ABSENT, f"Specific({NAME}, 9)"
    ),
    refused(
        "a signature twice", MULTI, multi((X, REGRESS), (X, REGRESS)), INVALID, "Duplicate evaluation of signature"
    ),
    refused("two models", MULTI, multi((X, REGRESS), (spec("y", name="other"), REGRESS)), INVALID, "same model name"),
    refused("no name", MULTI, multi((spec("y", name=""), REGRESS)), INVALID),
    refused("no tasks", "multi_inference_helper.cc", multi(), INVALID),
    refused(
        "another method",
        MULTI,
        multi((X, "tensorflow/serving/predict")),
        "UNIMPLEMENTED",
        "Unsupported signature method_name",
    ),
    refused("an unknown signature", MULTI, multi((spec("z"), REGRESS)), INVALID, "z"),
    refused("a signature of the other method", MULTI, multi((X, CLASSIFY)), INVALID, "Was: tensorflow/serving/regress"),
    refused("no ModelSpec", METADATA, get_model_metadata_pb2.GetModelMetadataRequest(), INVALID, "Missing ModelSpec"),
    refused("no field", METADATA, metadata(), INVALID, "must specify at least one metadata_field"),
    refused("an unknown field", METADATA, metadata("graph"), INVALID, "is not supported"),
    refused("an unknown model", METADATA, metadata("signature_def", of=spec(name="other")), ABSENT),
    refused("no ModelSpec", STATUS, get_model_status_pb2.GetModelStatusRequest(), INVALID, "Missing ModelSpec"),
    refused(
        "an unknown model", STATUS, status(spec(name="other")), ABSENT, "Could not find any versions of model other"
    ),
    refused("an unknown version", STATUS, status(spec(version=9)), ABSENT, f"Could not find version 9 of model {NAME}"),
]


def call(channel: grpc.Channel, request: Any) -> Any:
    stubs = [prediction_service_pb2_grpc.PredictionServiceStub, model_service_pb2_grpc.ModelServiceStub]
    stub = stubs[isinstance(request, get_model_status_pb2.GetModelStatusRequest)](channel)
    return getattr(stub, METHODS[type(request)])(request, timeout=30)


@pytest.mark.parametrize("case", ANSWERED, ids=str)
def test_a_call_is_answered(channel: grpc.Channel, case: GrpcCase) -> None:
    assert case.read(call(channel, case.request)) == case.answer


@pytest.mark.parametrize("case", REFUSED, ids=str)
def test_a_call_is_refused(channel: grpc.Channel, case: GrpcCase) -> None:
    with pytest.raises(grpc.RpcError) as caught:
        call(channel, case.request)
    assert caught.value.code().name == case.code
    assert case.details in caught.value.details()
