"""A stand-in for Vertex AI's API on loopback: gRPC over TLS, with the API's published messages and service name.

It takes what a service account has signed, refuses what the API's reference calls required and is not there, keeps
jobs, and lets them go through the states that a test names. It runs no job.
"""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import grpc
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from google.auth import jwt
from google.cloud import aiplatform_v1
from google.rpc import status_pb2

from tests.tfx_modules.serving.certificates import Authority
from tests.tfx_modules.vertex.registry import NUMBER, PARENT, PROJECT, Registry

__all__ = ["PARENT", "PROJECT"]
CALLER = f"me@{PROJECT}.iam.gserviceaccount.com"
_SERVICE = "google.cloud.aiplatform.v1.PipelineService"
State = aiplatform_v1.PipelineState


@dataclass
class StandIn:
    """What tests ask of it, and what it was asked."""

    public_key: bytes
    environment: Mapping[str, str]
    """What callers need: its certificate, and credentials that it knows."""
    endpoint: str = ""
    states: Sequence[aiplatform_v1.PipelineState] = (State.PIPELINE_STATE_RUNNING, State.PIPELINE_STATE_SUCCEEDED)
    """Those that a job has at one look after another; the last one stays."""
    requests: list[aiplatform_v1.CreatePipelineJobRequest] = field(default_factory=list)
    jobs: dict[str, aiplatform_v1.PipelineJob] = field(default_factory=dict)
    looks: int = 0
    at_look: Callable[[grpc.ServicerContext], Any] | None = None
    """Is called when somebody looks at a job, before the answer."""
    registry: Registry = field(default_factory=Registry)
    """The models and endpoints."""

    def create(
        self, request: aiplatform_v1.CreatePipelineJobRequest, context: grpc.ServicerContext
    ) -> aiplatform_v1.PipelineJob:
        self.authenticate(context, f"parent={PARENT}")
        if request.parent != PARENT:
            context.abort(grpc.StatusCode.PERMISSION_DENIED, f"no access to {request.parent}")
        job = request.pipeline_job
        if not job.runtime_config.gcs_output_directory.startswith("gs://"):
            context.abort(grpc.StatusCode.INVALID_ARGUMENT, "runtime_config.gcs_output_directory is required")
        if "root" not in job.pipeline_spec or job.pipeline_spec["schemaVersion"] != "2.1.0":
            context.abort(grpc.StatusCode.INVALID_ARGUMENT, "pipeline_spec is none of schema 2.1.0")
        name = f"projects/{NUMBER}/locations/europe-west4/pipelineJobs/{request.pipeline_job_id}"
        if name in self.jobs:
            context.abort(grpc.StatusCode.ALREADY_EXISTS, f"there is a job {name}")
        self.requests.append(request)
        self.jobs[name] = aiplatform_v1.PipelineJob(name=name, state=State.PIPELINE_STATE_PENDING)
        return self.jobs[name]

    def get(
        self, request: aiplatform_v1.GetPipelineJobRequest, context: grpc.ServicerContext
    ) -> aiplatform_v1.PipelineJob:
        self.authenticate(context, f"name={request.name}")
        if request.name not in self.jobs:
            context.abort(grpc.StatusCode.NOT_FOUND, f"there is no job {request.name}")
        if self.at_look:
            self.at_look(context)
        job = self.jobs[request.name]
        job.state = self.states[min(self.looks, len(self.states) - 1)]
        self.looks += 1
        if job.state == State.PIPELINE_STATE_FAILED:
            job.error = status_pb2.Status(message="the pipeline failed")
            detail = aiplatform_v1.PipelineTaskDetail(
                task_name="data-gate",
                state=aiplatform_v1.PipelineTaskDetail.State.FAILED,
                error=status_pb2.Status(message="blocked: too few rows"),
            )
            job.job_detail = aiplatform_v1.PipelineJobDetail(task_details=[detail])
        return job

    def authenticate(self, context: grpc.ServicerContext, route: str) -> None:
        metadata = dict(context.invocation_metadata())
        token = metadata.get("authorization", "").removeprefix("Bearer ")
        try:
            claims = jwt.decode(token, certs=self.public_key)
        except ValueError as error:
            context.abort(grpc.StatusCode.UNAUTHENTICATED, str(error))
        if claims["iss"] != CALLER:
            context.abort(grpc.StatusCode.UNAUTHENTICATED, f"who is {claims['iss']}?")
        if unquote(metadata.get("x-goog-request-params", "")) != route:
            context.abort(grpc.StatusCode.INVALID_ARGUMENT, f"the request is not routed by {route}")


@contextmanager
def running(folder: Path) -> Iterator[StandIn]:
    """Run one."""
    authority = Authority(folder, "vertex-ai")
    pair = authority.issue("server")
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    public = key.public_key().public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    credentials = folder / "credentials.json"
    credentials.write_text(json.dumps(_account(key)), encoding="utf-8")
    environment = {
        "GOOGLE_APPLICATION_CREDENTIALS": str(credentials),
        "GRPC_DEFAULT_SSL_ROOTS_FILE_PATH": str(authority.file),
    }
    stand_in = StandIn(public, environment)
    server = grpc.server(ThreadPoolExecutor(2))
    server.add_generic_rpc_handlers((_handlers(stand_in), *stand_in.registry.handlers(stand_in.authenticate)))
    secrets = grpc.ssl_server_credentials([(pair.key.read_bytes(), pair.certificate.read_bytes())])
    stand_in.endpoint = f"localhost:{server.add_secure_port('127.0.0.1:0', secrets)}"
    server.start()
    try:
        yield stand_in
    finally:
        server.stop(None).wait()


def _account(key: rsa.RSAPrivateKey) -> dict[str, str]:
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    return {
        "type": "service_account",
        "project_id": PROJECT,
        "private_key_id": "1",
        "private_key": private.decode(),
        "client_email": CALLER,
        "client_id": "1",
        # Nobody is asked for a token: the account signs one itself.
        "token_uri": "https://localhost/token",
    }


def _handlers(stand_in: StandIn) -> grpc.GenericRpcHandler:
    answers = aiplatform_v1.PipelineJob.serialize
    return grpc.method_handlers_generic_handler(
        _SERVICE,
        {
            "CreatePipelineJob": grpc.unary_unary_rpc_method_handler(
                stand_in.create, aiplatform_v1.CreatePipelineJobRequest.deserialize, answers
            ),
            "GetPipelineJob": grpc.unary_unary_rpc_method_handler(
                stand_in.get, aiplatform_v1.GetPipelineJobRequest.deserialize, answers
            ),
        },
    )
