"""Whatever the disk does, the watcher keeps what is served, says what is wrong, and looks again at the next poll."""

import asyncio
import logging
import os
import resource
import shutil
import tempfile
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.tfx_modules.serving.exported_models import Publish
from tfx_modules.promotion import manifest
from tfx_modules.serving.exceptions import ModelLoadError, ModelUnreadableError
from tfx_modules.serving.models.disk import check_readable, find_versions
from tfx_modules.serving.models.model import load_model
from tfx_modules.serving.models.model_config import ModelConfig
from tfx_modules.serving.models.registry import Registry
from tfx_modules.serving.models.watcher import BASE_PATH, VERSION, ModelWatcher
from tfx_modules.serving.specs import ModelSpec, VersionState, VersionStatus

NAME = "reviews"
NOBODY = 65534


class Watched:
    """A watcher over a real folder, and the faults of the disk that it has counted."""

    def __init__(self, base_path: Path, loader: ThreadPoolExecutor) -> None:
        self.registry = Registry()
        self.counted: list[str] = []
        self._watcher = ModelWatcher(
            config=ModelConfig(NAME, base_path),
            registry=self.registry,
            loader=loader,
            load=load_model,
            count_disk_error=self.counted.append,
        )

    def poll(self) -> list[int]:
        asyncio.run(self._watcher.poll())
        return self.registry.available(NAME)

    def poll_without_descriptors(self) -> list[int]:
        asyncio.run(self._starved())
        return self.registry.available(NAME)

    async def _starved(self) -> None:
        with without_descriptors():
            await self._watcher.poll()

    def status(self, version: int) -> VersionStatus:
        return self.registry.statuses(ModelSpec(NAME, version))[0]


@pytest.fixture(scope="module")
def loader() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(1) as pool:
        yield pool


@pytest.fixture
def open_path() -> Iterator[Path]:
    """A base path that every user may look into; pytest's own are closed to others."""
    folder = Path(tempfile.mkdtemp())
    folder.chmod(0o755)
    yield folder
    shutil.rmtree(folder)


@pytest.fixture
def watched(tmp_path: Path, loader: ThreadPoolExecutor, publish: Publish) -> Watched:
    """A watcher that serves version 1."""
    made = Watched(tmp_path, loader)
    publish(tmp_path, 1)
    assert made.poll() == [1]
    return made


@contextmanager
def without_permissions() -> Iterator[None]:
    """Be a user whom file modes concern; root may read everything."""
    if os.geteuid() != 0:
        yield
        return
    os.seteuid(NOBODY)
    try:
        yield
    finally:
        os.seteuid(0)


@contextmanager
def without_descriptors() -> Iterator[None]:
    """Let no more files be opened."""
    limits = resource.getrlimit(resource.RLIMIT_NOFILE)
    lowest_free = os.open(os.devnull, os.O_RDONLY)
    os.close(lowest_free)
    resource.setrlimit(resource.RLIMIT_NOFILE, (lowest_free, limits[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, limits)


def loop_of_links(path: Path) -> None:
    path.symlink_to(path)


def warnings(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [record.message for record in caplog.records if record.levelno == logging.WARNING]


def test_a_base_path_without_permission_changes_nothing_and_is_told_of_once(
    tmp_path: Path, watched: Watched, caplog: pytest.LogCaptureFixture
) -> None:
    tmp_path.chmod(0)
    with without_permissions():
        assert watched.poll() == watched.poll() == [1]
    tmp_path.chmod(0o755)
    assert watched.counted == [BASE_PATH, BASE_PATH]
    assert len(warnings(caplog)) == 1
    assert "cannot read the base path: [Errno 13] Permission denied" in warnings(caplog)[0]
    assert watched.poll() == [1]


def test_no_descriptors_left_change_nothing(tmp_path: Path, watched: Watched, publish: Publish) -> None:
    publish(tmp_path, 2)
    with without_descriptors(), pytest.raises(ModelUnreadableError, match="Too many open files"):
        load_model(tmp_path / "2")
    assert watched.poll_without_descriptors() == [1]
    assert watched.counted == [BASE_PATH]
    assert watched.poll() == [2]


def test_a_version_that_may_not_be_read_is_served_once_it_may(
    open_path: Path, loader: ThreadPoolExecutor, publish: Publish, caplog: pytest.LogCaptureFixture
) -> None:
    publish(open_path, 1)
    watched = Watched(open_path, loader)
    hidden = publish(open_path, 2) / "variables"
    hidden.chmod(0)
    with without_permissions():
        assert watched.poll() == watched.poll() == [1]
    status = watched.status(2)
    assert (status.state, status.error_code) == (VersionState.END, "UNAVAILABLE")
    assert "Permission denied" in status.error_message
    assert watched.counted == [VERSION, VERSION]
    assert len(warnings(caplog)) == 1
    hidden.chmod(0o755)
    assert watched.poll() == [2]


def test_a_version_in_service_stays_while_its_own_folder_cannot_be_read(
    tmp_path: Path, watched: Watched, publish: Publish, caplog: pytest.LogCaptureFixture
) -> None:
    publish(tmp_path, 2)
    assert watched.poll() == [2]
    (tmp_path / "2").rename(tmp_path / "aside")
    loop_of_links(tmp_path / "2")
    assert watched.poll() == watched.poll() == [2]
    assert "version 2 stays in service" in "".join(warnings(caplog))
    assert "Too many levels of symbolic links" in "".join(warnings(caplog))
    assert len(warnings(caplog)) == 1
    (tmp_path / "2").unlink()
    assert watched.poll() == [1]


def test_one_version_that_cannot_be_read_does_not_keep_others_out(
    tmp_path: Path, watched: Watched, publish: Publish
) -> None:
    loop_of_links(tmp_path / "10")
    publish(tmp_path, 2)
    assert watched.poll() == [2]
    status = watched.status(10)
    assert (status.state, status.error_code) == (VersionState.END, "UNAVAILABLE")
    assert "Too many levels of symbolic links" in status.error_message


@pytest.mark.parametrize(
    "place",
    [
        lambda path: path.symlink_to(path.parent / "nowhere"),
        lambda path: path.write_text("a file"),
        os.mkfifo,
        Path.mkdir,
    ],
    ids=["dangling link", "file", "FIFO", "empty folder"],
)
def test_what_is_no_version_folder_is_passed_over(
    tmp_path: Path, watched: Watched, place: Callable[[Path], None]
) -> None:
    place(tmp_path / "5")
    assert watched.poll() == [1]
    assert watched.counted == []


@pytest.mark.parametrize("name", ["variables/variables.index", "assets.extra/tf_serving_warmup_requests"])
def test_a_fifo_among_the_files_is_refused_and_waited_for_by_nobody(
    tmp_path: Path, watched: Watched, publish: Publish, name: str
) -> None:
    path = publish(tmp_path, 2) / name
    path.unlink(missing_ok=True)
    path.parent.mkdir(exist_ok=True)
    os.mkfifo(path)
    assert watched.poll() == [1]
    assert "neither a file nor a folder" in watched.status(2).error_message


@pytest.mark.parametrize(
    ("place", "message"),
    [
        (os.mkfifo, "neither a file nor a link to one"),
        (lambda path: path.symlink_to("/dev/zero"), "neither a file nor a link to one"),
        (lambda path: path.write_bytes(bytes(1 << 20)), "it is longer than"),
        (lambda path: path.write_bytes(b"\xff"), "allowed: the digest of the version, 64 hex digits"),
        (Path.mkdir, "Is a directory"),
    ],
    ids=["FIFO", "endless device", "long file", "no text", "folder"],
)
def test_a_digest_that_is_no_digest_refuses_its_version_alone_and_is_waited_for_by_nobody(
    tmp_path: Path, watched: Watched, publish: Publish, place: Callable[[Path], None], message: str
) -> None:
    (tmp_path / manifest.DIGESTS).mkdir()
    place(manifest.digest_file(tmp_path, 2))
    manifest.write(publish(tmp_path, 2))
    assert watched.poll() == [1]
    assert message in watched.status(2).error_message


def test_a_version_that_is_withdrawn_while_its_files_are_hashed_is_no_more_than_not_served(
    tmp_path: Path, watched: Watched, publish: Publish, monkeypatch: pytest.MonkeyPatch
) -> None:
    manifest.write(publish(tmp_path, 2))
    real = manifest.check

    def withdraw(folder: Path) -> manifest.Manifest | None:
        folder.rename(tmp_path / "withdrawn")
        (tmp_path / "withdrawn" / manifest.PLACE).parent.rename(tmp_path / "elsewhere")
        folder.mkdir()
        (tmp_path / "elsewhere").rename(folder / "assets.extra")
        (folder / "variables").symlink_to(folder / "variables")  # a look at it is an error of the disk
        return real(folder)

    monkeypatch.setattr(manifest, "check", withdraw)
    assert watched.poll() == [1]
    monkeypatch.undo()
    assert watched.status(2).state is VersionState.END
    shutil.rmtree(tmp_path / "2")
    assert watched.poll() == [1]
    manifest.write(publish(tmp_path, 2))
    assert watched.poll() == [2]


def test_a_version_that_was_away_while_it_was_loaded_is_tried_again(
    tmp_path: Path, loader: ThreadPoolExecutor, publish: Publish
) -> None:
    folder = publish(tmp_path, 2)
    made = Watched(tmp_path, loader)
    (found,) = find_versions(tmp_path)
    folder.rename(tmp_path / "away")
    with pytest.raises(ModelLoadError):
        load_model(folder)
    (tmp_path / "away").rename(folder)
    assert find_versions(tmp_path)[0].fingerprint != found.fingerprint
    assert made.poll() == [2]


def test_every_file_of_a_saved_model_is_tried(tmp_path: Path, publish: Publish) -> None:
    folder = publish(tmp_path, 1)
    check_readable(folder)
    (folder / "variables" / "gone").symlink_to(tmp_path / "nowhere")
    check_readable(folder)  # nobody reads it
    loop_of_links(folder / "assets" / "vocabulary")
    with pytest.raises(OSError, match="Too many levels of symbolic links"):
        check_readable(folder)
