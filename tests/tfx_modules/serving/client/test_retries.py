"""What a server refuses for the moment is asked again; what the client sends is what TensorFlow Serving reads."""

from collections.abc import Iterator

import grpc
import pytest

from tests.tfx_modules.serving.standins import Seen, grpc_standin, rest_standin
from tfx_modules.serving.client import ClientError, Model, ModelClient, RetryPolicy, Server
from tfx_modules.serving.client.retries import with_retries

QUICK = RetryPolicy(retries=2, first_pause_seconds=0.01)


@pytest.fixture
def rest() -> Iterator[Seen]:
    with rest_standin() as seen:
        yield seen


@pytest.fixture(scope="module")
def rpc_server() -> Iterator[Seen]:
    with grpc_standin() as seen:
        yield seen


@pytest.fixture
def rpc(rpc_server: Seen) -> Seen:
    for asked in (rpc_server.paths, rpc_server.keys, rpc_server.specs):
        asked.clear()
    return rpc_server


@pytest.mark.parametrize("status", [429, 503])
def test_over_rest_a_busy_server_is_asked_again(rest: Seen, status: int) -> None:
    rest.refusals, rest.status = 2, status
    with ModelClient(Server.rest(rest.address), Model("m"), QUICK) as client:
        assert [p.label for p in client.predict(["a", "b"])] == ["positive", "positive"]
    assert len(rest.paths) == 3


@pytest.mark.parametrize("code", [grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.RESOURCE_EXHAUSTED])
def test_over_grpc_a_busy_server_is_asked_again(rpc: Seen, code: grpc.StatusCode) -> None:
    rpc.refusals, rpc.code = 2, code
    with ModelClient(Server.grpc(rpc.address), Model("m"), QUICK) as client:
        assert [p.score for p in client.predict(["a", "b"])] == [1.0, 0.5]
    assert len(rpc.specs) == 3


def test_it_gives_up_after_the_last_try(rest: Seen) -> None:
    rest.refusals = 3
    with (
        ModelClient(Server.rest(rest.address), Model("m"), QUICK) as client,
        pytest.raises(ClientError, match=r"http://127.0.0.1:\d+ answered 503: too much to do") as caught,
    ):
        client.predict(["a"])
    assert caught.value.code == "UNAVAILABLE"
    assert len(rest.paths) == 3


def test_a_request_that_is_wrong_is_not_sent_again(rest: Seen) -> None:
    rest.refusals, rest.status = 1, 400
    with ModelClient(Server.rest(rest.address), Model("m"), QUICK) as client, pytest.raises(ClientError):
        client.predict(["a"])
    assert len(rest.paths) == 1


def test_the_pauses_grow_and_are_not_the_same_for_everybody() -> None:
    def fail() -> None:
        raise ClientError("busy", code="UNAVAILABLE")

    pauses: list[float] = []
    with pytest.raises(ClientError, match="busy"):
        with_retries(fail, RetryPolicy(retries=8, first_pause_seconds=0.2), sleep=pauses.append)
    longest = [0.2, 0.4, 0.8, 1.6, 3.2, 5.0, 5.0, 5.0]
    assert all(most / 2 <= pause <= most for pause, most in zip(pauses, longest, strict=True))
    assert len(set(pauses)) == len(pauses)


@pytest.mark.parametrize(
    ("model", "path"),
    [
        (Model("m"), "/v1/models/m:predict"),
        (Model("m", 7), "/v1/models/m/versions/7:predict"),
        (Model("m", label="stable"), "/v1/models/m/labels/stable:predict"),
        (Model("a b/c"), "/v1/models/a%20b%2Fc:predict"),
    ],
)
def test_over_rest_version_and_label_are_in_the_path(rest: Seen, model: Model, path: str) -> None:
    with ModelClient(Server.rest(rest.address, api_key="k"), model) as client:
        client.predict(["a"])
    assert rest.paths == [path]
    assert rest.keys == ["Bearer k"]


def test_over_grpc_version_and_label_are_in_the_model_spec(rpc: Seen) -> None:
    for model in (Model("m"), Model("m", 7), Model("m", label="stable", signature_name="s")):
        with ModelClient(Server.grpc(rpc.address, api_key="k"), model) as client:
            client.predict(["a"])
    newest, numbered, labelled = rpc.specs
    assert (newest.name, newest.WhichOneof("version_choice")) == ("m", None)
    assert numbered.version.value == 7
    assert (labelled.version_label, labelled.signature_name) == ("stable", "s")
    assert rpc.keys == ["Bearer k"] * 3


def test_over_grpc_the_metadata_have_the_form_of_the_json(rpc: Seen) -> None:
    with ModelClient(Server.grpc(rpc.address), Model("m")) as client:
        text = client.metadata()["serving_default"]["inputs"]["text"]
    assert (text["dtype"], text["tensor_shape"]["dim"][0]["size"]) == ("DT_STRING", "-1")
