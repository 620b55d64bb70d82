"""The model repository: the folders of a model's versions, served and withdrawn.

Beside ``NAME/``, in which a server looks for versions, stands ``NAME.withdrawn/``; a version is in one of them, and
comes and goes by renames, so that a server sees all of it or nothing. The ledger says which version belongs where;
``moves`` moves them, under the ledger's lock.
"""

import hashlib
import logging
import shutil
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tfx_modules.common.files import make_folder, sync_tree
from tfx_modules.promotion import manifest
from tfx_modules.promotion.exceptions import ModelRepositoryError

MOVING = ".moving-"
"""How the names of folders begin that versions pass through when they are moved."""
_logger = logging.getLogger(__name__)
_STAGING = ".staging-"
_LOOKS = 3
"""How often a version is looked for, since it may be moved meanwhile."""


class ModelRepository:
    """Versions of one model on a local file system (or one that renames like one). Decides nothing.

    Attributes:
        served: the folder that servers watch.
        withdrawn: the folder of versions that are not to be served; on the same file system.
        cards: the folder of the versions' model cards.
    """

    def __init__(self, served: Path) -> None:
        if "://" in str(served) or not served.is_absolute():
            raise ModelRepositoryError(
                f"models are to be served from {str(served)!r}; allowed: an absolute path of a mounted file system, "
                "where a folder is renamed in one step. Set push_destination to one."
            )
        self.served = served
        self.withdrawn = served.with_name(f"{served.name}.withdrawn")
        self.cards = served.with_name(f"{served.name}.cards")

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

        Raises:
            OSError: the copy cannot be made; nothing is left of it.
        """
        staged = self.staging_place(key)
        make_folder(self.withdrawn)
        try:
            shutil.copytree(model, staged)
            made = manifest.write(staged)
            sync_tree(staged)
        except OSError:
            shutil.rmtree(staged, ignore_errors=True)
            raise
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

    def moving(self) -> list[Path]:
        """Return the folders that versions pass through when they are moved, one for each process that moves any."""
        return sorted(self.withdrawn.glob(f"{MOVING}*"))

    def versions(self) -> frozenset[int]:
        """Return the numbers of all folders."""
        return frozenset[int]().union(*map(_numbers, self._places()))

    def served_versions(self) -> frozenset[int]:
        """Return the numbers of the folders that a server sees."""
        return _numbers(self.served)

    def folder(self, version: int) -> Path:
        """Return a version's folder.

        Raises:
            ModelRepositoryError: it has none.
        """
        for _ in range(_LOOKS):
            for place in self._places():
                if (place / str(version)).is_dir():
                    return place / str(version)
        raise ModelRepositoryError(
            f"version {version} has no folder in {self.served} or {self.withdrawn}; it was removed. Name a version "
            f"that is there: {', '.join(map(str, sorted(self.versions()))) or 'none'}."
        )

    def is_in_line(self, live: int) -> bool:
        """Return whether a version is the largest that a server sees, and nobody has left a move unfinished."""
        return max(self.served_versions(), default=None) == live and not self.moving()

    def card_of(self, version: int) -> Path:
        """Return where the model card of a version belongs; there may be none."""
        return self.cards / f"{version}.html"

    def versions_with_card(self) -> frozenset[int]:
        """Return the numbers of all versions that have a model card, whether or not they have a folder."""
        return frozenset(int(path.stem) for path in self.cards.glob("*.html") if _is_number(path.stem))

    def unfinished_cards(self) -> list[Path]:
        """Return the hidden files that cards are written to before they get their names."""
        return sorted(path for path in self.cards.glob(".*.html.*") if path.is_file())

    def staging_place(self, key: str) -> Path:
        """Return a path for something that is staged under a key; nothing is there yet."""
        return self.withdrawn / f"{_staging(key)}{uuid.uuid4().hex}"

    def _places(self) -> list[Path]:
        return [self.served, self.withdrawn, *self.moving()]


def _staging(key: str) -> str:
    return f"{_STAGING}{hashlib.sha256(key.encode()).hexdigest()[:16]}-"


def _numbers(folder: Path) -> frozenset[int]:
    if not folder.is_dir():
        return frozenset()
    return frozenset(int(path.name) for path in folder.iterdir() if _is_number(path.name))


def _is_number(name: str) -> bool:
    return name.isascii() and name.isdecimal()
