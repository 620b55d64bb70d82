"""Set-up builds beside what is in use, puts a finished environment in place at one stroke, and removes only its own.

The environments are tiny, and real: uv makes them, and installs a package that the tests write.
"""

import base64
import hashlib
import os
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from scripts.errors import SetupError
from scripts.setup.__main__ import main
from scripts.setup.builds import builds_folder, check_place, is_used
from scripts.setup.environments import Environment, build
from scripts.setup.tfx import main as set_up_tfx
from scripts.setup.uv import UV_LOCK, find_or_fetch_uv

ROOT = Path(__file__).parents[2]
THIS = "{}.{}".format(*sys.version_info[:2])
# Answers when it is told to; `lazy` is imported only then.
WAITS = """
import early, sys
print("ready", flush=True)
sys.stdin.readline()
import lazy
print(lazy.VERSION, lazy.__file__)
"""


@pytest.fixture(scope="session")
def uv() -> Path:
    return find_or_fetch_uv(ROOT / ".venv", ROOT / UV_LOCK, os.environ)


def locked(root: Path, version: str) -> None:
    """Lock the environments of a project to a version of a package with two modules."""
    wheel = root / f"tiny-{version}-py3-none-any.whl"
    files = {
        "early.py": "",
        "lazy.py": f"VERSION = {version!r}\n",
        f"tiny-{version}.dist-info/METADATA": f"Metadata-Version: 2.1\nName: tiny\nVersion: {version}\n",
        f"tiny-{version}.dist-info/WHEEL": "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
        f"tiny-{version}.dist-info/entry_points.txt": "[console_scripts]\ntiny = early:main\n",
    }
    record = "".join(f"{name},sha256={_digest(text)},{len(text)}\n" for name, text in files.items())
    with zipfile.ZipFile(wheel, "w") as archive:
        for name, text in {**files, f"tiny-{version}.dist-info/RECORD": record}.items():
            archive.writestr(name, text)
    (root / "requirements").mkdir(exist_ok=True)
    lock = f"tiny @ {wheel.as_uri()} --hash=sha256:{hashlib.sha256(wheel.read_bytes()).hexdigest()}\n"
    for name in ("tfx", "airflow"):
        (root / "requirements" / f"{name}.txt").write_text(lock)


def _digest(text: str) -> str:
    return base64.urlsafe_b64encode(hashlib.sha256(text.encode()).digest()).rstrip(b"=").decode()


def built(root: Path, uv: Path, version: str) -> Environment:
    locked(root, version)
    environment = Environment("airflow", THIS, root)
    build(environment, uv, Path(sys.executable), os.environ)
    return environment


def version_of(environment: Environment) -> str:
    python = environment.folder / "bin" / "python"
    code = "import lazy; print(lazy.VERSION)"
    return subprocess.run([python, "-c", code], capture_output=True, text=True, check=True).stdout.strip()


@contextmanager
def waiting(python: Path) -> Iterator["subprocess.Popen[str]"]:
    process = subprocess.Popen([python, "-c", WAITS], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        yield process
    finally:
        process.kill()
        process.communicate()


def numbers(environment: Environment) -> list[str]:
    return sorted(entry.name for entry in builds_folder(environment.folder).iterdir() if entry.name.isdigit())


def test_a_process_that_runs_keeps_the_environment_it_started_with(tmp_path: Path, uv: Path) -> None:
    first = built(tmp_path, uv, "1.0")
    assert first.is_ready()
    with waiting(first.folder / "bin" / "python") as process:
        second = built(tmp_path, uv, "2.0")
        assert (second.is_ready(), version_of(second)) == (True, "2.0")

        answer, _ = process.communicate("go\n")

    assert answer.startswith("1.0 ")
    assert str(builds_folder(first.folder) / "1") in answer


def test_programs_of_an_environment_name_its_own_folder(tmp_path: Path, uv: Path) -> None:
    environment = built(tmp_path, uv, "1.0")

    program = (environment.folder / "bin" / "tiny").read_text()

    assert program.splitlines()[0] == f"#!{builds_folder(environment.folder) / '1' / 'bin' / 'python'}"


def test_an_environment_that_cannot_be_built_leaves_the_one_before_in_place(tmp_path: Path, uv: Path) -> None:
    environment = built(tmp_path, uv, "1.0")
    locked(tmp_path, "2.0")
    (tmp_path / "tiny-2.0-py3-none-any.whl").write_bytes(b"cut off")

    with pytest.raises(SetupError, match="Nothing has changed"):
        build(environment, uv, Path(sys.executable), os.environ)

    assert version_of(environment) == "1.0"
    assert not environment.is_ready()  # its lock has changed


def test_remains_of_earlier_builds_are_removed_once_nothing_uses_them(tmp_path: Path, uv: Path) -> None:
    environment = built(tmp_path, uv, "1.0")
    (builds_folder(environment.folder) / "7" / "lib").mkdir(parents=True)  # of a set-up that was killed

    built(tmp_path, uv, "2.0")
    assert numbers(environment) == ["1", "8"]
    built(tmp_path, uv, "3.0")

    assert numbers(environment) == ["8", "9"]
    assert version_of(environment) == "3.0"


def test_a_build_whose_files_a_process_has_in_memory_is_used(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(bytes(4096))
    code = "import mmap, sys; f = open(sys.argv[1], 'r+b'); m = mmap.mmap(f.fileno(), 0); print(flush=True); input()"
    assert not is_used(tmp_path)

    with subprocess.Popen(
        [sys.executable, "-c", code, tmp_path / "file"], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as process:
        assert process.stdout is not None
        process.stdout.readline()
        assert is_used(tmp_path)
        process.communicate(b"\n")

    assert not is_used(tmp_path)


def test_the_folder_of_an_earlier_kind_of_set_up_becomes_a_build(tmp_path: Path, uv: Path) -> None:
    environment = Environment("airflow", THIS, tmp_path)
    environment.folder.mkdir(parents=True)
    environment.stamp.write_text("of other locks")

    built(tmp_path, uv, "1.0")

    assert environment.folder.is_symlink()
    assert (builds_folder(environment.folder) / "2" / "setup.stamp").read_text() == "of other locks"


@pytest.mark.parametrize("kept", ["environment", "nothing"])
def test_set_up_builds_nothing_through_a_link_at_the_environments_folder(
    kept: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    project, elsewhere = tmp_path / "project", tmp_path / "elsewhere"
    project.mkdir()
    locked(project, "1.0")
    if kept == "environment":
        (elsewhere / "airflow" / "bin").mkdir(parents=True)
        (elsewhere / "airflow" / "bin" / "python").write_text("another checkout's")
        (elsewhere / "airflow" / "setup.stamp").write_text("of other locks")
    before = sorted(elsewhere.rglob("*"))
    (project / ".venv").symlink_to(elsewhere)

    assert main(project) == 1

    assert f".venv is a link to {elsewhere}" in (message := capsys.readouterr().err)
    assert f"Remove the link (rm {project / '.venv'})" in message
    assert [path for path in sorted(elsewhere.rglob("*")) if path.name != "setup.lock"] == before
    assert (project / ".venv").is_symlink()


def test_what_is_ready_behind_a_link_is_used(tmp_path: Path, uv: Path) -> None:
    first, second = tmp_path / "first", tmp_path / "second"
    for project in (first, second):
        project.mkdir()
    made = built(first, uv, "1.0")
    (second / "requirements").symlink_to(first / "requirements")
    (second / ".venv").symlink_to(first / ".venv")

    linked = Environment("airflow", THIS, second)

    assert linked.is_ready()
    assert version_of(linked) == "1.0"
    assert made.is_ready()


@pytest.mark.parametrize("what", ["link", "folder", "file", "environment"])
def test_what_set_up_has_not_made_is_not_replaced(what: str, tmp_path: Path) -> None:
    place, somebody = tmp_path / "tfx", tmp_path / "somebody"
    (somebody / "bin").mkdir(parents=True)
    (somebody / "pyvenv.cfg").write_text("home = /usr/bin\n")
    if what == "link":
        place.symlink_to(somebody)
    elif what == "file":
        place.write_text("years of work")
    elif what == "folder":
        place.mkdir()
        (place / "thesis.txt").write_text("years of work")
    else:
        somebody.rename(place)
    before = sorted(tmp_path.rglob("*"))

    with pytest.raises(SetupError, match=r"set-up has not made it|is a link to"):
        check_place(place)
    assert set_up_tfx([str(place)], ROOT) == 1

    assert sorted(tmp_path.rglob("*")) == before


def test_a_folder_beside_the_environment_that_only_has_its_name_is_left_alone(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "tfx.builds").mkdir()
    (tmp_path / "tfx.builds" / "1").write_text("years of work")

    assert set_up_tfx([str(tmp_path / "tfx")], ROOT) == 1

    assert "tfx.builds exists, and set-up has not made it" in capsys.readouterr().err
    assert (tmp_path / "tfx.builds" / "1").read_text() == "years of work"


def test_fetching_uv_removes_nothing(tmp_path: Path) -> None:
    (tmp_path / "uv" / "bin").mkdir(parents=True)
    (tmp_path / "uv" / "thesis.txt").write_text("years of work")
    lock = tmp_path / "uv.txt"
    lock.write_text(f"uv==0.0.0 --hash=sha256:{'0' * 64}\n")

    with pytest.raises(SetupError, match="Put uv on PATH"):
        find_or_fetch_uv(tmp_path, lock, {**os.environ, "PATH": "", "PIP_NO_INDEX": "1"})

    assert (tmp_path / "uv" / "thesis.txt").read_text() == "years of work"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["uv", "uv.txt"]


def test_cleaning_removes_a_link_and_not_what_it_points_to(tmp_path: Path) -> None:
    project, elsewhere = tmp_path / "project", tmp_path / "elsewhere"
    for folder in (project, elsewhere):
        folder.mkdir()
    (elsewhere / "thesis.txt").write_text("years of work")
    for name in (".venv", "var"):
        (project / name).symlink_to(elsewhere)

    subprocess.run(["make", "-f", ROOT / "Makefile", "clean"], cwd=project, check=True, capture_output=True)

    assert list(project.iterdir()) == []
    assert (elsewhere / "thesis.txt").read_text() == "years of work"
