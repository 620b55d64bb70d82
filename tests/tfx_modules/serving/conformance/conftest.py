"""The server that is asked: another one by address, or the project's own."""

import json
import os
from collections.abc import Callable, Iterator

import grpc
import httpx
import pytest

from tests.tfx_modules.serving.conformance.model import NAME, export
from tests.tfx_modules.serving.conformance.target import RestCase, Target, same
from tfx_modules.serving.process import ModelServerProcess

Ask = Callable[[RestCase], None]


@pytest.fixture(scope="session", params=["alone", "batched"])
def target(tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest) -> Iterator[Target]:
    """The server; the project's own with and without batching, which may change nothing."""
    rest, address = os.environ.get("CONFORMANCE_REST"), os.environ.get("CONFORMANCE_GRPC")
    if rest and address:
        if request.param == "batched":
            pytest.skip("the server that is asked was started as it is")
        yield Target(rest.rstrip("/"), address)
        return
    if rest or address:
        pytest.fail("set both CONFORMANCE_REST=http://host:port and CONFORMANCE_GRPC=host:port, or neither")
    base_path = tmp_path_factory.mktemp("conformance")
    flags = [f"--model_config_file={export(base_path)}", "--allow_version_labels_for_unavailable_models"]
    flags += ["--enable_batching"] if request.param == "batched" else []
    with ModelServerProcess(model_base_path=base_path, model_name=NAME, flags=flags) as process:
        yield Target(process.rest_url, process.grpc_address)


@pytest.fixture(scope="session")
def check(target: Target) -> Iterator[Ask]:
    """Send a case's request and compare the answer."""
    with httpx.Client(base_url=target.rest, timeout=30, trust_env=False) as client:

        def ask(case: RestCase) -> None:
            content = case.body if isinstance(case.body, bytes) else json.dumps(case.body).encode()
            response = client.request(case.method, case.path, content=content, headers=dict(case.headers))
            assert response.status_code == case.status, response.text
            assert response.headers["content-type"] == "application/json"
            document = json.loads(response.text)
            if case.status == 200:
                assert case.answer is None or same(document, case.answer), response.text
            else:
                assert list(document) == ["error"]
                assert case.error in document["error"]

        yield ask


@pytest.fixture(scope="session")
def channel(target: Target) -> Iterator[grpc.Channel]:
    with grpc.insecure_channel(target.grpc, options=[("grpc.max_receive_message_length", -1)]) as made:
        yield made
