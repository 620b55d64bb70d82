"""Asks Vertex AI's API for models and endpoints: uploads, deploys, moves traffic, undeploys.

What takes minutes is begun, and not waited for.
"""

import hashlib
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from google.api_core.client_options import ClientOptions
from google.api_core.exceptions import Aborted, FailedPrecondition, NotFound
from google.api_core.retry import Retry
from google.cloud import aiplatform_v1 as api
from google.longrunning import operations_pb2
from google.protobuf.field_mask_pb2 import FieldMask

from tfx_modules.exceptions import EndpointBusyError, VertexError, VertexRefusalError
from tfx_modules.vertex.endpoint.operations import Begun, is_ready, is_upload
from tfx_modules.vertex.endpoint.options import Destination
from tfx_modules.vertex.endpoint.steps import WHOLE, Deployment, ServedVersion
from tfx_modules.vertex.endpoint.uploads import alias_of, model_of
from tfx_modules.vertex.errors import ANSWER_SECONDS, PASSING, PATIENCE_SECONDS, telling

OWNER = "bert-service-environment"
"""Label of the models that this command uploads: the id of the ledger that it follows."""
_DISPLAY_NAME = re.compile(r".* (v\d+-[0-9a-f]+-[0-9a-f]+) \(bert-service .*\)")
_IDS = 10**9
_PAGE = 100
_READ = Retry(predicate=PASSING, timeout=PATIENCE_SECONDS)
_ADVICE = "Look at project, region, endpoint and image, and whether you may change models and endpoints there."


@dataclass(frozen=True)
class Look:
    """What an endpoint was like when it was read."""

    deployments: list[Deployment]
    etag: str
    """With it, Vertex AI refuses a change where somebody else has made one since."""
    running: list[str]
    """The names of operations that have not ended."""


class EndpointService:
    """One endpoint, and the one model whose versions this command deploys to it.

    Args:
        destination: which, and what versions are served by.
        host: the API's host, and a port where it is not 443.
        owner: the id of the ledger that the endpoint follows.

    Raises:
        VertexError: there are no credentials.
    """

    def __init__(self, destination: Destination, host: str, owner: str) -> None:
        self._destination = destination
        self._host = host
        self._owner = owner
        options = ClientOptions(api_endpoint=host)
        with self._telling():
            self._models = api.ModelServiceClient(client_options=options)
            self._endpoints = api.EndpointServiceClient(client_options=options)

    def look(self, begun: Begun | None) -> Look:
        """Return what is deployed, and what runs.

        Args:
            begun: what this process has begun, and has not ended.

        Raises:
            VertexError: there is no such endpoint, or the API cannot be asked.
        """
        # Operations first: one that ends in between is waited for once more, and never overlooked.
        name = self._destination.endpoint_name
        own = [] if begun is None else [begun.name]
        others = [item for item in self._running(name) if item.name not in own]
        with self._telling():
            found = self._endpoints.get_endpoint(name=name, retry=_READ, timeout=ANSWER_SECONDS)
        deployments = []
        for item in found.deployed_models:
            traffic = found.traffic_split.get(item.id, 0)
            ready = is_ready(item, traffic, begun, others)
            deployments.append(Deployment(item.id, self._alias_of(item), traffic, ready))
        return Look(deployments, found.etag, [*own, *(item.name for item in others)])

    def uploads(self) -> list[str]:
        """Return the names of uploads that have not ended, which an earlier pass has begun.

        Raises:
            VertexError: the API cannot be asked.
        """
        try:
            return [item.name for item in self._running(self._destination.model_name) if is_upload(item)]
        except VertexError as error:
            if isinstance(error.__cause__, NotFound):  # a model that was never uploaded
                return []
            raise

    def has_ended(self, begun: Begun) -> bool:
        """Return whether what this process has begun is done.

        Raises:
            VertexError: it has failed, or the API cannot be asked.
        """
        with self._telling():
            if not begun.operation.done(retry=_READ):
                return False
            begun.operation.result()
        return True

    def alias(self, version: ServedVersion) -> str:
        """Return a version's name in Vertex AI, which changes with its files and with what is to serve them."""
        return alias_of(self._destination, version)

    def is_uploaded(self, version: ServedVersion) -> bool:
        """Return whether the registry has a version with the same files, address, image and container.

        Raises:
            VertexError: the model of the registry is somebody else's, or the API cannot be asked.
        """
        name = self._destination.model_name
        return self._owned_model(name) and self._model(f"{name}@{self.alias(version)}") is not None

    def upload(self, version: ServedVersion) -> Begun:
        """Begin to upload a version.

        Raises:
            VertexError: the API refuses, or cannot be asked.
        """
        where = self._destination
        model = model_of(where, version, (OWNER, self._owner))
        request = api.UploadModelRequest(parent=where.parent, model=model)
        if self._owned_model(where.model_name):
            request.parent_model = where.model_name
        else:
            request.model_id = where.model_id
        with self._telling():
            return Begun(self._models.upload_model(request=request, timeout=ANSWER_SECONDS))

    def deploy(self, version: ServedVersion) -> Begun:
        """Begin to deploy an uploaded version without traffic; that ends when it answers.

        Its id is that of its name, so that the same is not deployed twice.

        Raises:
            VertexError: as for :meth:`upload`.
        """
        where = self._destination
        name = self._display_name(self.alias(version))
        deployed = api.DeployedModel(
            id=_id_of(name),
            model=f"{where.model_name}@{self.alias(version)}",
            display_name=name,
            service_account=where.service_account,
            dedicated_resources=api.DedicatedResources(
                machine_spec=api.MachineSpec(machine_type=where.machine),
                min_replica_count=where.min_replicas,
                max_replica_count=where.max_replicas,
            ),
        )
        request = api.DeployModelRequest(endpoint=where.endpoint_name, deployed_model=deployed)
        with self._telling():
            return Begun(self._endpoints.deploy_model(request=request, timeout=ANSWER_SECONDS), deployed.id)

    def move_traffic(self, deployment: str, etag: str) -> None:
        """Send all traffic to a deployment, unless somebody else has changed the endpoint since it was read.

        Args:
            deployment: its id.
            etag: the endpoint's when it was read.

        Raises:
            EndpointBusyError: somebody has, or Vertex AI takes no change while it makes another one.
            VertexError: as for :meth:`upload`.
        """
        changed = api.Endpoint(name=self._destination.endpoint_name, etag=etag, traffic_split={deployment: WHOLE})
        request = api.UpdateEndpointRequest(endpoint=changed, update_mask=FieldMask(paths=["traffic_split"]))
        try:
            with self._telling():
                self._endpoints.update_endpoint(request=request, timeout=ANSWER_SECONDS)
        except VertexError as error:
            if isinstance(error.__cause__, Aborted | FailedPrecondition):
                raise EndpointBusyError(str(error)) from error
            raise

    def undeploy(self, deployment: str) -> Begun:
        """Begin to undeploy what has no traffic. Vertex AI refuses it for what has.

        Raises:
            VertexError: as for :meth:`upload`.
        """
        request = api.UndeployModelRequest(endpoint=self._destination.endpoint_name, deployed_model_id=deployment)
        with self._telling():
            return Begun(self._endpoints.undeploy_model(request=request, timeout=ANSWER_SECONDS), deployment)

    def _running(self, name: str) -> list[operations_pb2.Operation]:
        """Return the operations of a model or an endpoint that have not ended."""
        found: list[operations_pb2.Operation] = []
        request = operations_pb2.ListOperationsRequest(name=name, page_size=_PAGE)
        while True:
            with self._telling():
                page = self._endpoints.list_operations(request=request, retry=_READ, timeout=ANSWER_SECONDS)
            found += [item for item in page.operations if not item.done]
            if not page.next_page_token:
                return found
            request.page_token = page.next_page_token

    def _model(self, name: str) -> api.Model | None:
        with self._telling():
            try:
                return self._models.get_model(name=name, retry=_READ, timeout=ANSWER_SECONDS)
            except NotFound:
                return None

    def _owned_model(self, name: str) -> bool:
        """Return whether the model is there; one of others is an error."""
        model = self._model(name)
        if model is None:
            return False
        if (owner := model.labels.get(OWNER, "")) != self._owner:
            raise VertexRefusalError(
                f"{name} is a model with the label {OWNER}={owner or 'none'}; allowed: one that this command has made "
                f"for the ledger with the id {self._owner}, or an id that is free. Name another --model-id."
            )
        return True

    def _alias_of(self, deployed: api.DeployedModel) -> str:
        """Return the alias of a version that this command has deployed; empty: somebody else did."""
        # Not by the model that it is of: that is another one after a change of --model-id.
        found = _DISPLAY_NAME.fullmatch(deployed.display_name)
        return found[1] if found and self._display_name(found[1]) == deployed.display_name else ""

    def _display_name(self, alias: str) -> str:
        return f"{self._destination.pipeline} {alias} (bert-service {self._owner[:8]})"

    @contextmanager
    def _telling(self) -> Iterator[None]:
        with telling(self._host, _ADVICE):
            yield


def _id_of(name: str) -> str:
    """Return the id of a deployment by its name: ten digits, as many as Vertex AI takes."""
    return str(_IDS + int(hashlib.sha256(name.encode()).hexdigest(), 16) % (9 * _IDS))
