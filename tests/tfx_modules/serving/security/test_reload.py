"""Who may change the models of a running server, and where the models may be."""

from collections.abc import Iterator
from pathlib import Path

import grpc
import pytest
from google.protobuf import text_format
from tensorflow_serving.apis import model_management_pb2, model_service_pb2_grpc

from tests.tfx_modules.serving.exported_models import MODEL, Publish
from tfx_modules.serving.exceptions import FlagError, ForbiddenError, ServerProcessError
from tfx_modules.serving.flags.server_flags import parse_flags
from tfx_modules.serving.process import ModelServerProcess
from tfx_modules.serving.security.reload import ReloadGuard

CLIENT, ADMIN = "a-key-of-some-client", "a-key-of-some-admin"


def reload(server: ModelServerProcess, base_path: Path, key: str = "") -> None:
    request = model_management_pb2.ReloadConfigRequest()
    model = f"config {{ name: '{MODEL}' base_path: '{base_path}' model_platform: 'tensorflow' }}"
    text_format.Parse(f"model_config_list {{ {model} }}", request.config)
    headers = (("authorization", f"Bearer {key}"),) if key else ()
    with grpc.insecure_channel(server.grpc_address) as channel:
        model_service_pb2_grpc.ModelServiceStub(channel).HandleReloadConfigRequest(
            request, timeout=30, metadata=headers
        )


def refusal(server: ModelServerProcess, base_path: Path, key: str = "") -> tuple[str, str]:
    with pytest.raises(grpc.RpcError) as caught:
        reload(server, base_path, key)
    return caught.value.code().name, caught.value.details()


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory, publish: Publish) -> Path:
    """``models/first`` and ``models/second`` beside ``elsewhere``, to which ``models/link`` leads."""
    made = tmp_path_factory.mktemp("reload")
    for name in ("models/first", "models/second", "elsewhere"):
        (made / name).mkdir(parents=True)
        publish(made / name, 1)
    (made / "models" / "link").symlink_to(made / "elsewhere")
    (made / "clients").write_text(CLIENT)
    (made / "admins").write_text(ADMIN)
    return made


@pytest.fixture(scope="module")
def guarded(folder: Path) -> Iterator[ModelServerProcess]:
    flags = [
        "--allow_reload_config",
        f"--admin_api_key_file={folder / 'admins'}",
        f"--api_key_file={folder / 'clients'}",
    ]
    with ModelServerProcess(model_base_path=folder / "models" / "first", model_name=MODEL, flags=flags) as process:
        yield process


def test_a_server_takes_no_configs_unless_a_flag_says_so(server: ModelServerProcess, folder: Path) -> None:
    code, details = refusal(server, folder / "models" / "second", ADMIN)
    assert code == "PERMISSION_DENIED"
    assert "start the server with --allow_reload_config and --admin_api_key_file" in details


def test_an_admins_key_changes_the_models(guarded: ModelServerProcess, folder: Path) -> None:
    reload(guarded, folder / "models" / "second", ADMIN)


@pytest.mark.parametrize(
    ("key", "code", "message"),
    [
        ("", "UNAUTHENTICATED", "no API key"),
        ("a-key-of-nobody-here", "UNAUTHENTICATED", "not one of this server's"),
        (CLIENT, "PERMISSION_DENIED", "is a client's, who may not change the models"),
    ],
)
def test_other_keys_do_not(guarded: ModelServerProcess, folder: Path, key: str, code: str, message: str) -> None:
    got, details = refusal(guarded, folder / "models" / "second", key)
    assert got == code
    assert message in details


@pytest.mark.parametrize("name", ["elsewhere", "models/link", "models/../elsewhere", "models/first/../../elsewhere"])
def test_base_paths_are_below_those_of_the_start_also_after_links(
    guarded: ModelServerProcess, folder: Path, name: str
) -> None:
    code, details = refusal(guarded, folder / name, ADMIN)
    assert code == "PERMISSION_DENIED"
    assert f"is not below an allowed folder; allowed: {folder / 'models'}. Start the server with" in details


def test_roots_are_compared_as_folders_and_not_as_texts(tmp_path: Path) -> None:
    guard = ReloadGuard(None, roots=[tmp_path / "models"])
    guard.check_base_path("m", tmp_path / "models" / "a" / "b")
    for path in (tmp_path / "models-of-others", tmp_path):
        with pytest.raises(ForbiddenError, match="is not below an allowed folder"):
            guard.check_base_path("m", path)
    (tmp_path / "models").mkdir()
    (tmp_path / "models" / "loop").symlink_to("loop")
    with pytest.raises(ForbiddenError, match="cannot be followed"):
        guard.check_base_path("m", tmp_path / "models" / "loop")


def test_a_base_path_right_below_the_root_does_not_allow_everything() -> None:
    guard = ReloadGuard(None)
    guard.started_with([Path("/models")])
    guard.check_base_path("m", Path("/models/other"))
    with pytest.raises(ForbiddenError, match="allowed: /models"):
        guard.check_base_path("m", Path("/etc"))


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        ("--allow_reload_config", "who may change the models needs a key of its own; give both or neither"),
        ("--admin_api_key_file=/k", "--allow_reload_config and --admin_api_key_file go together"),
        ("--model_roots=/a", "--model_roots needs --allow_reload_config"),
        ("--allow_reload_config --admin_api_key_file=/k --model_roots=a,/b", "'a'; give absolute paths, with commas"),
    ],
)
def test_flags_that_do_not_go_together_are_refused(flags: str, message: str) -> None:
    with pytest.raises(FlagError, match=message):
        parse_flags(["--model_base_path=/m", *flags.split()])


def test_roots_are_given_with_commas_between() -> None:
    given = ["--allow_reload_config", "--admin_api_key_file=/k", "--model_roots=/a,/b"]
    security = parse_flags(["--model_base_path=/m", *given]).operations.security
    assert security.model_roots == (Path("/a"), Path("/b"))


def test_an_admins_key_is_no_clients(folder: Path) -> None:
    flags = [
        "--allow_reload_config",
        f"--admin_api_key_file={folder / 'clients'}",
        f"--api_key_file={folder / 'clients'}",
    ]
    process = ModelServerProcess(model_base_path=folder, model_name=MODEL, flags=flags)
    with pytest.raises(ServerProcessError, match="has a key that --api_key_file has, too; make another one"), process:
        pass
