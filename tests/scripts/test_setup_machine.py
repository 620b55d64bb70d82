"""Set-up says before it installs anything that the TFX side's packages are not published for a machine."""

from pathlib import Path

import pytest

from scripts.errors import SetupError
from scripts.setup import missing
from scripts.setup.environments import Environment, all_environments
from scripts.setup.machine import Machine, check_machine, this_machine

TFX = Environment("tfx", "3.11", Path("/nowhere"))


def test_this_machine_has_a_processor_and_a_c_library() -> None:
    found = this_machine()

    assert found.processor
    assert found.libc.startswith("glibc 2.")


@pytest.mark.parametrize("libc", ["glibc 2.28", "glibc 2.36", "glibc 2.41", "glibc 3.0"])
def test_glibc_that_is_new_enough_will_do(libc: str) -> None:
    check_machine(TFX, Machine("x86_64", libc))


@pytest.mark.parametrize(
    ("machine", "found"),
    [
        (Machine("x86_64", "glibc 2.27"), r"glibc 2\.27 on x86_64"),
        (Machine("x86_64", "glibc 2.9"), r"glibc 2\.9 on x86_64"),
        (Machine("x86_64", ""), "a C library that is not glibc on x86_64"),
        (Machine("aarch64", "glibc 2.36"), r"glibc 2\.36 on aarch64"),
    ],
)
def test_a_machine_without_wheels_is_named_with_what_will_do(machine: Machine, found: str) -> None:
    with pytest.raises(
        SetupError, match=rf"which has {found}; allowed: glibc 2\.28 or newer .*Nothing was installed\. Use"
    ):
        check_machine(TFX, machine)


def test_the_airflow_side_runs_anywhere() -> None:
    check_machine(Environment("airflow", "3.12", Path("/nowhere")), Machine("aarch64", ""))


def test_nothing_is_fetched_or_made_on_such_a_machine(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(missing, "this_machine", lambda: Machine("x86_64", "glibc 2.17"))
    for environment in all_environments(tmp_path):
        environment.lock.parent.mkdir(exist_ok=True)
        environment.lock.touch()
    home = tmp_path / ".venv"

    assert missing.build_missing(all_environments(tmp_path), home) == 1

    assert "which has glibc 2.17 on x86_64" in capsys.readouterr().err
    assert [path.name for path in home.iterdir()] == ["setup.lock"]
