"""Has Beam's servers listen on Unix sockets that only this process's user reaches.

Beam's own bind all interfaces, know no authentication, and the control server hands out any file that the user may
read. Whoever reaches one can read what a pipeline works on, and have its workers run code. ``close_beam`` replaces all
of them that a process of ours may start, or refuses what would start them.
"""

import contextlib
import os
import shlex
import subprocess
import threading
from typing import Any, NoReturn

import grpc
from apache_beam.portability import common_urns, python_urns
from apache_beam.portability.api import beam_fn_api_pb2_grpc, beam_runner_api_pb2
from apache_beam.runners.portability import abstract_job_service, portable_runner
from apache_beam.runners.portability.fn_api_runner import worker_handlers
from apache_beam.runners.worker import data_plane, worker_pool_main
from apache_beam.utils import thread_pool_executor
from google.protobuf import json_format, text_format

from tfx_modules.beam import artifacts, worker_pool
from tfx_modules.beam.sockets import SocketFolder, is_unix
from tfx_modules.exceptions import BeamServerError, BeamWorkerError

_OPTIONS = (
    # As Beam's: messages have any size, and workers may send any number of pings.
    ("grpc.max_receive_message_length", -1),
    ("grpc.max_send_message_length", -1),
    ("grpc.http2.max_pings_without_data", 0),
    ("grpc.http2.max_ping_strikes", 0),
    ("grpc.http2.min_ping_interval_without_data_ms", 20_000),
)
_STOP_SECONDS = 5.0
_AGAIN_SECONDS = 0.2


class PrivateGrpcServer:
    """The servers of a pipeline's control, data and state, each on a Unix socket in a folder of this user's alone.

    It stands for Beam's ``GrpcServer``, with the attributes that Beam uses of it. It has no server of artifacts, for
    the workers have the same files as the node; none of provision, for they get their options when they start; and none
    of logs, for they write to the node's.
    """

    def __init__(self, state: Any, provision_info: Any, worker_manager: Any) -> None:
        """Start them. The arguments are what Beam passes."""
        self.state = state
        self.provision_info = provision_info
        self.control_handler = worker_handlers.BeamFnControlServicer(worker_manager)
        self.data_plane_handler = data_plane.BeamFnDataServicer(worker_handlers.DATA_BUFFER_TIME_LIMIT_MS)
        self._folder = SocketFolder()
        self._servers: list[grpc.Server] = []
        handlers = beam_fn_api_pb2_grpc
        # Beam calls them ports; here they are addresses, which OnUnixSockets passes on as they are.
        self.control_port = self._start("control", handlers.add_BeamFnControlServicer_to_server, self.control_handler)
        self.data_port = self._start("data", handlers.add_BeamFnDataServicer_to_server, self.data_plane_handler)
        self.state_port = self._start(
            "state", handlers.add_BeamFnStateServicer_to_server, worker_handlers.GrpcStateServicer(state)
        )

    def close(self) -> None:
        """Stop them, and remove the folder."""
        self.control_handler.done()
        for stopped in [server.stop(_STOP_SECONDS) for server in self._servers]:
            stopped.wait()
        self._folder.remove()

    def _start(self, name: str, add: Any, servicer: Any) -> str:
        address = self._folder.address(name)
        server = grpc.server(thread_pool_executor.shared_unbounded_instance(), options=list(_OPTIONS))
        server.add_insecure_port(address)
        add(servicer, server)
        server.start()
        self._servers.append(server)
        return address


class OnUnixSockets(worker_handlers.GrpcWorkerHandler):  # type: ignore[misc]
    """A worker handler whose worker connects to ``PrivateGrpcServer``."""

    def __init__(self, *arguments: Any) -> None:
        """Take Beam's arguments."""
        super().__init__(*arguments)
        self.stopping = threading.Event()

    def port_from_worker(self, port: str) -> str:
        """Return the address of a socket; Beam's puts a host before a port."""
        return port

    def logging_api_service_descriptor(self) -> None:
        """Return nothing: workers write to the node's log. Over Beam's server for it, protos would be printed."""

    def worker_environment(self) -> dict[str, str]:
        """Return the variables that tell a worker where to connect and what the pipeline's options are."""
        return {
            "CONTROL_API_SERVICE_DESCRIPTOR": text_format.MessageToString(self.control_api_service_descriptor()),
            "PIPELINE_OPTIONS": json_format.MessageToJson(self.provision_info.provision_info.pipeline_options),
            "WORKER_ID": self.worker_id,
        }

    def fail_requests(self, error: Exception) -> None:
        """Fail all requests to a worker that has died, until ``stopping``; Beam would wait for the answers for ever."""
        while not self.stopping.wait(_AGAIN_SECONDS):
            with contextlib.suppress(RuntimeError):  # a request was added meanwhile
                self.control_conn.abort(error)


class ThreadWorkerHandler(OnUnixSockets, worker_handlers.EmbeddedGrpcWorkerHandler):  # type: ignore[misc]
    """Runs a worker in a thread (``--direct_running_mode=multi_threading``)."""


class ProcessWorkerHandler(OnUnixSockets, worker_handlers.SubprocessSdkWorkerHandler):  # type: ignore[misc]
    """Runs a worker in a fresh process (``--direct_running_mode=multi_processing``), without a server for its logs."""

    def start_worker(self) -> None:
        """Start the process."""
        command = shlex.split(self._worker_command_line.decode())
        process = subprocess.Popen(command, env=os.environ | self.worker_environment())
        self.worker_thread = threading.Thread(name="beam_worker", target=self._wait, args=(process,))
        self.worker_thread.start()

    def stop_worker(self) -> None:
        """Wait for the process, which Beam has asked to stop."""
        self.stopping.set()
        super().stop_worker()

    def _wait(self, process: "subprocess.Popen[bytes]") -> None:
        if code := process.wait():
            self.fail_requests(
                BeamWorkerError(
                    f"a Beam worker has ended with exit code {code}; allowed: 0. The log has what it said. Run again "
                    "with more memory or fewer days."
                )
            )


class PoolWorkerHandler(OnUnixSockets, worker_handlers.ExternalWorkerHandler):  # type: ignore[misc]
    """Has a pool start a worker (``--environment_type=LOOPBACK``); the pool listens on a Unix socket too."""

    def start_worker(self) -> None:
        """Ask the pool for it.

        Raises:
            BeamServerError: the pool is elsewhere, from where the sockets cannot be reached.
        """
        url = self._external_payload.endpoint.url
        if not is_unix(url):
            raise BeamServerError(
                f"Beam's local runner is to use the pool of workers at {url!r}, which would need servers that are open "
                "to others; allowed: a pool on a Unix socket, as --environment_type=LOOPBACK makes it. Use that one, "
                "or leave beam_pipeline_args empty."
            )
        super().start_worker()


def _refuse_docker(*arguments: Any) -> NoReturn:
    del arguments
    raise BeamServerError(
        "Beam's local runner is to start workers in Docker, which would need servers that are open to others; allowed: "
        "workers of this machine. Leave beam_pipeline_args empty, or set --environment_type=LOOPBACK."
    )


def _refuse_uber_jar(*arguments: Any) -> NoReturn:
    del arguments
    raise BeamServerError(
        "Beam is to make an uber jar, for which it opens a server of artifacts to all interfaces; allowed: a job "
        "server. Leave --flink_submit_uber_jar and --spark_submit_uber_jar out of beam_pipeline_args."
    )


def close_beam() -> None:
    """Replace Beam's open servers in this process by private ones, for all pipelines to come.

    Beam has no settings for these. ``tests/tfx_modules/beam/test_servers.py`` knows every place of Beam that opens a
    server: a new version of Beam with another one fails it.
    """
    worker_handlers.GrpcServer = PrivateGrpcServer
    worker_pool_main.BeamFnExternalWorkerPoolServicer.start = classmethod(worker_pool.start)
    portable_runner.JobServiceHandle.stage = artifacts.stage
    abstract_job_service.UberJarBeamJob._start_artifact_service = _refuse_uber_jar  # noqa: SLF001 - it has no other
    register = worker_handlers.WorkerHandler.register_environment
    register(python_urns.EMBEDDED_PYTHON_GRPC, bytes)(ThreadWorkerHandler)
    register(python_urns.SUBPROCESS_SDK, bytes)(ProcessWorkerHandler)
    register(common_urns.environments.EXTERNAL.urn, beam_runner_api_pb2.ExternalPayload)(PoolWorkerHandler)
    register(common_urns.environments.DOCKER.urn, beam_runner_api_pb2.DockerPayload)(_refuse_docker)
