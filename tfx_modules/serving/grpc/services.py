"""Implements TensorFlow Serving's PredictionService and ModelService. Other methods answer UNIMPLEMENTED."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

import grpc
from tensorflow_serving.apis import (
    classification_pb2,
    get_model_metadata_pb2,
    get_model_status_pb2,
    inference_pb2,
    model_management_pb2,
    model_pb2,
    model_service_pb2_grpc,
    predict_pb2,
    prediction_service_pb2_grpc,
    regression_pb2,
)

from tfx_modules.serving.exceptions import (
    InvalidRequestError,
    ModelsUnavailableError,
    RequestError,
    UnsupportedMethodError,
    status_of,
)
from tfx_modules.serving.grpc.examples import read_examples, write_classifications, write_regressions
from tfx_modules.serving.grpc.tensors import read_tensors, write_tensor
from tfx_modules.serving.inference.classify_regress import CLASSIFY, REGRESS, Classifications, Result, Task
from tfx_modules.serving.inference.dataplane import DataPlane
from tfx_modules.serving.models.config_file import read_config
from tfx_modules.serving.models.manager import ModelManager
from tfx_modules.serving.models.registry import ServableHandle
from tfx_modules.serving.security.reload import ReloadGuard
from tfx_modules.serving.specs import DEFAULT_SIGNATURE, Arrays, ModelSpec, PredictCall, first_repeated, size_of

# Details travel in a header, for which clients allow some kilobytes.
MAX_DETAILS = 2048
SIGNATURES = "signature_def"  # the only kind of metadata that TensorFlow Serving knows


@asynccontextmanager
async def _refusals(context: "grpc.aio.ServicerContext") -> AsyncIterator[None]:
    """Convert errors of requests to the call's status."""
    try:
        yield
    except RequestError as error:
        await context.abort(grpc.StatusCode[status_of(error).code], str(error)[:MAX_DETAILS])


def _model_spec(request: Any) -> ModelSpec:
    if not request.HasField("model_spec"):
        raise InvalidRequestError("Missing ModelSpec")
    spec = request.model_spec
    choice = spec.WhichOneof("version_choice")
    return ModelSpec(
        spec.name,
        version=spec.version.value if choice == "version" else None,
        label=spec.version_label if choice == "version_label" else None,
    )


def _named_spec(request: Any) -> ModelSpec:
    spec = _model_spec(request)
    if not spec.name:
        raise InvalidRequestError("ModelSpec has no name specified.")
    return spec


class PredictionService(prediction_service_pb2_grpc.PredictionServiceServicer):  # type: ignore[misc]
    """Answers Predict, Classify, Regress, MultiInference and GetModelMetadata."""

    def __init__(self, data_plane: DataPlane) -> None:
        self._data_plane = data_plane

    async def Predict(  # noqa: N802 - the proto's name
        self, request: predict_pb2.PredictRequest, context: "grpc.aio.ServicerContext"
    ) -> predict_pb2.PredictResponse:
        """Run a signature on the request's tensors."""
        async with _refusals(context), self._data_plane.servable_handle(_named_spec(request)) as handle:
            signature = handle.model.signature(request.model_spec.signature_name or DEFAULT_SIGNATURE)
            size = request.ByteSize()
            inputs = await self._data_plane.convert(size, read_tensors, request.inputs, signature)
            call = PredictCall(signature.name, inputs, tuple(request.output_filter))
            outputs = await self._data_plane.predict(handle, call)
            size = sum(map(size_of, outputs.values()))
            return await self._data_plane.convert(size, _write_outputs, handle.spec, signature.name, outputs)

    async def Classify(  # noqa: N802 - the proto's name
        self, request: classification_pb2.ClassificationRequest, context: "grpc.aio.ServicerContext"
    ) -> classification_pb2.ClassificationResponse:
        """Return classes with scores for each example."""
        async with _refusals(context):
            return await self._answer_one(request, CLASSIFY, classification_pb2.ClassificationResponse())

    async def Regress(  # noqa: N802 - the proto's name
        self, request: regression_pb2.RegressionRequest, context: "grpc.aio.ServicerContext"
    ) -> regression_pb2.RegressionResponse:
        """Return a number for each example."""
        async with _refusals(context):
            return await self._answer_one(request, REGRESS, regression_pb2.RegressionResponse())

    async def MultiInference(  # noqa: N802 - the proto's name
        self, request: inference_pb2.MultiInferenceRequest, context: "grpc.aio.ServicerContext"
    ) -> inference_pb2.MultiInferenceResponse:
        """Run several signatures of one version on the same examples."""
        async with _refusals(context):
            tasks = _read_tasks(request, self._data_plane.limits.max_tasks)
            async with self._data_plane.servable_handle(_named_spec(request.tasks[0])) as handle:
                results = await self._infer(handle, tasks, request)
                response = inference_pb2.MultiInferenceResponse()
                for task, result in zip(tasks, results, strict=True):
                    entry = response.results.add()
                    _fill_spec(entry.model_spec, handle.spec, task.signature_name)
                    field = "classification_result" if task.method == CLASSIFY else "regression_result"
                    getattr(entry, field).CopyFrom(result)
                return response

    async def GetModelMetadata(  # noqa: N802 - the proto's name
        self, request: get_model_metadata_pb2.GetModelMetadataRequest, context: "grpc.aio.ServicerContext"
    ) -> get_model_metadata_pb2.GetModelMetadataResponse:
        """Return a version's signatures."""
        async with _refusals(context):
            spec = _named_spec(request)
            _check_fields(request.metadata_field)
            async with self._data_plane.servable_handle(spec) as handle:
                response = get_model_metadata_pb2.GetModelMetadataResponse()
                _fill_spec(response.model_spec, handle.spec, "")
                signatures = get_model_metadata_pb2.SignatureDefMap(signature_def=handle.model.signature_defs)
                response.metadata[SIGNATURES].Pack(signatures)
                return response

    async def _answer_one(self, request: Any, method: str, response: Any) -> Any:
        """Fill the response of Classify or Regress, which have the same fields."""
        task = Task(method, request.model_spec.signature_name or DEFAULT_SIGNATURE)
        async with self._data_plane.servable_handle(_named_spec(request)) as handle:
            (result,) = await self._infer(handle, [task], request)
            response.result.CopyFrom(result)
            _fill_spec(response.model_spec, handle.spec, task.signature_name)
            return response

    async def _infer(self, handle: ServableHandle, tasks: list[Task], request: Any) -> list[Any]:
        size = request.ByteSize()
        limit = self._data_plane.limits.max_uncompressed_bytes
        examples = await self._data_plane.convert(size, read_examples, request.input, limit)
        results = await self._data_plane.infer(handle, tasks, examples)
        return [await self._data_plane.convert(size, _write_result, result) for result in results]


class ModelService(model_service_pb2_grpc.ModelServiceServicer):  # type: ignore[misc]
    """Answers GetModelStatus and takes new configs."""

    def __init__(self, data_plane: DataPlane, manager: ModelManager, reload_guard: ReloadGuard) -> None:
        self._data_plane = data_plane
        self._manager = manager
        self._reload_guard = reload_guard

    async def GetModelStatus(  # noqa: N802 - the proto's name
        self, request: get_model_status_pb2.GetModelStatusRequest, context: "grpc.aio.ServicerContext"
    ) -> get_model_status_pb2.GetModelStatusResponse:
        """Return the state of a version, or of all versions of a model."""
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
            config = read_config(request.config)
            for model in config.models:  # in a thread, for it looks at the disk
                await asyncio.to_thread(self._reload_guard.check_base_path, model.name, model.base_path)
            missing = await self._manager.apply(config)
            if missing:
                raise ModelsUnavailableError(
                    f"{len(missing)} model(s) did not become available: {', '.join(missing)}; their status says why"
                )
            return model_management_pb2.ReloadConfigResponse()


def _write_outputs(spec: ModelSpec, signature_name: str, outputs: Arrays) -> predict_pb2.PredictResponse:
    response = predict_pb2.PredictResponse()
    _fill_spec(response.model_spec, spec, signature_name)
    for name, array in outputs.items():
        response.outputs[name].CopyFrom(write_tensor(name, array))
    return response


def _write_result(result: Result) -> Any:
    return write_classifications(result) if isinstance(result, Classifications) else write_regressions(result)


def _read_tasks(request: inference_pb2.MultiInferenceRequest, most: int) -> list[Task]:
    """Read the tasks of MultiInference, which must name the same version, and a different signature each."""
    if not request.tasks:
        raise InvalidRequestError("the request has no tasks; give one per signature")
    if most and len(request.tasks) > most:
        raise InvalidRequestError(
            f"the request has {len(request.tasks)} tasks; at most {most} are taken (--max_tasks): send fewer at a time"
        )
    specs = {_named_spec(task) for task in request.tasks}
    if len(specs) > 1:
        raise InvalidRequestError(
            "All ModelSpecs in a MultiInferenceRequest must access the same model name and version; "
            f"got {', '.join(sorted(map(str, specs))[:5])}"
        )
    tasks = [Task(task.method_name, task.model_spec.signature_name or DEFAULT_SIGNATURE) for task in request.tasks]
    twice = first_repeated(task.signature_name for task in tasks)
    if twice is not None:
        raise InvalidRequestError(f"Duplicate evaluation of signature: {twice}")
    return tasks


def _check_fields(fields: Sequence[str]) -> None:
    if not fields:
        raise InvalidRequestError(
            f"GetModelMetadataRequest must specify at least one metadata_field; allowed: {SIGNATURES}"
        )
    unknown = [field for field in fields if field != SIGNATURES]
    if unknown:
        raise InvalidRequestError(f"Metadata field {unknown[0]} is not supported; allowed: {SIGNATURES}")


def _fill_spec(proto: model_pb2.ModelSpec, spec: ModelSpec, signature_name: str) -> None:
    proto.name = spec.name
    proto.version.value = spec.version
    proto.signature_name = signature_name
