"""A Google Cloud Storage that runs here: gcp-storage-emulator, on loopback.

The locked environment has no provider package for it. In an environment with apache-airflow-providers-google and
gcp-storage-emulator beside the locked packages, the tests that need it run.
"""

import json
import socket
import uuid
from collections.abc import Iterator
from importlib.util import find_spec
from typing import Any

import pytest

needs_provider = pytest.mark.skipif(
    find_spec("airflow.providers.google") is None or find_spec("gcp_storage_emulator") is None,
    reason="apache-airflow-providers-google and gcp-storage-emulator are not installed beside the locked packages",
)


@pytest.fixture(scope="session")
def gcs_address() -> Iterator[str]:
    """Address of a Cloud Storage that is empty at first; one, since Airflow keeps the store of a connection."""
    from gcp_storage_emulator.server import create_server

    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    server = create_server("127.0.0.1", port, in_memory=True)
    server.start()
    yield f"http://127.0.0.1:{port}"
    server.stop()


def new_gcs_bucket(address: str, name: str, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Make a bucket, and the Airflow connection ``NAME_gcs`` to the store that has it; return Google's bucket."""
    from google.auth.credentials import AnonymousCredentials
    from google.cloud import storage

    # gcsfs would ask Google itself which kind of bucket it is.
    monkeypatch.setenv("GCSFS_EXPERIMENTAL_ZB_HNS_SUPPORT", "false")
    extra = {"is_anonymous": True, "project": "reviews", "gcs.endpoint": address}
    connection = {"conn_type": "google_cloud_platform", "extra": extra}
    monkeypatch.setenv(f"AIRFLOW_CONN_{name.upper()}_GCS", json.dumps(connection))
    client = storage.Client(
        project="reviews", credentials=AnonymousCredentials(), client_options={"api_endpoint": address}
    )
    return client.create_bucket(f"{name}-{uuid.uuid4().hex}")
