"""Settings that are wrong are told in the terminal, before anything starts."""

import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest

from scripts.errors import StackError
from scripts.stack.credentials import ensure_credentials
from scripts.stack.environment import Choices, airflow_environment, plain_environment
from scripts.stack.paths import STATE_VARIABLE, StackPaths
from scripts.stack.ports import free_port
from scripts.stack.settings_check import check_settings
from tests.support.survivors import marked_after, new_mark

ROOT = Path(__file__).parents[2]
LABELS = {"AIRFLOW__BERT_SERVICE__LABELS": "good: good; bad: bad"}


@pytest.fixture
def paths(tmp_path: Path) -> StackPaths:
    """A stack of this project's code, with settings of its own beside the DAG files."""
    root = tmp_path / "project"
    (root / "dags").mkdir(parents=True)
    for name in (".venv", "plugins", "scripts", "tfx_modules", "airflow.cfg"):
        (root / name).symlink_to(ROOT / name)
    return StackPaths(root, tmp_path / "state")


def check(paths: StackPaths, settings: Mapping[str, str]) -> None:
    credentials = ensure_credentials(paths.secrets)
    chosen = Choices(settings=settings).environment()
    check_settings(paths, airflow_environment(paths, credentials, chosen, os.environ), plain_environment(os.environ))


def test_good_settings_pass(paths: StackPaths) -> None:
    check(paths, {})


def test_both_sides_say_what_is_wrong(paths: StackPaths) -> None:
    own = paths.root / "dags" / "settings.toml"
    own.write_text("[gate]\naccuracy_floor = 7\n")
    with pytest.raises(StackError) as caught:
        check(paths, LABELS)
    message = str(caught.value)
    assert "nothing was started" in message
    assert "[bert_service] labels has the part 'good: good'; allowed: a text like 'positive: " in message
    assert f"{own}:\nThe pipeline cannot be compiled: setting gate.accuracy_floor is 7.0; allowed: 0 to 1." in message
    assert "Traceback" not in message


@pytest.mark.parametrize("content", [b'name = "bert', b'name = "caf\xe9"', b'[encoder]\nsource = "/nowhere"'])
def test_a_settings_file_or_an_encoder_that_cannot_be_read(paths: StackPaths, content: bytes) -> None:
    (paths.root / "dags" / "settings.toml").write_bytes(content)
    with pytest.raises(StackError, match=r"The pipeline cannot be compiled: (settings file|encoder part)"):
        check(paths, {})


@pytest.mark.parametrize("command", ["scripts.up", "scripts.demo"])
def test_no_service_starts_with_wrong_settings(tmp_path: Path, command: str) -> None:
    mark = new_mark()
    ports = {name: str(free_port()) for name in ("UI_PORT", "REST_PORT", "GRPC_PORT")}
    done = subprocess.run(
        [sys.executable, "-m", command],
        cwd=ROOT,
        env={**os.environ, **mark, **ports, **LABELS, STATE_VARIABLE: str(tmp_path / "state")},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 1
    assert "[bert_service] labels has the part 'good: good'" in done.stderr
    assert "is there" not in done.stdout
    assert not list((tmp_path / "state").glob("logs/*.log"))
    assert marked_after(mark, seconds=5) == {}
