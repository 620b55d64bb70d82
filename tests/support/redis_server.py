"""A Redis that runs here, on a free port of loopback, for as long as a test needs it."""

import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

HOST = "127.0.0.1"
READY_SECONDS = 20.0
STOP_SECONDS = 10.0


@contextmanager
def running_redis(port: int) -> Iterator[str]:
    """Run a server that keeps nothing on disk; yield its address."""
    binary = shutil.which("redis-server")
    if binary is None:
        pytest.skip("no redis-server on PATH; install redis-server (Debian's package has this name)")
    with tempfile.TemporaryDirectory(prefix="redis-") as folder:
        flags = {"--bind": HOST, "--port": str(port), "--dir": folder, "--save": "", "--appendonly": "no"}
        command = [binary, *(word for flag in flags.items() for word in flag)]
        with subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL) as server:
            try:
                _wait(server, port)
                yield f"redis://{HOST}:{port}/0"
            finally:
                server.terminate()
                server.wait(STOP_SECONDS)


def _wait(server: subprocess.Popen[bytes], port: int) -> None:
    deadline = time.monotonic() + READY_SECONDS
    while not _answers(port):
        assert server.poll() is None, "redis-server has ended"
        assert time.monotonic() < deadline, "redis-server has not come up"
        time.sleep(0.05)


def _answers(port: int) -> bool:
    try:
        with socket.create_connection((HOST, port), timeout=1) as connection:
            connection.sendall(b"PING\r\n")
            return connection.recv(16).startswith(b"+PONG")
    except OSError:
        return False
