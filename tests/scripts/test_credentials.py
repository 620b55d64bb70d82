"""Secrets are made once, per state folder, and only their owner can read them."""

import base64
import json
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
