"""An S3 that runs here: moto's server, on loopback, for the tests of one module."""

from collections.abc import Iterator
from typing import Any

import pytest


@pytest.fixture(scope="session")
def s3_address() -> Iterator[str]:
    """Address of an S3 server that is empty at first."""
    server_module = pytest.importorskip("moto.server", reason="moto[server] is not installed (requirements/airflow.in)")
    pytest.importorskip("s3fs", reason="apache-airflow-providers-amazon[s3fs] is not installed (requirements)")
    server: Any = server_module.ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()
