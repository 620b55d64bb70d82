"""Set-up builds what is missing, finds the Pythons it needs, and does nothing when nothing is missing."""

import os
import re
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest

from scripts.setup.__main__ import main
from scripts.setup.environments import (
    Environment,
    all_environments,
    build,
    notebook_environment,
    tools_environment,
)
from scripts.setup.pythons import candidates, find_python, probe

ROOT = Path(__file__).parents[2]
THIS = "{}.{}".format(*sys.version_info[:2])


def test_a_second_set_up_does_nothing_and_is_fast() -> None:
    assert all(environment.is_ready() for environment in all_environments(ROOT))
    started = time.monotonic()

    done = subprocess.run([sys.executable, "-m", "scripts.setup"], cwd=ROOT, capture_output=True, text=True, check=True)

    assert (done.stdout, done.stderr) == ("", "")
    assert time.monotonic() - started < 2


def test_a_changed_lock_file_makes_an_environment_unready(tmp_path: Path) -> None:
    environment = Environment("tfx", "3.11", tmp_path)
    (tmp_path / "requirements").mkdir()
    environment.lock.write_text("tfx==1.21.0\n")
    (environment.folder / "bin").mkdir(parents=True)
    (environment.folder / "bin" / "python").touch()
    environment.stamp.write_text(environment.key())
    assert environment.is_ready()

    environment.lock.write_text("tfx==1.21.1\n")

    assert not environment.is_ready()


def test_a_python_is_found_on_path() -> None:
    found = find_python(THIS, {"PATH": str(Path(sys.executable).parent)})

    assert found is not None
    assert probe(found) == f"cpython {THIS}"


def test_pyenvs_newest_patch_release_comes_first(tmp_path: Path) -> None:
    for name in ("3.12.9", "3.12.10", "3.12-dev", "3.1.2"):
        python = tmp_path / "versions" / name / "bin" / "python"
        python.parent.mkdir(parents=True)
        python.touch(mode=0o755)

    found = candidates("3.12", {"PYENV_ROOT": str(tmp_path)})

    assert [path.parts[-3] for path in found] == ["3.12.10", "3.12.9"]


def test_a_shim_that_fails_is_no_python(tmp_path: Path) -> None:
    shim = tmp_path / f"python{THIS}"
    shim.write_text("#!/bin/sh\nexit 127\n")
    shim.chmod(0o755)

    assert find_python(THIS, {"PATH": str(tmp_path)}) is None


def test_a_python_that_cannot_be_had_is_named_with_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    uv = tmp_path / "uv"
    uv.write_text('#!/bin/sh\n[ "$1" = --version ] && echo uv 0.9.0\n')
    uv.chmod(0o755)
    for environment in all_environments(tmp_path):
        environment.lock.parent.mkdir(exist_ok=True)
        environment.lock.touch()
    for variable in ("PATH", "HOME"):
        monkeypatch.setenv(variable, str(tmp_path))
    monkeypatch.delenv("PYENV_ROOT", raising=False)

    assert main(tmp_path) == 1

    assert "tfx environment needs Python 3.11" in (message := capsys.readouterr().err)
    assert "pyenv install 3.11" in message
    assert "apt-get install python3.11" in message


def test_help_lists_every_command() -> None:
    environ = {name: value for name, value in os.environ.items() if not name.startswith(("MAKE", "MFLAGS"))}
    shown = subprocess.run(["make", "help"], cwd=ROOT, env=environ, capture_output=True, text=True, check=True).stdout
    rules = re.findall(r"^([a-z0-9-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE)

    assert [line.split()[0] for line in shown.splitlines()] == rules
    assert all(len(line.split()) > 1 for line in shown.splitlines())


def test_the_tools_environment_is_built_for_make_docs_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    uv = tmp_path / "uv"
    uv.write_text('#!/bin/sh\n[ "$1" = --version ] && echo uv 0.9.0\n')
    uv.chmod(0o755)
    for variable in ("PATH", "HOME"):
        monkeypatch.setenv(variable, str(tmp_path))
    monkeypatch.delenv("PYENV_ROOT", raising=False)

    assert tools_environment(tmp_path).name not in {environment.name for environment in all_environments(tmp_path)}
    assert main(tmp_path, ["tools"]) == 1
    assert "The tools environment needs Python 3.12" in capsys.readouterr().err


def test_the_notebook_environment_has_the_releases_that_the_tfx_environment_has() -> None:
    notebook = notebook_environment(ROOT)
    assert notebook.base is not None
    own, base = (
        dict(re.findall(r"^([a-z0-9.-]+)(?:\[.*\])?==([^ ;]+)", one.lock.read_text(), re.MULTILINE))
        for one in (notebook, notebook.base)
    )

    shared = own.keys() & base.keys()

    assert {"ipython", "traitlets"} <= shared
    assert {name: own[name] for name in shared} == {name: base[name] for name in shared}
    assert notebook.python == notebook.base.python


def test_constraints_that_others_have_set_for_uv_do_not_count(tmp_path: Path) -> None:
    found = shutil.which("uv") or ROOT / ".venv" / "uv" / "bin" / "uv"
    environment = Environment("own", THIS, tmp_path)
    environment.lock.parent.mkdir()
    environment.lock.touch()
    missing = str(tmp_path / "nowhere.constraints")  # as Colab has it
    others = {"UV_CONSTRAINT": missing, "UV_BUILD_CONSTRAINT": missing, "UV_SYSTEM_PYTHON": "true"}

    build(environment, Path(found), Path(sys.executable), {**os.environ, **others})

    assert environment.is_ready()


def test_an_unknown_argument_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(tmp_path, ["everything"]) == 2

    assert (
        capsys.readouterr().err
        == "Set-up got the argument everything; allowed: none, tools, kubeflow, notebook. Repeat with one of these.\n"
    )
    assert list(tmp_path.iterdir()) == []
