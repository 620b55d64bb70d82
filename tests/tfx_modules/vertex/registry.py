"""Models and endpoints of a stand-in for Vertex AI's API: the published messages, and the rules that they document.

It keeps what is uploaded and deployed, and starts no container. Operations take as many looks as a test says, and
change something when they end.
"""

import datetime as dt
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import grpc
from google.cloud import aiplatform_v1 as api
from google.longrunning import operations_pb2
from google.protobuf import any_pb2
from google.rpc import status_pb2

PROJECT = "my-project"
PARENT = f"projects/{PROJECT}/locations/europe-west4"
NUMBER = "12345"
OWN_NAME = f"projects/{NUMBER}/locations/europe-west4"
"""How the API names what is in PARENT."""
ENDPOINT = f"{OWN_NAME}/endpoints/7001"

_ALIAS = re.compile(r"[a-z][a-zA-Z0-9-]{0,126}[a-z0-9]")
_MODEL_ID = re.compile(r"[a-z_][a-z0-9_-]{0,62}")
_IMAGE = re.compile(r"([a-z0-9-]+-docker\.pkg\.dev|([a-z]+\.)?gcr\.io)/\S+")
_DEPLOYMENT_ID = re.compile(r"[0-9]{1,10}")
_INVALID = grpc.StatusCode.INVALID_ARGUMENT

Authenticate = Callable[[grpc.ServicerContext, str], None]


@dataclass
class _Operation:
    """What takes some looks."""

    left: int
    now: operations_pb2.Operation
    end: Callable[[], operations_pb2.Operation]

    def look(self) -> operations_pb2.Operation:
        if not self.now.done:
            self.left -= 1
            if self.left < 0:
                self.now = self.end()
        return self.now


@dataclass
class Registry:
    """What was uploaded and deployed, and what the stand-in was asked for."""

    models: dict[str, list[api.Model]] = field(default_factory=dict)
    """Versions by the model's name."""
    endpoint: api.Endpoint = field(default_factory=api.Endpoint)
    changes: list[tuple[str, Any]] = field(default_factory=list)
    """Method and request of whatever was to change something."""
    looks: int = 0
    """So many looks at an operation find it unfinished."""
    refuses_changes_meanwhile: bool = False
    """Whether traffic cannot be moved while an operation runs."""
    shows_early: bool = False
    """Whether the endpoint shows what is still being deployed."""
    failure: str = ""
    """Operations end with this error; empty: with none."""
    at_change: dict[str, Callable[[], Any]] = field(default_factory=dict)
    """By method: is called once, before the change."""
    after_read: Callable[[], Any] | None = None
    """Is called once, when the endpoint was read."""
    _operations: dict[str, _Operation] = field(default_factory=dict)
    _unready: set[str] = field(default_factory=set)

    def clear(self) -> None:
        """Forget all; an empty endpoint is there."""
        self.__init__()  # type: ignore[misc]
        self.endpoint = api.Endpoint(name=ENDPOINT, display_name="reviews", etag="1")

    @property
    def is_busy(self) -> bool:
        """Whether an operation runs."""
        return any(not item.now.done for item in self._operations.values())

    @property
    def traffic(self) -> dict[str, int]:
        """Percent by the display name of what is deployed."""
        names = {item.id: item.display_name for item in self.endpoint.deployed_models}
        return {names[id_]: percent for id_, percent in self.endpoint.traffic_split.items()}

    @property
    def deployed(self) -> list[str]:
        """The display names of what is deployed."""
        return [item.display_name for item in self.endpoint.deployed_models]

    def upload(self, request: api.UploadModelRequest, context: grpc.ServicerContext) -> operations_pb2.Operation:
        self._note("UploadModel", request)
        if request.parent != PARENT:
            context.abort(grpc.StatusCode.PERMISSION_DENIED, f"no access to {request.parent}")
        model = request.model
        _require(context, bool(model.display_name) and len(model.display_name) <= 128, "model.display_name")
        _require(context, model.artifact_uri.startswith("gs://"), "model.artifact_uri")
        _require(context, bool(_IMAGE.fullmatch(model.container_spec.image_uri)), "model.container_spec.image_uri")
        _require(context, all(map(_ALIAS.fullmatch, model.version_aliases)), "model.version_aliases")
        if request.parent_model:
            name = request.parent_model.replace(PROJECT, NUMBER)
            if name not in self.models:
                context.abort(grpc.StatusCode.NOT_FOUND, f"there is no model {name}")
        else:
            _require(context, bool(_MODEL_ID.fullmatch(request.model_id)), "model_id")
            name = f"{OWN_NAME}/models/{request.model_id}"
            if name in self.models:
                context.abort(grpc.StatusCode.ALREADY_EXISTS, f"there is a model {name}")

        def end() -> api.UploadModelResponse:
            versions = self.models.setdefault(name, [])
            model.name, model.version_id = name, str(len(versions) + 1)
            for other in versions:  # an alias is of one version
                other.version_aliases = [item for item in other.version_aliases if item not in model.version_aliases]
            versions.append(model)
            return api.UploadModelResponse(model=name, model_version_id=model.version_id)

        return self._operation(name, api.UploadModelOperationMetadata, end)

    def model(self, request: api.GetModelRequest, context: grpc.ServicerContext) -> api.Model:
        return self._find(request.name, context)

    def get_endpoint(self, request: api.GetEndpointRequest, context: grpc.ServicerContext) -> api.Endpoint:
        found = api.Endpoint(self._endpoint(request.name, context))
        act, self.after_read = self.after_read, None
        if act:
            act()
        return found

    def deploy(self, request: api.DeployModelRequest, context: grpc.ServicerContext) -> operations_pb2.Operation:
        self._note("DeployModel", request)
        endpoint, asked = self._endpoint(request.endpoint, context), request.deployed_model
        model = self._find(asked.model, context)
        resources = asked.dedicated_resources
        _require(context, bool(resources.machine_spec.machine_type), "dedicated_resources.machine_spec")
        _require(context, 1 <= resources.min_replica_count <= resources.max_replica_count, "min_replica_count")
        _require(context, len(asked.display_name) <= 128, "display_name")
        _require(context, not request.traffic_split, "no traffic before the version is known to be in service")
        _require(context, bool(_DEPLOYMENT_ID.fullmatch(asked.id)), "deployed_model.id")
        if asked.id in self._unready | {item.id for item in endpoint.deployed_models}:
            context.abort(grpc.StatusCode.ALREADY_EXISTS, f"there is a deployment {asked.id}")
        asked.model, asked.model_version_id = model.name, model.version_id
        asked.create_time = dt.datetime.now(dt.UTC)
        self._unready.add(asked.id)
        if self.shows_early:
            endpoint.deployed_models.append(asked)

        def end() -> api.DeployModelResponse:
            self._unready.discard(asked.id)
            self._set([*(item for item in endpoint.deployed_models if item.id != asked.id), asked])
            return api.DeployModelResponse(deployed_model=asked)

        return self._operation(ENDPOINT, api.DeployModelOperationMetadata, end, lambda: self._unready.discard(asked.id))

    def update(self, request: api.UpdateEndpointRequest, context: grpc.ServicerContext) -> api.Endpoint:
        self._note("UpdateEndpoint", request)
        endpoint, asked = self._endpoint(request.endpoint.name, context), request.endpoint
        _require(context, list(request.update_mask.paths) == ["traffic_split"], "update_mask")
        if self.refuses_changes_meanwhile and self.is_busy:
            context.abort(grpc.StatusCode.FAILED_PRECONDITION, "the endpoint is being changed")
        if asked.etag != endpoint.etag:
            context.abort(grpc.StatusCode.ABORTED, "the endpoint was changed meanwhile (etag)")
        _require(context, sum(asked.traffic_split.values()) == 100, "traffic_split")
        _require(context, set(asked.traffic_split) <= {item.id for item in endpoint.deployed_models}, "traffic_split")
        _require(context, not set(asked.traffic_split) & self._unready, "traffic to what is not ready")
        endpoint.traffic_split = dict(asked.traffic_split)
        endpoint.etag = str(int(endpoint.etag) + 1)
        return endpoint

    def undeploy(self, request: api.UndeployModelRequest, context: grpc.ServicerContext) -> operations_pb2.Operation:
        self._note("UndeployModel", request)
        endpoint = self._endpoint(request.endpoint, context)
        if endpoint.traffic_split.get(request.deployed_model_id):
            context.abort(grpc.StatusCode.FAILED_PRECONDITION, "it has traffic")
        known = {item.id for item in endpoint.deployed_models} - self._unready
        _require(context, request.deployed_model_id in known, "deployed_model_id")
        self._unready.add(request.deployed_model_id)

        def end() -> api.UndeployModelResponse:
            self._unready.discard(request.deployed_model_id)
            self._set([item for item in endpoint.deployed_models if item.id != request.deployed_model_id])
            return api.UndeployModelResponse()

        return self._operation(ENDPOINT, api.UndeployModelOperationMetadata, end)

    def operation(
        self, request: operations_pb2.GetOperationRequest, context: grpc.ServicerContext
    ) -> operations_pb2.Operation:
        if request.name not in self._operations:
            context.abort(grpc.StatusCode.NOT_FOUND, f"there is no operation {request.name}")
        return self._operations[request.name].look()

    def operations(
        self, request: operations_pb2.ListOperationsRequest, context: grpc.ServicerContext
    ) -> operations_pb2.ListOperationsResponse:
        """One a page."""
        name = request.name.replace(PROJECT, NUMBER)
        if "/endpoints/" in name:
            self._endpoint(request.name, context)
        found = [item for key, item in self._operations.items() if key.startswith(f"{name}/operations/")]
        if not found and "/models/" in name and name not in self.models:
            context.abort(grpc.StatusCode.NOT_FOUND, f"there is no {name}")
        place = int(request.page_token or 0)
        return operations_pb2.ListOperationsResponse(
            operations=[item.look() for item in found[place : place + 1]],
            next_page_token=str(place + 1) if place + 1 < len(found) else "",
        )

    def handlers(self, authenticate: Authenticate) -> Iterator[grpc.GenericRpcHandler]:
        """What a gRPC server calls; each call is looked at before it is answered."""
        endpoint, parent = "endpoint={0.endpoint}", "parent={0.parent}"
        services: dict[str, dict[str, tuple[Any, Any, Any, str]]] = {
            "google.cloud.aiplatform.v1.ModelService": {
                "UploadModel": (self.upload, api.UploadModelRequest.deserialize, _written, parent),
                "GetModel": (self.model, api.GetModelRequest.deserialize, api.Model.serialize, "name={0.name}"),
            },
            "google.cloud.aiplatform.v1.EndpointService": {
                "GetEndpoint": (
                    self.get_endpoint,
                    api.GetEndpointRequest.deserialize,
                    api.Endpoint.serialize,
                    "name={0.name}",
                ),
                "DeployModel": (self.deploy, api.DeployModelRequest.deserialize, _written, endpoint),
                "UndeployModel": (self.undeploy, api.UndeployModelRequest.deserialize, _written, endpoint),
                "UpdateEndpoint": (
                    self.update,
                    api.UpdateEndpointRequest.deserialize,
                    api.Endpoint.serialize,
                    "endpoint.name={0.endpoint.name}",
                ),
            },
            "google.longrunning.Operations": {
                "GetOperation": (
                    self.operation,
                    operations_pb2.GetOperationRequest.FromString,
                    _written,
                    "name={0.name}",
                ),
                "ListOperations": (
                    self.operations,
                    operations_pb2.ListOperationsRequest.FromString,
                    _written,
                    "name={0.name}",
                ),
            },
        }
        for service, methods in services.items():
            yield grpc.method_handlers_generic_handler(
                service, {name: _handler(authenticate, *method) for name, method in methods.items()}
            )

    def _note(self, method: str, request: Any) -> None:
        self.changes.append((method, request))
        if act := self.at_change.pop(method, None):
            act()

    def _endpoint(self, name: str, context: grpc.ServicerContext) -> api.Endpoint:
        if name.replace(PROJECT, NUMBER) != ENDPOINT:
            context.abort(grpc.StatusCode.NOT_FOUND, f"there is no endpoint {name}")
        return self.endpoint

    def _find(self, name: str, context: grpc.ServicerContext) -> api.Model:
        name, _, version = name.replace(PROJECT, NUMBER).partition("@")
        for model in self.models.get(name, []):
            if version in ("", model.version_id, *model.version_aliases):
                return model
        context.abort(grpc.StatusCode.NOT_FOUND, f"there is no model {name}@{version}")
        raise AssertionError

    def _set(self, deployed: list[api.DeployedModel]) -> None:
        self.endpoint.deployed_models = deployed
        self.endpoint.etag = str(int(self.endpoint.etag) + 1)

    def _operation(
        self, owner: str, kind: Any, end: Callable[[], Any], failed: Callable[[], Any] = lambda: None
    ) -> operations_pb2.Operation:
        name = f"{owner}/operations/{len(self._operations) + 1}"
        failure, metadata = self.failure, any_pb2.Any()
        metadata.Pack(kind.pb(kind(generic_metadata={"create_time": dt.datetime.now(dt.UTC)})))

        def finished() -> operations_pb2.Operation:
            done = operations_pb2.Operation(name=name, done=True, metadata=metadata)
            if failure:
                failed()
                done.error.CopyFrom(status_pb2.Status(code=9, message=failure))
            else:
                answer = end()
                done.response.Pack(type(answer).pb(answer))
            return done

        begun = _Operation(self.looks, operations_pb2.Operation(name=name, metadata=metadata), finished)
        self._operations[name] = begun
        return begun.look()


def _require(context: grpc.ServicerContext, is_good: bool, what: str) -> None:
    if not is_good:
        context.abort(_INVALID, f"{what} is required, or is not as documented")


def _written(message: Any) -> bytes:
    return bytes(message.SerializeToString())


def _handler(authenticate: Authenticate, answer: Any, read: Any, write: Any, route: str) -> grpc.RpcMethodHandler:
    def call(request: Any, context: grpc.ServicerContext) -> Any:
        authenticate(context, route.format(request))
        return answer(request, context)

    return grpc.unary_unary_rpc_method_handler(call, read, write)
