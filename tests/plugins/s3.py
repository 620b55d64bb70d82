"""An S3 that runs here: moto's server, on loopback, for the tests of one module."""

import json
import uuid
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


def new_bucket(address: str, name: str, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Make a bucket of an S3 server, and the Airflow connection ``NAME_s3`` to that server; return boto3's bucket."""
    import boto3

    connection = {
        "conn_type": "aws",
        "login": "user",
        "password": "secret",
        "extra": {"endpoint_url": address, "region_name": "us-east-1"},
    }
    monkeypatch.setenv(f"AIRFLOW_CONN_{name.upper()}_S3", json.dumps(connection))
    store = boto3.resource(
        "s3",
        endpoint_url=address,
        region_name="us-east-1",
        aws_access_key_id="user",
        aws_secret_access_key="secret",
    )
    return store.create_bucket(Bucket=f"{name}-{uuid.uuid4().hex}")
