"""Gives a job service the files that a pipeline names, and no others."""

from collections.abc import Iterator
from typing import Any

import grpc
from apache_beam.portability.api import beam_artifact_api_pb2, beam_artifact_api_pb2_grpc, beam_runner_api_pb2
from apache_beam.runners.portability import artifact_service

from tfx_modules.exceptions import BeamServerError


class PipelineArtifacts(artifact_service.ArtifactRetrievalService):  # type: ignore[misc]
    """Reads the artifacts of one pipeline. Beam's own reads any file, and any URL, that it is asked for."""

    def __init__(self, pipeline: beam_runner_api_pb2.Pipeline) -> None:
        """Take the pipeline, whose environments name the artifacts."""
        super().__init__(artifact_service.BeamFilesystemHandler(None).file_reader)
        self._known = {
            (artifact.type_urn, artifact.type_payload)
            for environment in pipeline.components.environments.values()
            for artifact in environment.dependencies
        }

    def GetArtifact(  # noqa: N802 - Beam's name
        self, request: beam_artifact_api_pb2.GetArtifactRequest, context: Any = None
    ) -> Iterator[beam_artifact_api_pb2.GetArtifactResponse]:
        """Yield an artifact's content in parts.

        Raises:
            BeamServerError: it is none of the pipeline's.
        """
        artifact = request.artifact
        if (artifact.type_urn, artifact.type_payload) not in self._known:
            raise BeamServerError(
                f"Beam's job service asked for {artifact.type_payload[:200]!r} ({artifact.type_urn}), which is "
                "no artifact of the pipeline; allowed: those that its environments name. Find out who runs the service."
            )
        yield from super().GetArtifact(request, context)


def stage(
    handle: Any, pipeline: beam_runner_api_pb2.Pipeline, artifact_staging_endpoint: str, staging_session_token: str
) -> None:
    """Stage a pipeline's artifacts: Beam's ``JobServiceHandle.stage``, with ``PipelineArtifacts``."""
    del handle
    if not artifact_staging_endpoint:
        return
    with grpc.insecure_channel(artifact_staging_endpoint) as channel:
        artifact_service.offer_artifacts(
            beam_artifact_api_pb2_grpc.ArtifactStagingServiceStub(channel),
            PipelineArtifacts(pipeline),
            staging_session_token,
        )
