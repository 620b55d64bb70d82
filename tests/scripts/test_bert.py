"""`scripts/bert` in a checkout, and the old names of three of its sub-commands."""

import os
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


def run(state: Path, *words: str) -> subprocess.CompletedProcess[str]:
    users = {name: value for name, value in os.environ.items() if not name.startswith("AIRFLOW")}
    environment = {**users, "BERT_SERVICE_STATE": str(state)}
    command = [str(ROOT / "scripts" / words[0]), *words[1:]]
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=False, timeout=120)


def test_help_makes_no_state(tmp_path: Path) -> None:
    state = tmp_path / "state"
    done = run(state, "bert", "--help")
    assert (done.returncode, done.stderr) == (0, "")
    assert "usage: scripts/bert SUB-COMMAND" in done.stdout
    assert not state.exists()


@pytest.mark.parametrize("name", ["models", "retention"])
def test_the_old_names_are_aliases(name: str, tmp_path: Path) -> None:
    new, old = run(tmp_path, "bert", name, "--help"), run(tmp_path, name, "--help")
    assert (new.returncode, new.stdout) == (old.returncode, old.stdout) == (0, new.stdout)
    assert f"usage: scripts/bert {name}" in new.stdout


def test_airflow_runs_with_the_stacks_settings(tmp_path: Path) -> None:
    done = run(tmp_path, "airflow", "config", "get-value", "bert_service", "state")
    assert (done.returncode, done.stdout.splitlines()[-1:]) == (0, [str(tmp_path)]), done.stderr
