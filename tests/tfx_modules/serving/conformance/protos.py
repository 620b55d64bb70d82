"""Requests over gRPC, built from as few words as the cases need."""

from typing import Any

import numpy as np
import tensorflow as tf
from tensorflow.core.framework import tensor_pb2
from tensorflow_serving.apis import (
    classification_pb2,
    get_model_metadata_pb2,
    get_model_status_pb2,
    inference_pb2,
    input_pb2,
    model_pb2,
    predict_pb2,
    regression_pb2,
)

from tests.tfx_modules.serving.conformance.model import NAME


def spec(
    signature_name: str = "", name: str = NAME, version: int | None = None, label: str = ""
) -> model_pb2.ModelSpec:
    made = model_pb2.ModelSpec(name=name, signature_name=signature_name)
    if version is not None:
        made.version.value = version
    if label:
        made.version_label = label
    return made


def tensor(values: Any, dtype: Any = tf.float32) -> tensor_pb2.TensorProto:
    return tf.make_tensor_proto(values, dtype=dtype)


def packed(*values: float) -> tensor_pb2.TensorProto:
    made = tensor_pb2.TensorProto(dtype=1, tensor_content=np.array(values, dtype="<f4").tobytes())
    made.tensor_shape.dim.add(size=len(values))
    return made


def predict(
    inputs: dict[str, Any] | None = None, *wanted: str, of: model_pb2.ModelSpec | None = None
) -> predict_pb2.PredictRequest:
    given = {"x": tensor([2.0])} if inputs is None else inputs
    return predict_pb2.PredictRequest(model_spec=of or spec(), inputs=given, output_filter=wanted)


def examples(*values: float, context: float | None = None) -> input_pb2.Input:
    made = input_pb2.Input()
    rows = made.example_list.examples if context is None else made.example_list_with_context.examples
    if context is not None:
        made.example_list_with_context.context.features.feature["x"].float_list.value.append(context)
    for value in values:
        example = rows.add()
        if context is None:
            example.features.feature["x"].float_list.value.append(value)
    return made


def without_features() -> input_pb2.Input:
    made = input_pb2.Input()
    made.example_list.examples.add()
    return made


def classify(signature_name: str, given: input_pb2.Input, **options: Any) -> classification_pb2.ClassificationRequest:
    return classification_pb2.ClassificationRequest(model_spec=spec(signature_name, **options), input=given)


def regress(signature_name: str, given: input_pb2.Input, **options: Any) -> regression_pb2.RegressionRequest:
    return regression_pb2.RegressionRequest(model_spec=spec(signature_name, **options), input=given)


def multi(*tasks: tuple[model_pb2.ModelSpec, str], given: input_pb2.Input | None = None) -> Any:
    made = inference_pb2.MultiInferenceRequest(input=given or examples(2.0))
    for task, method in tasks:
        made.tasks.add(model_spec=task, method_name=method)
    return made


def metadata(*fields: str, of: model_pb2.ModelSpec | None = None) -> get_model_metadata_pb2.GetModelMetadataRequest:
    return get_model_metadata_pb2.GetModelMetadataRequest(model_spec=of or spec(), metadata_field=fields)


def status(of: model_pb2.ModelSpec) -> get_model_status_pb2.GetModelStatusRequest:
    return get_model_status_pb2.GetModelStatusRequest(model_spec=of)
