"""Several models by a ModelServerConfig: what it may say, and that a broken one changes nothing."""

import asyncio
import os
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.tfx_modules.serving.exported_models import Publish
from tfx_modules.serving.exceptions import LabelError, ModelConfigError
from tfx_modules.serving.models.config_file import ConfigFile, parse_config
from tfx_modules.serving.models.manager import ModelManager
from tfx_modules.serving.models.model import load_model
from tfx_modules.serving.models.model_config import ALL, LATEST, ModelConfig, ServerConfig, latest, specific
from tfx_modules.serving.models.registry import Registry

# The forms of TensorFlow Serving's guide: with and without colons, both quotes.
EXAMPLE = """
model_config_list {
  config { name: 'first' base_path: '/models/first/' model_platform: 'tensorflow' }
  config: {
    name: "second", base_path: "/models/second", model_platform: "tensorflow",
    model_version_policy { specific { versions: 42 versions: 43 } }
    version_labels { key: 'stable' value: 42 }
    version_labels { key: 'canary' value: 43 }
  }
  config { name: 'third' base_path: '/models/third' model_type: TENSORFLOW model_version_policy { all {} } }
  config { name: 'fourth' base_path: '/m' model_platform: 'tensorflow'
           model_version_policy { latest { num_versions: 3 } } }
}
"""


def model(name: str, base_path: Path, more: str = "") -> str:
    return f"config {{ name: '{name}' base_path: '{base_path}' model_platform: 'tensorflow' {more} }}"


def config(*models: str) -> str:
    return f"model_config_list {{ {' '.join(models)} }}"


def test_names_folders_policies_and_labels_are_read() -> None:
    assert parse_config(EXAMPLE, "x") == ServerConfig(
        (
            ModelConfig("first", Path("/models/first"), LATEST),
            ModelConfig("second", Path("/models/second"), specific(42, 43), {"stable": 42, "canary": 43}),
            ModelConfig("third", Path("/models/third"), ALL),
            ModelConfig("fourth", Path("/m"), latest(3)),
        )
    )


def test_an_empty_config_asks_for_no_change_and_an_empty_list_for_no_models() -> None:
    assert parse_config("  # nothing yet", "x") is None
    assert parse_config("model_config_list {}", "x") == ServerConfig()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("model_config_list { config { nam: 'a' } }", r'x is not a ModelServerConfig .*1:30.*no field named "nam"'),
        ("model_config_list {", "x is not a ModelServerConfig in text form"),
        (config(model("a", Path("/a"), "logging_config {}")), "model a: logging_config is not supported"),
        (config(model("a", Path("/a")), model("a", Path("/b"))), "Illegal to list model a multiple times"),
        (config(model("a", Path("a"))), r"Expected model a to have an absolute path or URI; got base_path\(\)=a"),
        (config(model("a/b", Path("/a"))), "model name 'a/b' cannot be part of a URL"),
        ("model_config_list { config { name: 'a' base_path: '/a' } }", "Illegal setting neither .*model_type"),
        (config(model("a", Path("/a"), "model_type: TENSORFLOW")), "Illegal setting both .*model_type"),
        (
            "model_config_list { config { name: 'a' base_path: '/a' model_platform: 'other' } }",
            "Model a requests unsupported platform other; supported is 'tensorflow'",
        ),
        (
            config(model("a", Path("/a"), "model_version_policy { specific {} }")),
            "model a: a specific .* name at least",
        ),
        ("custom_model_config {}", "Only ModelConfigList is currently supported"),
    ],
)
def test_what_is_not_understood_is_a_clear_error(text: str, message: str) -> None:
    with pytest.raises(ModelConfigError, match=message):
        parse_config(text, "x")


class Served:
    """A config file, and what is served by it."""

    def __init__(self, folder: Path, loader: ThreadPoolExecutor) -> None:
        self.path = folder / "models.config"
        self.registry = Registry()
        self.manager = ModelManager(registry=self.registry, loader=loader, load=load_model)
        self._file = ConfigFile(self.path, self.manager)

    def poll(self, text: str) -> dict[str, list[int]]:
        self.path.write_text(text)
        asyncio.run(self._file.poll())
        return {name: self.registry.available(name) for name in ("a", "b")}

    def load(self, text: str) -> None:
        self.path.write_text(text)
        asyncio.run(self._file.load())


@pytest.fixture
def served(tmp_path: Path, publish: Publish) -> Iterator[Served]:
    for name, version in (("a", 1), ("a", 2), ("b", 9)):
        (tmp_path / name).mkdir(exist_ok=True)
        publish(tmp_path / name, version)
    with ThreadPoolExecutor(1) as loader:
        yield Served(tmp_path, loader)


def test_models_come_and_go_with_the_file(served: Served, tmp_path: Path) -> None:
    a, b = model("a", tmp_path / "a"), model("b", tmp_path / "b")
    assert served.poll(config(a)) == {"a": [2], "b": []}
    assert served.poll(config(a, b)) == {"a": [2], "b": [9]}
    assert served.poll(config(b)) == {"a": [], "b": [9]}
    assert served.poll(config(model("a", tmp_path / "a", "model_version_policy { all {} }"))) == {"a": [2, 1], "b": []}


@pytest.mark.parametrize("broken", ["model_config_list { config {", "", "model_config_list { config { nam: 'a' } }"])
def test_a_file_that_becomes_broken_leaves_what_is_served_in_place(
    served: Served, tmp_path: Path, broken: str, caplog: pytest.LogCaptureFixture
) -> None:
    good = config(model("a", tmp_path / "a"))
    served.poll(good)
    assert served.poll(broken) == served.poll(broken) == {"a": [2], "b": []}
    assert served.manager.is_serving
    told = [record.message for record in caplog.records if "is not changed" in record.message]
    assert len(told) == (1 if broken else 0), "a file that is just being written is empty, and no fault"
    assert served.poll(good) == {"a": [2], "b": []}


def test_a_file_that_is_gone_leaves_what_is_served_in_place(
    served: Served, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    served.poll(config(model("a", tmp_path / "a")))
    served.path.unlink()
    with pytest.raises(ModelConfigError, match=r"models\.config cannot be read"):
        asyncio.run(ConfigFile(served.path, served.manager).load())
    assert served.registry.available("a") == [2]
    assert "cannot be read" not in caplog.text


@pytest.mark.parametrize("place", [os.mkfifo, lambda path: path.symlink_to("/dev/zero"), Path.mkdir])
def test_what_is_no_file_any_more_is_waited_for_by_nobody(
    served: Served, tmp_path: Path, place: Callable[[Path], None], caplog: pytest.LogCaptureFixture
) -> None:
    served.poll(config(model("a", tmp_path / "a")))
    served.path.unlink()
    place(served.path)
    asyncio.run(ConfigFile(served.path, served.manager).poll())
    assert served.registry.available("a") == [2]
    assert "the model config is not changed, and the next poll tries again" in caplog.text


def test_a_label_is_taken_once_its_version_is_available(served: Served, tmp_path: Path) -> None:
    policy = "model_version_policy { all {} }"
    labelled = config(model("a", tmp_path / "a", policy + " version_labels { key: 'stable' value: 1 }"))
    with pytest.raises(LabelError, match="version 1 of model a, which is not currently available"):
        served.load(labelled)
    assert served.poll(config(model("a", tmp_path / "a", policy)))["a"] == [2, 1]
    served.load(labelled)
    assert served.registry.resolve_label("a", "stable") == 1


def test_a_config_is_realised_although_nobody_waits_for_it_any_more(served: Served, tmp_path: Path) -> None:
    served.poll(config(model("a", tmp_path / "a"), model("c", tmp_path / "a")))

    async def give_up_waiting() -> None:
        wanted = parse_config(config(model("b", tmp_path / "b")), "x")
        assert wanted is not None
        waiting = asyncio.create_task(served.manager.apply(wanted))
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting
        await served.manager.poll()  # comes after what is under way

    asyncio.run(give_up_waiting())
    assert {name: served.registry.available(name) for name in "abc"} == {"a": [], "b": [9], "c": []}
