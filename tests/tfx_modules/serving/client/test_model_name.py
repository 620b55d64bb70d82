"""Which model the client asks for where no flag names one."""

from pathlib import Path

import pytest

from tfx_modules.serving.client.model_name import default_model_name
from tfx_modules.serving.exceptions import FlagError


def modules(folder: Path, name: str = "demo") -> Path:
    """A folder ``tfx_modules`` with settings."""
    found = folder / "tfx_modules"
    found.mkdir(parents=True)
    (found / "settings.toml").write_text(f'name = "{name}"\n')
    return found


def test_it_is_the_name_in_the_settings(tmp_path: Path) -> None:
    assert default_model_name({}, modules(tmp_path, "film_sentiment")) == "film_sentiment"


def test_settings_beside_the_dag_files_go_before_those_of_the_modules(tmp_path: Path) -> None:
    found = modules(tmp_path)
    (tmp_path / "dags").mkdir()
    (tmp_path / "dags" / "settings.toml").write_text('name = "film_sentiment"\n')
    assert default_model_name({}, found) == "film_sentiment"


def test_the_variable_goes_before_any_file(tmp_path: Path) -> None:
    assert default_model_name({"MODEL_NAME": "film_sentiment"}, modules(tmp_path)) == "film_sentiment"


def test_the_settings_that_a_wheel_carries_are_not_the_users(tmp_path: Path) -> None:
    with pytest.raises(FlagError, match=r"give --model_name .*, or export MODEL_NAME\. `bert-service client`"):
        default_model_name({}, modules(tmp_path / "packaged"))


def test_without_settings_nothing_is_guessed(tmp_path: Path) -> None:
    with pytest.raises(FlagError, match="not known here; give --model_name"):
        default_model_name({}, tmp_path / "tfx_modules")


def test_settings_that_cannot_be_read_are_named(tmp_path: Path) -> None:
    found = modules(tmp_path)
    (found / "settings.toml").write_text("name = ")
    with pytest.raises(FlagError, match=r"cannot be read from .*settings\.toml .*; give --model_name"):
        default_model_name({}, found)
