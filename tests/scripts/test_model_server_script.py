"""``docker/model_server.sh`` gives a model server its config file with the pipeline's name in it."""

import os
import signal
import subprocess
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SCRIPT = ROOT / "docker" / "model_server.sh"
CONFIG = ROOT / "docker" / "serving" / "models.config"
SECONDS = 20.0


def environment(folder: Path, name: str) -> Mapping[str, str]:
    return {
        "PATH": os.environ["PATH"],
        "MODEL_NAME": name,
        "MODEL_CONFIG_FILE": str(folder / "given.config"),
        "MODEL_CONFIG_COPY": str(folder / "copy.config"),
        "MODEL_CONFIG_SECONDS": "0.05",
    }


@contextmanager
def started(folder: Path) -> Iterator["subprocess.Popen[str]"]:
    """The script with a server that prints the config file that it begins with, and waits."""
    command = [str(SCRIPT), "bash", "-c", f"cat {folder}/copy.config; echo END; exec sleep 60"]
    process = subprocess.Popen(
        ["bash", *command],
        env=environment(folder, "film_sentiment"),
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    try:
        yield process
    finally:
        os.killpg(process.pid, signal.SIGKILL)
        process.communicate()


def wait_for_text(file: Path, text: str) -> None:
    deadline = time.monotonic() + SECONDS
    while text not in file.read_text(encoding="utf-8"):
        assert time.monotonic() < deadline, f"{file} has no {text!r}"
        time.sleep(0.02)


def test_the_server_begins_with_the_name_in_its_configuration_and_the_copy_follows_the_file(tmp_path: Path) -> None:
    given = tmp_path / "given.config"
    given.write_text(CONFIG.read_text(encoding="utf-8"), encoding="utf-8")
    with started(tmp_path) as process:
        assert process.stdout is not None
        shown = "".join(iter(process.stdout.readline, "END\n"))
        assert "name: 'film_sentiment'" in shown
        assert "base_path: '/models/film_sentiment'" in shown

        given.write_text("base_path: '/other/${MODEL_NAME}'\n", encoding="utf-8")

        wait_for_text(tmp_path / "copy.config", "base_path: '/other/film_sentiment'")


@pytest.mark.parametrize("name", ["a/b", "a&b", "1st", "x" * 65])
def test_a_name_that_no_pipeline_can_have_is_refused(tmp_path: Path, name: str) -> None:
    (tmp_path / "given.config").touch()

    done = subprocess.run(
        ["bash", str(SCRIPT), "true"], env=environment(tmp_path, name), capture_output=True, text=True, check=False
    )

    assert done.returncode == 2
    assert f"MODEL_NAME is '{name}'; allowed: 1 to 64 letters" in done.stderr
    assert not (tmp_path / "copy.config").exists()
