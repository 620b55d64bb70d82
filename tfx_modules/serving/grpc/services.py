"""TensorFlow Serving's PredictionService and ModelService. Methods that are not here answer UNIMPLEMENTED."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import grpc
from tensorflow_serving.apis import (
    get_model_status_pb2,
    model_management_pb2,
    model_pb2,
    model_service_pb2_grpc,
    predict_pb2,
    prediction_service_pb2_grpc,
)

from tfx_modules.serving.catalogue import Catalogue
from tfx_modules.serving.config_file import read_config
from tfx_modules.serving.dataplane import DataPlane
from tfx_modules.serving.exceptions import (
    InvalidRequestError,
    ModelsUnavailableError,
    RequestError,
    UnsupportedMethodError,
    status_of,
)
from tfx_modules.serving.grpc.tensors import read_tensors, write_tensor
from tfx_modules.serving.specs import DEFAULT_SIGNATURE, ModelSpec, PredictCall


@asynccontextmanager
async def _refusals(context: "grpc.aio.ServicerContext") -> AsyncIterator[None]:
    """Turn what a client is to be told into the call's status."""
    try:
        yield
    except RequestError as error:
        await context.abort(grpc.StatusCode[status_of(error).code], str(error))


def _model_spec(request: Any) -> ModelSpec:
    if not request.HasField("model_spec"):
        raise InvalidRequestError("Missing ModelSpec")
    spec = request.model_spec
    if spec.WhichOneof("version_choice") == "version_label":
        raise InvalidRequestError(f"Unrecognized servable version label: {spec.version_label}; give a version")
    return ModelSpec(spec.name, spec.version.value if spec.HasField("version") else None)


class PredictionService(prediction_service_pb2_grpc.PredictionServiceServicer):  # type: ignore[misc]
    """Answers Predict."""

    def __init__(self, data_plane: DataPlane) -> None:
        self._data_plane = data_plane

    async def Predict(  # noqa: N802 - the proto's name
        self, request: predict_pb2.PredictRequest, context: "grpc.aio.ServicerContext"
    ) -> predict_pb2.PredictResponse:
        """Run a signature on the request's tensors."""
        async with _refusals(context), self._data_plane.lease(_model_spec(request)) as lease:
            signature = lease.model.signature(request.model_spec.signature_name or DEFAULT_SIGNATURE)
            size = request.ByteSize()
            inputs = await self._data_plane.convert(size, read_tensors, request.inputs, signature)
            call = PredictCall(signature.name, inputs, tuple(request.output_filter))
            outputs = await self._data_plane.predict(lease, call)
            response = predict_pb2.PredictResponse()
            _fill_spec(response.model_spec, lease.spec, signature.name)
            for name, array in outputs.items():
                tensor = await self._data_plane.convert(array.nbytes, write_tensor, name, array)
                response.outputs[name].CopyFrom(tensor)
            return response


class ModelService(model_service_pb2_grpc.ModelServiceServicer):  # type: ignore[misc]
    """Answers GetModelStatus and takes new configs."""

    def __init__(self, data_plane: DataPlane, catalogue: Catalogue) -> None:
        self._data_plane = data_plane
        self._catalogue = catalogue

    async def GetModelStatus(  # noqa: N802 - the proto's name
        self, request: get_model_status_pb2.GetModelStatusRequest, context: "grpc.aio.ServicerContext"
    ) -> get_model_status_pb2.GetModelStatusResponse:
        """Tell the state of a version, or of all versions of a model."""
        async with _refusals(context):
            response = get_model_status_pb2.GetModelStatusResponse()
            for status in self._data_plane.statuses(_model_spec(request)):
                entry = response.model_version_status.add(version=status.version, state=int(status.state))
                entry.status.error_code = grpc.StatusCode[status.error_code].value[0]
                entry.status.error_message = status.error_message
            return response

    async def HandleReloadConfigRequest(  # noqa: N802 - the proto's name
        self, request: model_management_pb2.ReloadConfigRequest, context: "grpc.aio.ServicerContext"
    ) -> model_management_pb2.ReloadConfigResponse:
        """Serve what the config asks for and nothing else; answer when that is loaded."""
        async with _refusals(context):
            if request.metric_names:
                raise UnsupportedMethodError(
                    "metric_names is not supported; leave it out and read the metrics' own URL"
                )
            missing = await self._catalogue.apply(read_config(request.config))
            if missing:
                raise ModelsUnavailableError(
                    f"{len(missing)} model(s) did not become available: {', '.join(missing)}; their status says why"
                )
            return model_management_pb2.ReloadConfigResponse()


def _fill_spec(proto: model_pb2.ModelSpec, spec: ModelSpec, signature_name: str) -> None:
    proto.name = spec.name
    proto.version.value = spec.version
    proto.signature_name = signature_name
