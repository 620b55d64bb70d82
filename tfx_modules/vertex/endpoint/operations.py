"""What Vertex AI works on for minutes: its long-running operations, those of earlier passes too. Asks nobody."""

import datetime as dt
from collections.abc import Iterable
from dataclasses import dataclass

from google.api_core.operation import Operation
from google.cloud import aiplatform_v1 as api
from google.longrunning.operations_pb2 import Operation as Listed

_DEPLOYING = api.DeployModelOperationMetadata.pb()
_UPLOADING = api.UploadModelOperationMetadata.pb()
_APART = dt.timedelta(minutes=1)
"""A deployment that is made by an operation may be some moments older than that."""


@dataclass(frozen=True)
class Begun:
    """An operation that this process has begun."""

    operation: Operation
    deployment: str = ""
    """The id of what it deploys or undeploys; empty: it uploads."""

    @property
    def name(self) -> str:
        """The operation's."""
        return str(self.operation.operation.name)


def is_upload(operation: Listed) -> bool:
    """Return whether an operation uploads a model."""
    return bool(operation.metadata.Is(_UPLOADING.DESCRIPTOR))


def is_ready(deployed: api.DeployedModel, traffic: int, begun: Begun | None, others: Iterable[Listed]) -> bool:
    """Return whether a deployment can get traffic.

    Vertex AI does not tell which deployment an operation is about. So while somebody else's runs, a deployment is
    ready that has traffic, or was there before all that is being deployed. While somebody else undeploys, one that has
    no traffic is not: it may be that one.

    Args:
        deployed: the deployment.
        traffic: its percent.
        begun: what this process has begun, and has not ended.
        others: the endpoint's other operations that have not ended.
    """
    if begun is not None and begun.deployment == deployed.id:
        return False
    return traffic > 0 or all(_was_before(deployed, operation) for operation in others)


def _was_before(deployed: api.DeployedModel, operation: Listed) -> bool:
    if not operation.metadata.Is(_DEPLOYING.DESCRIPTOR):
        return False
    found = api.DeployModelOperationMetadata.deserialize(operation.metadata.value)
    made, began = deployed.create_time, found.generic_metadata.create_time
    return bool(made and began and made + _APART < began)
