"""The newest version on disk that can be loaded is the one that is served."""

import asyncio
import shutil
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.tfx_modules.serving.exported_models import Publish
from tfx_modules.serving.models.disk import find_versions
from tfx_modules.serving.models.model import ServedModel, load_model
from tfx_modules.serving.models.model_config import ALL, LATEST, ModelConfig, VersionPolicy, latest, specific
from tfx_modules.serving.models.registry import Registry
from tfx_modules.serving.models.watcher import ModelWatcher
from tfx_modules.serving.specs import ModelSpec, VersionState, VersionStatus

NAME = "reviews"


class Watched:
    """A watcher over a real folder, that remembers what was available each time a model was loaded."""

    def __init__(self, base_path: Path, loader: ThreadPoolExecutor, policy: VersionPolicy = LATEST) -> None:
        self.registry = Registry()
        self.while_loading: dict[str, list[int]] = {}
        self._base_path = base_path
        self._watcher = ModelWatcher(
            config=ModelConfig(NAME, base_path, policy), registry=self.registry, loader=loader, load=self._load
        )

    def _load(self, folder: Path) -> ServedModel:
        self.while_loading[folder.name] = self.registry.available(NAME)
        return load_model(folder)

    def poll(self) -> list[int]:
        asyncio.run(self._watcher.poll())
        return self.registry.available(NAME)

    def follow(self, policy: VersionPolicy) -> None:
        self._watcher.follow(ModelConfig(NAME, self._base_path, policy))

    def status(self, version: int) -> VersionStatus:
        return self.registry.statuses(ModelSpec(NAME, version))[0]


@pytest.fixture(scope="module")
def loader() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(1) as pool:
        yield pool


@pytest.fixture
def watched(tmp_path: Path, loader: ThreadPoolExecutor) -> Watched:
    return Watched(tmp_path, loader)


def test_version_10_comes_after_9(tmp_path: Path, watched: Watched, publish: Publish) -> None:
    publish(tmp_path, 9)
    publish(tmp_path, 10)
    assert watched.poll() == [10]


def test_a_new_version_is_loaded_before_the_old_one_is_dropped(
    tmp_path: Path, watched: Watched, publish: Publish
) -> None:
    publish(tmp_path, 1)
    watched.poll()
    publish(tmp_path, 2)
    assert watched.poll() == [2]
    assert watched.while_loading == {"1": [], "2": [1]}
    assert watched.status(1) == VersionStatus(1, VersionState.END)


def test_deleting_the_newest_rolls_back_to_the_one_before(tmp_path: Path, watched: Watched, publish: Publish) -> None:
    publish(tmp_path, 1)
    newest = publish(tmp_path, 2)
    assert watched.poll() == [2]
    shutil.rmtree(newest)
    assert watched.poll() == [1]
    assert watched.while_loading["1"] == [2]


def test_deleting_all_versions_ends_the_service(tmp_path: Path, watched: Watched, publish: Publish) -> None:
    only = publish(tmp_path, 1)
    watched.poll()
    shutil.rmtree(only)
    assert watched.poll() == []
    assert watched.status(1).state is VersionState.END


def test_a_base_path_that_is_gone_changes_nothing(tmp_path: Path, loader: ThreadPoolExecutor, publish: Publish) -> None:
    base_path = tmp_path / "models"
    watched = Watched(base_path, loader)
    assert watched.poll() == []
    base_path.mkdir()
    publish(base_path, 1)
    assert watched.poll() == [1]
    shutil.rmtree(base_path)
    assert watched.poll() == [1]


def test_a_version_that_cannot_be_loaded_leaves_the_old_one_in_service(
    tmp_path: Path, watched: Watched, publish: Publish
) -> None:
    publish(tmp_path, 1)
    watched.poll()
    shutil.rmtree(publish(tmp_path, 2) / "variables")
    assert watched.poll() == [1]
    status = watched.status(2)
    assert (status.state, status.error_code) == (VersionState.END, "INVALID_ARGUMENT")
    assert "cannot load" in status.error_message


def test_a_broken_version_is_tried_again_only_when_its_files_change(
    tmp_path: Path, watched: Watched, publish: Publish, exported: dict[int, Path]
) -> None:
    publish(tmp_path, 1)
    broken = publish(tmp_path, 2)
    shutil.rmtree(broken / "variables")
    watched.poll()
    watched.while_loading.clear()
    watched.poll()
    assert watched.while_loading == {}
    shutil.copytree(exported[2] / "variables", broken / "variables")
    assert watched.poll() == [2]


def test_a_broken_newest_version_is_passed_over_at_the_start_too(
    tmp_path: Path, watched: Watched, publish: Publish
) -> None:
    publish(tmp_path, 1)
    (publish(tmp_path, 2) / "saved_model.pb").write_bytes(b"not a model")
    assert watched.poll() == [1]


def test_a_folder_that_is_being_copied_is_not_picked_up(tmp_path: Path, watched: Watched, publish: Publish) -> None:
    publish(tmp_path, 1)
    copied = publish(tmp_path, 2)
    (copied / "saved_model.pb").rename(tmp_path / "saved_model.pb")
    assert watched.poll() == [1]
    with pytest.raises(Exception, match="Could not find version 2"):
        watched.status(2)
    (tmp_path / "saved_model.pb").rename(copied / "saved_model.pb")
    assert watched.poll() == [2]


def test_names_that_are_not_positive_integers_are_not_versions(tmp_path: Path, exported: dict[int, Path]) -> None:
    for name in ("0", "-1", "1.5", "v3", "tmp", "²", "99999999999999999999", "0004", "5"):
        shutil.copytree(exported[1], tmp_path / name)
    (tmp_path / "6").write_text("a file")
    assert [folder.version for folder in find_versions(tmp_path)] == [5, 4]


@pytest.mark.parametrize(
    ("policy", "served"),
    [(LATEST, [10]), (latest(0), [10]), (latest(2), [10, 9]), (ALL, [10, 9, 2, 1]), (specific(9, 1), [9, 1])],
)
def test_exactly_the_versions_of_the_policy_are_served(
    tmp_path: Path, loader: ThreadPoolExecutor, publish: Publish, policy: VersionPolicy, served: list[int]
) -> None:
    for version in (1, 2, 9, 10):
        publish(tmp_path, version)
    assert Watched(tmp_path, loader, policy).poll() == served


def test_of_the_newest_two_a_broken_one_does_not_count(
    tmp_path: Path, loader: ThreadPoolExecutor, publish: Publish
) -> None:
    for version in (1, 2, 9):
        publish(tmp_path, version)
    shutil.rmtree(tmp_path / "9" / "variables")
    watched = Watched(tmp_path, loader, latest(2))
    assert watched.poll() == [2, 1]
    newest = publish(tmp_path, 10)
    assert watched.poll() == [10, 2]
    assert watched.while_loading["10"] == [2, 1]
    shutil.rmtree(newest)
    assert watched.poll() == [2, 1]


def test_another_policy_is_followed_and_what_it_asks_for_is_loaded_first(
    tmp_path: Path, watched: Watched, publish: Publish
) -> None:
    for version in (1, 2, 9):
        publish(tmp_path, version)
    assert watched.poll() == [9]
    watched.follow(specific(1))
    assert watched.poll() == [1]
    assert watched.while_loading["1"] == [9]
    watched.follow(ALL)
    assert watched.poll() == [9, 2, 1]


def test_a_pinned_version_that_cannot_be_loaded_leaves_what_is_served(
    tmp_path: Path, watched: Watched, publish: Publish
) -> None:
    for version in (1, 2):
        publish(tmp_path, version)
    assert watched.poll() == [2]
    shutil.rmtree(tmp_path / "1" / "variables")
    watched.follow(specific(1))
    assert watched.poll() == [2]


def test_a_pinned_version_that_is_not_there_is_told_of_once(
    tmp_path: Path, watched: Watched, publish: Publish, caplog: pytest.LogCaptureFixture
) -> None:
    publish(tmp_path, 1)
    watched.follow(specific(1, 7))
    assert watched.poll() == watched.poll() == [1]
    assert [record.message for record in caplog.records if "not on disk" in record.message] == [
        "model reviews: the config asks for versions that are not on disk: [7]"
    ]
