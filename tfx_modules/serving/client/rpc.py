"""The client's gRPC transport. Importing it imports TensorFlow, which its protos are part of."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import grpc
import tensorflow as tf
from google.protobuf import json_format
from tensorflow_serving.apis import (
    get_model_metadata_pb2,
    get_model_status_pb2,
    model_pb2,
    model_service_pb2_grpc,
    predict_pb2,
    prediction_service_pb2_grpc,
)

from tfx_modules.serving.client.specs import Model, Server, Tls, VersionReport
from tfx_modules.serving.client.transport import Row
from tfx_modules.serving.exceptions import ClientError

# gRPC's own limit is 4 MiB; batches and their answers may be larger.
_OPTIONS = [("grpc.max_receive_message_length", -1), ("grpc.max_send_message_length", -1)]


class GrpcTransport:
    """Asks over one channel."""

    def __init__(self, server: Server) -> None:
        self._address = server.address
        self._key = (("authorization", f"Bearer {server.api_key}"),) if server.api_key else ()
        self._channel = _channel(server)
        self._predictions = prediction_service_pb2_grpc.PredictionServiceStub(self._channel)
        self._models = model_service_pb2_grpc.ModelServiceStub(self._channel)

    def predict(self, model: Model, texts: Sequence[str], timeout_seconds: float) -> list[Row]:
        """Return a row per text.

        Raises:
            ClientError: no connection, a refusal, or an answer of another form.
        """
        tensor = tf.make_tensor_proto([text.encode() for text in texts], dtype=tf.string, shape=[len(texts)])
        request = predict_pb2.PredictRequest(model_spec=_spec(model), inputs={model.input_name: tensor})
        outputs = self._call(self._predictions.Predict, request, timeout_seconds).outputs
        columns = {name: self._column(name, outputs[name], len(texts)) for name in sorted(outputs)}
        return [{name: column[row] for name, column in columns.items()} for row in range(len(texts))]

    def status(self, model: Model, timeout_seconds: float) -> list[VersionReport]:
        """Return the versions' states.

        Raises:
            ClientError: no connection, or a refusal.
        """
        request = get_model_status_pb2.GetModelStatusRequest(model_spec=_spec(model))
        answer = self._call(self._models.GetModelStatus, request, timeout_seconds)
        name = get_model_status_pb2.ModelVersionStatus.State.Name
        return [
            VersionReport(entry.version, name(entry.state), entry.status.error_message)
            for entry in answer.model_version_status
        ]

    def metadata(self, model: Model, timeout_seconds: float) -> Row:
        """Return the signatures.

        Raises:
            ClientError: no connection, a refusal, or an answer of another form.
        """
        request = get_model_metadata_pb2.GetModelMetadataRequest(
            model_spec=_spec(model), metadata_field=["signature_def"]
        )
        answer = self._call(self._predictions.GetModelMetadata, request, timeout_seconds)
        signatures = get_model_metadata_pb2.SignatureDefMap()
        if not answer.metadata["signature_def"].Unpack(signatures):
            raise ClientError(f"{self._address} gave no signatures")
        document: Row = json_format.MessageToDict(
            signatures, preserving_proto_field_name=True, always_print_fields_with_no_presence=True
        )["signature_def"]
        return document

    def close(self) -> None:
        """Close the channel."""
        self._channel.close()

    def _call(self, method: Callable[..., Any], request: Any, timeout_seconds: float) -> Any:
        try:
            return method(request, timeout=timeout_seconds, metadata=self._key)
        except grpc.RpcError as error:
            code = error.code().name
            raise ClientError(f"{self._address} answered {code}: {error.details()}", code=code) from error

    def _column(self, name: str, proto: Any, rows: int) -> list[Any]:
        array = tf.make_ndarray(proto)
        if not array.shape or array.shape[0] != rows:
            shape = list(array.shape)
            raise ClientError(f"{self._address} gave output {name!r} of shape {shape}, not a row for each text")
        return [_value(item) for item in array.tolist()]


def _value(item: Any) -> Any:
    if isinstance(item, list):
        return [_value(part) for part in item]
    return item.decode("utf-8", "backslashreplace") if isinstance(item, bytes) else item


def _spec(model: Model) -> model_pb2.ModelSpec:
    spec = model_pb2.ModelSpec(name=model.name, signature_name=model.signature_name)
    if model.version is not None:
        spec.version.value = model.version
    elif model.label:
        spec.version_label = model.label
    return spec


def _channel(server: Server) -> grpc.Channel:
    if server.tls is None:
        return grpc.insecure_channel(server.address, options=_OPTIONS)
    return grpc.secure_channel(server.address, _credentials(server.tls), options=_OPTIONS)


def _credentials(tls: Tls) -> grpc.ChannelCredentials:
    return grpc.ssl_channel_credentials(_read(tls.ca_file), _read(tls.key_file), _read(tls.cert_file))


def _read(file: Path | None) -> bytes | None:
    try:
        return None if file is None else file.read_bytes()
    except OSError as error:
        raise ClientError(f"cannot read {file}: {error.strerror}; give a PEM file") from error
