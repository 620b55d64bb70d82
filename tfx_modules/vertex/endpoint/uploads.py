"""What a version is uploaded with, and its name in Vertex AI."""

import hashlib

from google.cloud import aiplatform_v1 as api
from google.protobuf.json_format import MessageToJson

from tfx_modules.serving.vertex.container import DIGEST, MODULE, NAME, PORT, VERSION
from tfx_modules.vertex.endpoint.options import Destination
from tfx_modules.vertex.endpoint.steps import ServedVersion

_SHOWN = 8
_PROBE_SECONDS = 5
_PROBES = 240


def alias_of(where: Destination, version: ServedVersion) -> str:
    """Return a version's name: its number, its files, and what is to serve them.

    The last part is of the model's id, the address, and all that a container is started with. So a corrected image
    is uploaded and deployed anew, and what is the same is uploaded once.
    """
    spec = MessageToJson(api.ModelContainerSpec.pb(container(where, version)), sort_keys=True)
    text = "\n".join((where.model_id, address_of(where, version), spec))
    return f"{version.files}-{hashlib.sha256(text.encode()).hexdigest()[:_SHOWN]}"


def model_of(where: Destination, version: ServedVersion, owner: tuple[str, str]) -> api.Model:
    """Return what is uploaded.

    Args:
        where: what versions are served by.
        version: which one.
        owner: a label and its value.
    """
    return api.Model(
        display_name=where.pipeline,
        version_aliases=[alias_of(where, version)],
        version_description=f"Version {version.number} of {where.pipeline}, digest {version.digest}",
        labels=dict([owner]),
        artifact_uri=address_of(where, version),
        container_spec=container(where, version),
    )


def address_of(where: Destination, version: ServedVersion) -> str:
    """Return where the copy of a version is that is uploaded."""
    return f"{where.artifacts}/{version.number}"


def container(where: Destination, version: ServedVersion) -> api.ModelContainerSpec:
    """Return what a version's containers are started with."""
    values = {NAME: where.pipeline, VERSION: str(version.number), DIGEST: version.digest}
    route = f"/v1/models/{where.pipeline}"
    # Unlike the model's status, it is an error until the version can be asked.
    health_route = f"{route}/metadata"
    return api.ModelContainerSpec(
        image_uri=where.image,
        command=["python", "-m", MODULE],
        env=[api.EnvVar(name=name, value=value) for name, value in values.items()],
        ports=[api.Port(container_port=PORT)],
        predict_route=f"{route}:predict",
        health_route=health_route,
        # Without it, a container that fetches its model for more than 40 s would be started anew.
        startup_probe=api.Probe(
            http_get=api.Probe.HttpGetAction(path=health_route, port=PORT),
            period_seconds=_PROBE_SECONDS,
            timeout_seconds=2 * _PROBE_SECONDS,
            failure_threshold=_PROBES,
        ),
    )
