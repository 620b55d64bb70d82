"""Asks Vertex AI's API for models and endpoints: uploads, deploys, moves traffic, undeploys."""

import re
from collections.abc import Iterator
from contextlib import contextmanager

from google.api_core.client_options import ClientOptions
from google.api_core.exceptions import NotFound
from google.api_core.operation import Operation
from google.api_core.retry import Retry
from google.cloud import aiplatform_v1 as api
from google.protobuf.field_mask_pb2 import FieldMask

from tfx_modules.exceptions import VertexError
from tfx_modules.vertex.endpoint.options import Destination
from tfx_modules.vertex.endpoint.steps import WHOLE, Deployment, ServedVersion
from tfx_modules.vertex.endpoint.uploads import alias_of, model_of
from tfx_modules.vertex.errors import ANSWER_SECONDS, PASSING, PATIENCE_SECONDS, telling

OWNER = "bert-service-environment"
"""Label of the models that this command uploads: the id of the ledger that it follows."""
_DISPLAY_NAME = re.compile(r".* (v\d+-[0-9a-f]+-[0-9a-f]+) \(bert-service .*\)")
_OPERATION_SECONDS = 7200.0
"""The longest that Vertex AI gives a deployment."""
_READ = Retry(predicate=PASSING, timeout=PATIENCE_SECONDS)
_ADVICE = "Look at project, region, endpoint and image, and whether you may change models and endpoints there."


class EndpointService:
    """One endpoint, and the one model whose versions this command deploys to it.

    Args:
        destination: which, and what versions are served by.
        host: the API's host, and a port where it is not 443.
        owner: the id of the ledger that the endpoint follows.
        patience: seconds that an upload or a deployment may take.

    Raises:
        VertexError: there are no credentials.
    """

    def __init__(self, destination: Destination, host: str, owner: str, patience: float = _OPERATION_SECONDS) -> None:
        self._destination = destination
        self._host = host
        self._owner = owner
        self._patience = patience
        options = ClientOptions(api_endpoint=host)
        with self._telling():
            self._models = api.ModelServiceClient(client_options=options)
            self._endpoints = api.EndpointServiceClient(client_options=options)

    def deployments(self) -> list[Deployment]:
        """Return what is deployed.

        Raises:
            VertexError: there is no such endpoint, or the API cannot be asked.
        """
        found = self._endpoint()
        return [
            Deployment(item.id, self._alias_of(item), found.traffic_split.get(item.id, 0))
            for item in found.deployed_models
        ]

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

    def upload(self, version: ServedVersion) -> None:
        """Upload a version, and wait until the registry has it.

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
            self._wait(self._models.upload_model(request=request, timeout=ANSWER_SECONDS))

    def deploy(self, version: ServedVersion) -> None:
        """Deploy an uploaded version without traffic, and wait until it answers.

        Raises:
            VertexError: as for :meth:`upload`.
        """
        where = self._destination
        deployed = api.DeployedModel(
            model=f"{where.model_name}@{self.alias(version)}",
            display_name=self._display_name(self.alias(version)),
            service_account=where.service_account,
            dedicated_resources=api.DedicatedResources(
                machine_spec=api.MachineSpec(machine_type=where.machine),
                min_replica_count=where.min_replicas,
                max_replica_count=where.max_replicas,
            ),
        )
        request = api.DeployModelRequest(endpoint=where.endpoint_name, deployed_model=deployed)
        with self._telling():
            self._wait(self._endpoints.deploy_model(request=request, timeout=ANSWER_SECONDS))

    def move_traffic(self, deployment: str) -> None:
        """Send all traffic to a deployment, unless somebody else changes the endpoint meanwhile.

        Raises:
            VertexError: as for :meth:`upload`.
        """
        found = self._endpoint()
        changed = api.Endpoint(name=found.name, etag=found.etag, traffic_split={deployment: WHOLE})
        request = api.UpdateEndpointRequest(endpoint=changed, update_mask=FieldMask(paths=["traffic_split"]))
        with self._telling():
            self._endpoints.update_endpoint(request=request, timeout=ANSWER_SECONDS)

    def undeploy(self, deployment: str) -> None:
        """Undeploy what has no traffic, and wait for that. Vertex AI refuses it for what has.

        Raises:
            VertexError: as for :meth:`upload`.
        """
        request = api.UndeployModelRequest(endpoint=self._destination.endpoint_name, deployed_model_id=deployment)
        with self._telling():
            self._wait(self._endpoints.undeploy_model(request=request, timeout=ANSWER_SECONDS))

    def _wait(self, operation: Operation) -> None:
        try:
            operation.result(timeout=self._patience, retry=_READ)
        except TimeoutError as error:
            raise VertexError(
                f"{operation.operation.name} at Vertex AI has not ended after {self._patience:g} s, and goes on. Look "
                "at model and endpoint in the console, and repeat the command when it has ended."
            ) from error

    def _endpoint(self) -> api.Endpoint:
        with self._telling():
            return self._endpoints.get_endpoint(
                name=self._destination.endpoint_name, retry=_READ, timeout=ANSWER_SECONDS
            )

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
            raise VertexError(
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
