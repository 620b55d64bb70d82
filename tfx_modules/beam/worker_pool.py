"""Starts pools of workers that a job service or a cluster's runner calls.

``start`` is what a pipeline with ``--environment_type=LOOPBACK`` uses. ``python -m tfx_modules.beam.worker_pool`` is
for the machines of a cluster. Whoever reaches a pool can have it run code, and Beam's own pools bind all interfaces.
"""

import argparse
import atexit
import logging
import sys
from collections.abc import Sequence
from typing import Any

import grpc
from apache_beam.portability.api import beam_fn_api_pb2_grpc
from apache_beam.runners.worker.worker_pool_main import BeamFnExternalWorkerPoolServicer
from apache_beam.utils import thread_pool_executor

from tfx_modules.beam.sockets import SocketFolder

_OPTIONS = (("grpc.http2.max_pings_without_data", 0), ("grpc.http2.max_ping_strikes", 0))
_LOOPBACK = "127.0.0.1"

_logger = logging.getLogger(__name__)


def start(
    pool: Any,
    use_process: bool = False,  # noqa: FBT001, FBT002 - Beam's signature
    port: int = 0,
    state_cache_size: int = 0,
    data_buffer_time_limit_ms: int = -1,
    container_executable: str | None = None,
) -> tuple[str, grpc.Server]:
    """Start a pool on a Unix socket of this user's: Beam's ``BeamFnExternalWorkerPoolServicer.start``.

    Args:
        pool: Beam's class.
        use_process: whether workers are processes; else they are threads.
        port: not used.
        state_cache_size: MiB, as Beam takes it.
        data_buffer_time_limit_ms: as Beam takes it.
        container_executable: as Beam takes it.

    Returns:
        The address for the job service, and the server.
    """
    del port
    folder = SocketFolder()
    atexit.register(folder.remove)
    address = folder.address("pool")
    servicer = pool(
        use_process=use_process,
        container_executable=container_executable,
        state_cache_size=state_cache_size,
        data_buffer_time_limit_ms=data_buffer_time_limit_ms,
    )
    return address, _serve(servicer, address)


def main(arguments: Sequence[str]) -> None:
    """Serve a pool on a port of loopback until a signal ends the process."""
    parser = argparse.ArgumentParser(
        prog="python -m tfx_modules.beam.worker_pool",
        description="Run Beam's workers for a runner on this machine. Every user of this machine can have it run code.",
    )
    parser.add_argument("--port", type=int, required=True, help=f"port of {_LOOPBACK}")
    flags = parser.parse_args(arguments)
    logging.basicConfig(level=logging.INFO)
    server = _serve(BeamFnExternalWorkerPoolServicer(use_process=True), f"{_LOOPBACK}:{flags.port}")
    _logger.info("the worker pool is ready on %s:%d", _LOOPBACK, flags.port)
    server.wait_for_termination()


def _serve(servicer: Any, address: str) -> grpc.Server:
    server = grpc.server(thread_pool_executor.shared_unbounded_instance(), options=list(_OPTIONS))
    server.add_insecure_port(address)
    beam_fn_api_pb2_grpc.add_BeamFnExternalWorkerPoolServicer_to_server(servicer, server)
    server.start()
    return server


if __name__ == "__main__":
    main(sys.argv[1:])
