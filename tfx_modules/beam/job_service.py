"""Serves Beam's portable job service on a Unix socket: ``python -m tfx_modules.beam.job_service --socket PATH``.

Beam's own command listens on a port of loopback, by which every user of the machine can have it run code, and its
pipelines' servers bind all interfaces.
"""

import argparse
import logging
import signal
import sys
from collections.abc import Sequence
from pathlib import Path
from types import FrameType

import grpc
from apache_beam.portability.api import beam_artifact_api_pb2_grpc, beam_job_api_pb2_grpc, endpoints_pb2
from apache_beam.runners.portability.local_job_service import LocalJobServicer
from apache_beam.utils import thread_pool_executor

from tfx_modules.beam import servers, sockets
from tfx_modules.common.private_socket import prepare
from tfx_modules.exceptions import BeamServerError

_OPTIONS = (
    ("grpc.max_receive_message_length", -1),
    ("grpc.max_send_message_length", -1),
    ("grpc.http2.max_pings_without_data", 0),
    ("grpc.http2.max_ping_strikes", 0),
)

_logger = logging.getLogger(__name__)


class JobService(LocalJobServicer):  # type: ignore[misc]
    """Beam's job service for this machine, on a Unix socket. It runs jobs in its own process."""

    def start(self, path: Path) -> None:
        """Listen.

        Args:
            path: the socket's; its folder is for this user alone.
        """
        address = sockets.address(path)
        self._server = grpc.server(thread_pool_executor.shared_unbounded_instance(), options=list(_OPTIONS))
        self._server.add_insecure_port(address)
        beam_job_api_pb2_grpc.add_JobServiceServicer_to_server(self, self._server)
        beam_artifact_api_pb2_grpc.add_ArtifactStagingServiceServicer_to_server(self._artifact_service, self._server)
        self._artifact_staging_endpoint = endpoints_pb2.ApiServiceDescriptor(url=address)
        self._server.start()

    def wait(self) -> None:
        """Wait until it has been stopped."""
        self._server.wait_for_termination()


def main(arguments: Sequence[str]) -> int:
    """Serve until SIGTERM or SIGINT; return the exit code."""
    parser = argparse.ArgumentParser(
        prog="python -m tfx_modules.beam.job_service", description="Run Beam's portable job service on a Unix socket."
    )
    parser.add_argument("--socket", type=Path, required=True, help="Unix socket to listen on, in a folder of its own")
    flags = parser.parse_args(arguments)
    logging.basicConfig(level=logging.INFO)
    servers.close_beam()
    service = JobService()
    try:
        path = prepare(flags.socket, BeamServerError)
        service.start(path)
    except BeamServerError:
        _logger.exception("the job service cannot start")
        return 1

    def stop(number: int, frame: FrameType | None) -> None:
        del number, frame
        service.stop()

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, stop)
    _logger.info("the job service is ready on %s", path)
    service.wait()
    path.unlink(missing_ok=True)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
