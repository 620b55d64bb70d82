"""Secrets are made once, per state folder, and only their owner can read them."""

import base64
import json
import os
import stat
from dataclasses import asdict
from pathlib import Path

import pytest

from scripts.errors import StackError
from scripts.stack.credentials import ensure_credentials
from scripts.stack.paths import StackPaths
from scripts.stack.ports import Ports
from scripts.stack.services import model_server


def test_they_stay_the_same_from_start_to_start(tmp_path: Path) -> None:
    assert ensure_credentials(tmp_path / "secrets") == ensure_credentials(tmp_path / "secrets")


def test_each_state_folder_has_its_own(tmp_path: Path) -> None:
    one, other = (ensure_credentials(tmp_path / name) for name in ("one", "other"))

    assert {*asdict(one).values()}.isdisjoint(asdict(other).values())


def test_the_model_servers_key_is_in_a_file_that_the_server_and_curl_read(tmp_path: Path) -> None:
    made = ensure_credentials(tmp_path / "secrets")

    assert (tmp_path / "secrets" / "model_server_key").read_text() == made.model_server_key + "\n"
    assert len(made.model_server_key) == 64


def test_the_model_server_is_started_with_that_key(tmp_path: Path) -> None:
    paths = StackPaths(tmp_path, tmp_path)
    command = model_server(paths, Ports(), {}).command

    assert command[command.index("--api_key_file") + 1] == str(paths.secrets / "model_server_key")
    assert "--status_without_api_key" in command


def test_only_their_owner_can_read_them(tmp_path: Path) -> None:
    ensure_credentials(tmp_path / "secrets")

    assert stat.S_IMODE((tmp_path / "secrets").stat().st_mode) == 0o700
    assert {stat.S_IMODE(file.stat().st_mode) for file in (tmp_path / "secrets").iterdir()} == {0o600}


def test_a_folder_that_others_can_read_is_refused(tmp_path: Path) -> None:
    (tmp_path / "secrets").mkdir(mode=0o755)

    with pytest.raises(StackError, match=r"secrets must be a folder of this user with mode 0700; it has .* mode 0755"):
        ensure_credentials(tmp_path / "secrets")


def test_the_fernet_key_is_32_bytes_in_base64(tmp_path: Path) -> None:
    assert len(base64.urlsafe_b64decode(ensure_credentials(tmp_path / "secrets").fernet_key)) == 32


def test_the_login_file_has_the_form_that_airflow_reads(tmp_path: Path) -> None:
    made = ensure_credentials(tmp_path / "secrets")

    assert json.loads((tmp_path / "secrets" / "login.json").read_text()) == {"admin": made.password}


def test_they_are_never_shown(tmp_path: Path) -> None:
    made = ensure_credentials(tmp_path / "secrets")

    assert repr(made) == "Credentials()"
    assert made.password not in made.environment().values()


NAMES = ("jwt_secret", "fernet_key", "api_secret_key", "login.json", "model_server_key")


@pytest.mark.parametrize("name", NAMES)
def test_a_file_that_is_empty_or_cut_off_is_refused_at_every_length(tmp_path: Path, name: str) -> None:
    file = tmp_path / "secrets" / name
    ensure_credentials(file.parent)
    whole = file.read_bytes()

    for length in range(len(whole)):
        file.write_bytes(whole[:length])
        with pytest.raises(StackError, match=rf"{name} holds a secret and cannot be used: .* Restore it from a backup"):
            ensure_credentials(file.parent)
        assert file.read_bytes() == whole[:length]


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("content", [b"\n", b"  \n", b"\0" * 64 + b"\n", b"\xff" * 64 + b"\n", b"short\n", b"{}\n"])
def test_a_file_without_a_secret_is_refused(tmp_path: Path, name: str, content: bytes) -> None:
    file = tmp_path / "secrets" / name
    ensure_credentials(file.parent)
    file.write_bytes(content)

    with pytest.raises(StackError, match=rf"{name} holds a secret and cannot be used"):
        ensure_credentials(file.parent)


def test_nothing_but_the_secrets_is_left_in_the_folder(tmp_path: Path) -> None:
    (tmp_path / "secrets").mkdir(mode=0o700)
    (tmp_path / "secrets" / f".jwt_secret.{os.getpid()}").write_text("of a process that was killed")

    ensure_credentials(tmp_path / "secrets")

    assert sorted(file.name for file in (tmp_path / "secrets").iterdir()) == sorted(NAMES)
