"""A server with TLS on both ports that wants a key, and the client that has it."""

import json
import socket
import ssl
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import grpc
import httpx
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc
from tensorflow_serving.apis import model_management_pb2, model_service_pb2_grpc

from tests.tfx_modules.serving.certificates import Authority, Pair
from tests.tfx_modules.serving.exported_models import MODEL, Publish
from tfx_modules.serving.client import ClientError, Model, ModelClient, RetryPolicy, Server, Tls
from tfx_modules.serving.client.command import main
from tfx_modules.serving.exceptions import FlagError, ServerProcessError, UnauthenticatedError
from tfx_modules.serving.frontends import warn_if_open
from tfx_modules.serving.ports import BoundPort
from tfx_modules.serving.process import ModelServerProcess
from tfx_modules.serving.security.api_keys import ApiKeys, read_api_keys

KEY, NEXT_KEY = "0123456789abcdef", "fedcba9876543210"
ONCE = RetryPolicy(retries=0, timeout_seconds=20)


@dataclass(frozen=True)
class Secured:
    """The server, and what its clients need."""

    process: ModelServerProcess
    tls: Tls

    def rest(self, key: str = KEY) -> Server:
        return Server.rest(self.process.rest_url.removeprefix("https://"), tls=self.tls, api_key=key)

    def grpc(self, key: str = KEY) -> Server:
        return Server.grpc(self.process.grpc_address, tls=self.tls, api_key=key)


def ssl_config(pair: Pair, ca: Path) -> str:
    """As TensorFlow Serving reads it; json.dumps quotes as protobuf's text form does."""
    texts = {"server_key": pair.key, "server_cert": pair.certificate, "custom_ca": ca}
    lines = [f"{name}: {json.dumps(path.read_text())}" for name, path in texts.items()]
    return "\n".join([*lines, "client_verify: true"])


@pytest.fixture(scope="module")
def secured(tmp_path_factory: pytest.TempPathFactory, publish: Publish) -> Iterator[Secured]:
    folder = tmp_path_factory.mktemp("secured")
    authority = Authority(folder, "authority")
    pair, ours = authority.issue("server"), authority.issue("client")
    (folder / "ssl.config").write_text(ssl_config(pair, authority.file))
    (folder / "keys").write_text(f"# the old one, and the new one\n{KEY}\n\n{NEXT_KEY}\n")
    (folder / "monitoring.config").write_text("prometheus_config { enable: true }")
    publish(folder, 1)
    flags = [
        f"--ssl_config_file={folder / 'ssl.config'}",
        f"--rest_ssl_cert={pair.certificate}",
        f"--rest_ssl_key={pair.key}",
        f"--api_key_file={folder / 'keys'}",
        f"--monitoring_config_file={folder / 'monitoring.config'}",
        "--status_without_api_key",
        "--enable_cors_support",
    ]
    tls = Tls(authority.file, ours.certificate, ours.key)
    with ModelServerProcess(model_base_path=folder, model_name=MODEL, flags=flags) as process:
        yield Secured(process, tls)


def trusting(secured: Secured) -> ssl.SSLContext:
    return ssl.create_default_context(cafile=secured.tls.ca_file)


def channel(secured: Secured) -> grpc.Channel:
    files = (secured.tls.ca_file, secured.tls.key_file, secured.tls.cert_file)
    credentials = grpc.ssl_channel_credentials(*(file.read_bytes() for file in files if file))
    return grpc.secure_channel(secured.process.grpc_address, credentials)


PROTOCOLS: list[Callable[[Secured, str], Server]] = [Secured.rest, Secured.grpc]


@pytest.mark.parametrize("protocol", PROTOCOLS)
@pytest.mark.parametrize("key", [KEY, NEXT_KEY])
def test_who_has_a_key_is_answered(secured: Secured, protocol: Callable[[Secured, str], Server], key: str) -> None:
    with ModelClient(protocol(secured, key), Model(MODEL), ONCE) as client:
        assert client.predict(["good"])[0].label == "positive"


@pytest.mark.parametrize("protocol", PROTOCOLS)
@pytest.mark.parametrize(
    ("key", "message"), [("", "no API key; send the header"), (KEY[:-1], "not one of this server's")]
)
def test_who_has_none_is_not(
    secured: Secured, protocol: Callable[[Secured, str], Server], key: str, message: str
) -> None:
    with (
        ModelClient(protocol(secured, key), Model(MODEL), ONCE) as client,
        pytest.raises(ClientError, match=message) as caught,
    ):
        client.predict(["good"])
    assert caught.value.code == "UNAUTHENTICATED"


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_the_status_is_told_without_a_key_where_a_flag_says_so(
    secured: Secured, protocol: Callable[[Secured, str], Server]
) -> None:
    with ModelClient(protocol(secured, ""), Model(MODEL), ONCE) as client:
        assert [report.state for report in client.status()] == ["AVAILABLE"]
        with pytest.raises(ClientError, match="no API key"):
            client.metadata()


def test_so_are_health_and_metrics(secured: Secured) -> None:
    with channel(secured) as opened:
        answer = health_pb2_grpc.HealthStub(opened).Check(health_pb2.HealthCheckRequest())
    assert answer.status == health_pb2.HealthCheckResponse.SERVING
    url = f"{secured.process.rest_url}/monitoring/prometheus/metrics"
    assert httpx.get(url, verify=trusting(secured), trust_env=False).status_code == 200


def test_models_are_never_changed_without_a_key(secured: Secured) -> None:
    with channel(secured) as opened:
        stub = model_service_pb2_grpc.ModelServiceStub(opened)
        with pytest.raises(grpc.RpcError) as caught:
            stub.HandleReloadConfigRequest(model_management_pb2.ReloadConfigRequest())
    assert caught.value.code() is grpc.StatusCode.UNAUTHENTICATED


def test_refused_over_rest_is_tensorflow_servings_error_with_a_challenge(secured: Secured) -> None:
    url = f"{secured.process.rest_url}/v1/models/{MODEL}:predict"
    answer = httpx.post(url, content=b"{", verify=trusting(secured), trust_env=False)
    assert (answer.status_code, answer.headers["www-authenticate"]) == (401, "Bearer")
    assert list(answer.json()) == ["error"]
    headers = {"X-API-Key": KEY}
    body = {"instances": ["good"]}
    answer = httpx.post(url, json=body, headers=headers, verify=trusting(secured), trust_env=False)
    assert answer.status_code == 200


def test_pages_of_other_origins_may_ask_where_a_flag_says_so(secured: Secured, server: ModelServerProcess) -> None:
    url = f"{secured.process.rest_url}/v1/models/{MODEL}:predict"
    asking = {"Origin": "https://shop.example", "Access-Control-Request-Method": "POST"}
    asking["Access-Control-Request-Headers"] = "authorization,content-type"
    allowed = httpx.options(url, headers=asking, verify=trusting(secured), trust_env=False)
    assert (allowed.status_code, allowed.headers["access-control-allow-origin"]) == (200, "*")
    page = {"Origin": "https://shop.example"}
    for headers, status in ((page, 401), ({**page, "X-API-Key": KEY}, 200)):
        body = {"instances": ["good"]}
        answer = httpx.post(url, json=body, headers=headers, verify=trusting(secured), trust_env=False)
        assert (answer.status_code, answer.headers["access-control-allow-origin"]) == (status, "*")
    elsewhere = httpx.get(f"{server.rest_url}/v1/models/{MODEL}", headers=page, trust_env=False)
    assert "access-control-allow-origin" not in elsewhere.headers


def test_the_command_takes_its_key_from_the_environment(
    secured: Secured, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("REVIEWS_KEY", KEY)
    address = secured.rest().address
    flags = [f"--rest={address}", "--tls", f"--ca_file={secured.tls.ca_file}", "--api_key_env=REVIEWS_KEY"]
    assert main(["predict", *flags, f"--model_name={MODEL}", "good"]) == 0
    assert capsys.readouterr().out == "positive  0.900  good\n"


def test_a_client_without_certificate_gets_nothing_over_grpc_where_one_is_asked_for(secured: Secured) -> None:
    server = Server.grpc(secured.process.grpc_address, tls=Tls(secured.tls.ca_file), api_key=KEY)
    with ModelClient(server, Model(MODEL), ONCE) as client, pytest.raises(ClientError) as caught:
        client.predict(["good"])
    assert caught.value.code == "UNAVAILABLE"


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_a_server_that_nobody_vouches_for_is_not_told_the_key(
    secured: Secured, protocol: Callable[[Secured, str], Server], tmp_path: Path
) -> None:
    stranger = Authority(tmp_path, "stranger")
    known = protocol(secured, KEY)
    server = Server(known.protocol, known.host, known.port, Tls(stranger.file), KEY)
    with ModelClient(server, Model(MODEL), ONCE) as client, pytest.raises(ClientError, match=r"certificate|UNAVAIL"):
        client.predict(["good"])


def test_plain_text_is_not_spoken(secured: Secured) -> None:
    with pytest.raises(httpx.TransportError):
        httpx.get(secured.process.rest_url.replace("https", "http"), trust_env=False)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("\n# none\n", "has no key; give one a line"),
        ("short\n", "shorter than 16 characters, or has others than ASCII"),
        ("a key with some spaces\n", "shorter than 16 characters, or has others than ASCII"),
    ],
)
def test_a_file_of_keys_that_is_none_is_refused(tmp_path: Path, content: str, message: str) -> None:
    file = tmp_path / "keys"
    file.write_text(content)
    with pytest.raises(FlagError, match=message):
        read_api_keys(file)


def test_a_key_is_checked_as_a_whole() -> None:
    keys = ApiKeys([KEY])
    keys.check(f"bearer {KEY}", "")
    keys.check("", KEY)
    for authorization, api_key in (
        (f"Basic {KEY}", ""),
        (KEY, ""),
        (f"Bearer {KEY}x", KEY),
        ("", KEY.upper()),
        ("", "\xff"),
    ):
        with pytest.raises(UnauthenticatedError):
            keys.check(authorization, api_key)


@pytest.mark.parametrize(
    "flag", ["--rest_ssl_cert={0} --rest_ssl_key={0}", "--ssl_config_file={0}", "--api_key_file={0}"]
)
def test_a_server_does_not_start_with_a_file_that_cannot_be_used(tmp_path: Path, flag: str) -> None:
    file = tmp_path / "file"
    file.write_text("x")
    flags = flag.format(file).split()
    server = ModelServerProcess(model_base_path=tmp_path, model_name=MODEL, flags=flags)
    with pytest.raises(ServerProcessError, match=f"(?s)ended with code 2:.*{flags[0]}"), server:
        pass


@pytest.mark.parametrize(
    ("tls", "keys"), [(False, None), (True, None), (False, ApiKeys([KEY])), (True, ApiKeys([KEY]))]
)
@pytest.mark.parametrize("host", ["127.0.0.1", "0.0.0.0"])  # noqa: S104 - nothing listens there
def test_an_address_that_others_can_reach_is_warned_about(
    host: str, tls: bool, keys: ApiKeys | None, caplog: pytest.LogCaptureFixture
) -> None:
    with socket.socket() as held:
        held.bind((host, 0))
        bound_port = BoundPort("--port", held)
        warn_if_open(bound_port, "gRPC", "--ssl_config_file", tls=tls, keys=keys)
        address = bound_port.address
    open_words = (
        []
        if tls
        else [f"gRPC on {address} is not encrypted, so that others can read the requests; give --ssl_config_file"]
    )
    open_words += [] if keys else [f"gRPC on {address} answers anybody who can reach it; give --api_key_file"]
    assert caplog.messages == ([] if host == "127.0.0.1" else open_words)
