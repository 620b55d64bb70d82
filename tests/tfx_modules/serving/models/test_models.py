"""A server process with several models: a config file that changes, and configs over gRPC, under load."""

import shutil
import time
from collections.abc import Iterator
from pathlib import Path

import grpc
import httpx
import pytest
from google.protobuf import text_format
from tensorflow_serving.apis import model_management_pb2, model_service_pb2_grpc

from tests.tfx_modules.serving.exported_models import MODEL, Publish
from tests.tfx_modules.serving.load import Load, until
from tfx_modules.serving.exceptions import ServerProcessError
from tfx_modules.serving.process import ModelServerProcess

ADMIN = "an-admins-key-of-this-test"


class Site:
    """Two models on disk, a config file, and a server that follows it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.config_file = folder / "models.config"
        self.server = ModelServerProcess(
            model_base_path=folder / "ignored",
            model_name="ignored",
            poll_seconds=0.1,
            flags=(f"--model_config_file={self.config_file}", "--model_config_file_poll_wait_seconds=0.1"),
        )

    def config(self, **policies: str) -> str:
        models = [
            f"config {{ name: '{name}' base_path: '{self.folder / name}' model_platform: 'tensorflow' {policy} }}"
            for name, policy in policies.items()
        ]
        return f"model_config_list {{ {' '.join(models)} }}"

    def states(self, model: str) -> dict[str, str]:
        response = httpx.get(f"{self.server.rest_url}/v1/models/{model}", trust_env=False)
        return {entry["version"]: entry["state"] for entry in response.json().get("model_version_status", [])}

    def available(self, model: str) -> set[str]:
        return {version for version, state in self.states(model).items() if state == "AVAILABLE"}

    def reload(self, config: str) -> None:
        request = model_management_pb2.ReloadConfigRequest()
        text_format.Parse(config, request.config)
        with grpc.insecure_channel(self.server.grpc_address) as channel:
            stub = model_service_pb2_grpc.ModelServiceStub(channel)
            stub.HandleReloadConfigRequest(request, timeout=30, metadata=(("authorization", f"Bearer {ADMIN}"),))


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory, publish: Publish) -> Iterator[Site]:
    made = Site(tmp_path_factory.mktemp("models"))
    for name, version in ((MODEL, 1), (MODEL, 2), ("other", 9)):
        (made.folder / name).mkdir(exist_ok=True)
        publish(made.folder / name, version)
    made.config_file.write_text(made.config(**{MODEL: ""}))
    with made.server:
        yield made


def test_no_request_fails_while_models_and_policies_change_and_the_file_breaks(site: Site) -> None:
    assert site.available(MODEL) == {"2"}
    with Load(site.server) as load:
        site.config_file.write_text(site.config(**{MODEL: "model_version_policy { all {} }", "other": ""}))
        until(lambda: site.available(MODEL) == {"1", "2"} and site.available("other") == {"9"})
        site.config_file.write_text("model_config_list { config { nam: 'x' } }")
        until(lambda: 'no field named "nam"' in site.server.logs())
        site.config_file.write_text(site.config(**{MODEL: "model_version_policy { specific { versions: 1 } }"}))
        until(lambda: site.available(MODEL) == {"1"} and not site.available("other"))
        seen = len(load.versions)
        until(lambda: len(load.versions) > seen + 20)
    assert load.failures == []
    assert set(load.versions) == {1, 2}
    assert load.versions[-1] == 1


def test_name_and_base_path_are_ignored_beside_a_config_file_and_that_is_told(site: Site) -> None:
    assert "--model_base_path and --model_name are ignored" in site.server.logs()
    assert site.states("ignored") == {}


def test_a_server_does_not_start_on_a_broken_config(tmp_path: Path) -> None:
    broken = tmp_path / "models.config"
    broken.write_text("model_config_list { config { nam: 'x' } }")
    server = ModelServerProcess(model_base_path=tmp_path, model_name="m", flags=(f"--model_config_file={broken}",))
    with pytest.raises(ServerProcessError, match=r'(?s)ended with code 1:.*is not a ModelServerConfig .*"nam"'), server:
        pass


@pytest.fixture(scope="module")
def fixed(tmp_path_factory: pytest.TempPathFactory, publish: Publish) -> Iterator[Site]:
    """A server that reads its config file once: what comes over gRPC stays."""
    made = Site(tmp_path_factory.mktemp("fixed"))
    for name, version in ((MODEL, 1), (MODEL, 2), ("other", 9)):
        (made.folder / name).mkdir(exist_ok=True)
        publish(made.folder / name, version)
    (made.folder / "admins").write_text(ADMIN)
    flags = ["--allow_reload_config", f"--admin_api_key_file={made.folder / 'admins'}"]
    made.server = ModelServerProcess(
        model_base_path=made.folder / MODEL, model_name=MODEL, poll_seconds=0.1, flags=flags
    )
    with made.server:
        yield made


def test_a_version_that_is_copied_file_by_file_is_served_when_it_is_complete(
    fixed: Site, exported: dict[int, Path]
) -> None:
    with Load(fixed.server) as load:
        target = fixed.folder / MODEL / "9"
        for path in sorted(exported[9].rglob("*"), key=lambda path: path.name != "saved_model.pb"):
            if path.is_file():
                copied = target / path.relative_to(exported[9])
                copied.parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(path, copied)
                time.sleep(0.3)
        until(lambda: fixed.available(MODEL) == {"9"})
        until(lambda: load.versions[-1] == 9)
        shutil.rmtree(target)
        until(lambda: fixed.available(MODEL) == {"2"})
    assert load.failures == []
    assert "version 9: cannot load" in fixed.server.logs()


def test_a_config_over_grpc_is_answered_when_its_models_are_loaded(fixed: Site) -> None:
    with Load(fixed.server) as load:
        fixed.reload(fixed.config(**{MODEL: "model_version_policy { all {} }", "other": ""}))
        assert (fixed.available(MODEL), fixed.available("other")) == ({"1", "2"}, {"9"})
        time.sleep(0.3)
        assert (fixed.available(MODEL), fixed.available("other")) == ({"1", "2"}, {"9"})
    assert load.failures == []


def test_a_label_moves_from_one_version_to_another(fixed: Site) -> None:
    url = f"{fixed.server.rest_url}/v1/models/{MODEL}/labels/stable:predict"
    body = {"signature_name": "which_version", "instances": ["x"]}
    answers = []
    fixed.reload(fixed.config(**{MODEL: "model_version_policy { all {} }"}))
    for version in (1, 2, 1):
        label = f"model_version_policy {{ all {{}} }} version_labels {{ key: 'stable' value: {version} }}"
        fixed.reload(fixed.config(**{MODEL: label}))
        answers.append(httpx.post(url, json=body, trust_env=False).json())
    assert answers == [{"predictions": [1]}, {"predictions": [2]}, {"predictions": [1]}]


@pytest.mark.parametrize(
    ("policies", "code", "message"),
    [
        ({MODEL: "version_labels { key: 'canary' value: 7 }"}, "FAILED_PRECONDITION", "label to version 7 of model"),
        ({MODEL: "logging_config {}"}, "INVALID_ARGUMENT", "logging_config is not supported"),
        ({MODEL: "", "nowhere": ""}, "UNKNOWN", r"1 model\(s\) did not become available: nowhere"),
    ],
)
def test_a_config_that_cannot_be_realised_says_why(
    fixed: Site, policies: dict[str, str], code: str, message: str
) -> None:
    with pytest.raises(grpc.RpcError, match=message) as caught:
        fixed.reload(fixed.config(**policies))
    assert caught.value.code() is grpc.StatusCode[code]
    assert fixed.available(MODEL)


def test_a_config_of_another_kind_is_refused(fixed: Site) -> None:
    with pytest.raises(grpc.RpcError, match="Only ModelConfigList is currently supported"):
        fixed.reload("")
