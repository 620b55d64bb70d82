"""Ports are claimed at once, and a taken one is named with the flag that changes it."""

import asyncio
import socket
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tfx_modules.serving.exceptions import PortError
from tfx_modules.serving.flags.connection_flags import ConnectionFlags
from tfx_modules.serving.flags.server_flags import ServerFlags
from tfx_modules.serving.grpc.server import GrpcServer
from tfx_modules.serving.inference.dataplane import DataPlane
from tfx_modules.serving.models.manager import ModelManager
from tfx_modules.serving.models.model import load_model
from tfx_modules.serving.models.registry import Registry
from tfx_modules.serving.ports import bind_ports
from tfx_modules.serving.rest.app import create_app
from tfx_modules.serving.rest.server import RestServer
from tfx_modules.serving.security.reload import ReloadGuard


def test_two_free_ports_are_found_when_none_is_named() -> None:
    bound_ports = bind_ports(ServerFlags("reviews", Path("/m"), port=0, rest_api_port=0))
    assert len({bound_port.port for bound_port in bound_ports} - {0}) == 2
    for bound_port in bound_ports:
        bound_port.release()


def test_a_host_that_is_not_an_address_is_named() -> None:
    with pytest.raises(PortError, match=r"--host=no\.such\.host\.invalid is not an address"):
        bind_ports(ServerFlags("reviews", Path("/m"), host="no.such.host.invalid"))


@pytest.mark.parametrize("flag", ["--port", "--rest_api_port"])
def test_a_taken_port_is_reported_before_tensorflow_is_imported(flag: str) -> None:
    other = "--rest_api_port" if flag == "--port" else "--port"
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        flags = ["--model_base_path=/m", f"{flag}={port}", f"{other}=0"]
        done = subprocess.run(
            [sys.executable, "-X", "importtime", "-m", "tfx_modules.serving", *flags],
            capture_output=True,
            text=True,
            check=False,
        )
    *imports, said = done.stderr.splitlines()
    assert said == f"model server: port {port} on 127.0.0.1 is taken; give another with {flag} (0 = any free port)"
    assert done.returncode == 1
    assert not [line for line in imports if "tensorflow" in line]


@pytest.mark.parametrize("flag", ["--port", "--rest_api_port"])
def test_a_port_that_is_taken_after_all_is_named_too(flag: str) -> None:
    grpc_port, rest_port = bind_ports(ServerFlags("reviews", Path("/m"), port=0, rest_api_port=0))
    bound_port = grpc_port if flag == "--port" else rest_port

    async def start() -> None:
        registry, loader = Registry(), ThreadPoolExecutor(1)
        data_plane = DataPlane(registry)
        limits, closed = ConnectionFlags(), list[str]()
        if flag == "--port":
            manager = ModelManager(registry=registry, loader=loader, load=load_model)
            guard = ReloadGuard(None)
            await GrpcServer(data_plane, manager, grpc_port, guard, limits=limits, count_closed=closed.append).start()
        else:
            await RestServer(create_app(data_plane), rest_port.held, limits=limits, count_closed=closed.append).start()

    with grpc_port.held, rest_port.held, socket.socket() as rival:
        rival.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        rival.bind(("127.0.0.1", bound_port.port))
        rival.listen()
        with pytest.raises(PortError, match=f"taken meanwhile; give another with {flag}"):
            asyncio.run(start())
