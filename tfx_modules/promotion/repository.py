"""The model repository: the folders of a model's versions, served and withdrawn.

Beside ``NAME/``, in which a server looks for versions, stands ``NAME.withdrawn/``; a version is in one of them and goes
to the other by one rename, so that a server sees all of it or nothing. The ledger says which version belongs where;
whoever moves a folder holds the ledger's lock.
"""

import hashlib
import logging
import shutil
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tfx_modules.common.files import make_folder, sync, sync_tree
from tfx_modules.promotion import manifest
from tfx_modules.promotion.exceptions import ModelRepositoryError

_STAGING = ".staging-"
_logger = logging.getLogger(__name__)


class ModelRepository:
    """Versions of one model on a local file system (or one that renames like one). Decides nothing.

    Attributes:
        served: the folder that servers watch.
        withdrawn: the folder of versions that are not to be served; on the same file system.
    """

    def __init__(self, served: Path) -> None:
        if "://" in str(served) or not served.is_absolute():
            raise ModelRepositoryError(
                f"models are to be served from {str(served)!r}; allowed: an absolute path of a mounted file system, "
                "where a folder is renamed in one step. Set push_destination to one."
            )
        self.served = served
        self.withdrawn = served.with_name(f"{served.name}.withdrawn")

    @contextmanager
    def reporting_disk_errors(self) -> Iterator[None]:
        """Raise errors of the disk as ModelRepositoryError, which says that what was begun may be tried again."""
        try:
            yield
        except OSError as error:
            raise ModelRepositoryError(
                f"the folders {self.served} and {self.withdrawn} cannot be used: {error}. Check the disk. Then clear "
                "the task, or run `bert-service models settle` (in a checkout `scripts/bert models settle`), which "
                "makes the served folder follow the ledger."
            ) from error

    def stage(self, model: Path, key: str) -> tuple[Path, manifest.Manifest]:
        """Copy a model into a staging folder, and write its manifest. Needs no lock.

        Args:
            model: a SavedModel's folder.
            key: names what is staged, for ``discard``. Two tasks may stage under one key at a time: one that was
                given up, and the one that replaced it.

        Returns:
            The copy, which is on the disk, and its manifest.
        """
        staged = self.withdrawn / f"{_staging(key)}{uuid.uuid4().hex}"
        make_folder(self.withdrawn)
        shutil.copytree(model, staged)
        made = manifest.write(staged)
        sync_tree(staged)
        return staged, made

    def discard(self, key: str) -> None:
        """Remove all that was staged under a key, also by killed processes; harmless when there is nothing.

        What the disk does not let go stays, for the next try or retention: nobody reads it.
        """
        try:
            for staged in self.withdrawn.glob(f"{_staging(key)}*"):
                shutil.rmtree(staged, ignore_errors=True)  # another process may remove it at the same time
        except OSError as error:
            _logger.warning("what was staged in %s could not be removed: %s", self.withdrawn, error)

    def staged(self) -> list[Path]:
        """Return all that is staged, under whatever key."""
        return sorted(self.withdrawn.glob(f"{_STAGING}*"))

    def publish(self, staged: Path, version: int) -> None:
        """Give a staged model its version number, by a rename; it is not served yet."""
        staged.rename(self.withdrawn / str(version))
        sync(self.withdrawn)

    def versions(self) -> frozenset[int]:
        """Return the numbers of all folders."""
        return _numbers(self.served) | _numbers(self.withdrawn)

    def served_versions(self) -> frozenset[int]:
        """Return the numbers of the folders that a server sees."""
        return _numbers(self.served)

    def folder(self, version: int) -> Path:
        """Return a version's folder.

        Raises:
            ModelRepositoryError: it has none.
        """
        for place in (self.served, self.withdrawn):
            if (place / str(version)).is_dir():
                return place / str(version)
        raise ModelRepositoryError(
            f"version {version} has no folder in {self.served} or {self.withdrawn}; it was removed. Name a version "
            f"that is there: {', '.join(map(str, sorted(self.versions()))) or 'none'}."
        )

    def serve(self, live: int) -> None:
        """Make a version the largest that a server sees: what is larger is withdrawn.

        It may be repeated, also after having been killed in the middle. A server that serves the largest number has one
        that it can serve all the time: the version that goes into service is there before others leave, and the one
        that was in service leaves last.

        Raises:
            ModelRepositoryError: the version has no folder.
        """
        place = self.folder(live)
        make_folder(self.served)
        if place.parent != self.served:
            self._move(live, self.withdrawn, self.served)
        for version in sorted(_numbers(self.served)):
            if version > live:
                self._move(version, self.served, self.withdrawn)
        sync(self.served)  # also when nothing was moved: whoever moved it may have been stopped before doing so

    def remove(self, version: int) -> None:
        """Delete a version's folder; a server sees it vanish in one step."""
        make_folder(self.withdrawn)
        key = f"removed {version}"
        self.folder(version).rename(self.withdrawn / f"{_staging(key)}{uuid.uuid4().hex}")
        self.discard(key)

    def _move(self, version: int, source: Path, target: Path) -> None:
        make_folder(target)
        (source / str(version)).rename(target / str(version))
        sync(target)
        sync(source)
        _logger.info("version %d: moved from %s to %s", version, source, target)


def _staging(key: str) -> str:
    return f"{_STAGING}{hashlib.sha256(key.encode()).hexdigest()[:16]}-"


def _numbers(folder: Path) -> frozenset[int]:
    if not folder.is_dir():
        return frozenset()
    return frozenset(int(path.name) for path in folder.iterdir() if path.name.isascii() and path.name.isdecimal())
