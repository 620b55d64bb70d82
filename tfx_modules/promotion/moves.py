"""Moves the folders of versions, so that a process that has lost the ledger's lock moves none.

PostgreSQL ends a session whose connection breaks, and another process takes the lock; the one that held it may notice
much later, when it wakes. So each holder makes a folder of its own, ``NAME.withdrawn/.moving-...``, and every version
passes through it. Whoever takes the lock next removes the folders of others before it decides anything: a rename into
or out of a folder that is not there fails.
"""

import contextlib
import errno
import logging
import os
import shutil
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tfx_modules.common.files import make_folder, sync
from tfx_modules.promotion import manifest
from tfx_modules.promotion.exports import folders
from tfx_modules.promotion.ledger import Writing
from tfx_modules.promotion.repository import MOVING, ModelRepository

_TRIES = 10
"""How often another process' folder is emptied; it can put one version after another into it until it is gone."""

_logger = logging.getLogger(__name__)


@contextmanager
def moving(held: Writing, repository: ModelRepository) -> Iterator["Moves"]:
    """Be the only one who moves versions, until the block ends or another process takes the ledger's lock.

    What a process was moving that was killed, or has lost its lock, is withdrawn first.

    Args:
        held: the ledger, locked.
        repository: the versions' folders.

    Raises:
        LockLostError: the lock was lost; nothing was moved since.
        ModelRepositoryError: a folder cannot be moved.
    """
    held.check()
    own = repository.withdrawn / f"{MOVING}{uuid.uuid4().hex}"
    with _told(held, repository):
        make_folder(own)
    try:
        with _told(held, repository):
            _take_from_others(repository, own)
        # Whoever takes the lock after this finds the folder, and removes it.
        held.check()
        yield Moves(held, repository, own)
    finally:
        # What is in it stays there for the next one to find.
        with contextlib.suppress(OSError):
            own.rmdir()


class Moves:
    """The moves that one holder of the ledger's lock makes. Decides nothing."""

    def __init__(self, held: Writing, repository: ModelRepository, own: Path) -> None:
        self._held = held
        self._repository = repository
        self._own = own

    def publish(self, staged: Path, version: int) -> None:
        """Give a staged model its version number; it is not served yet."""
        self._move(version, staged, self._repository.withdrawn / str(version))

    def serve(self, live: int) -> None:
        """Make a version the largest that a server sees: what is larger is withdrawn.

        It may be repeated, also after having been killed in the middle. A server that serves the largest number has one
        that it can serve all the time: the version that goes into service is there before others leave, and the one
        that was in service leaves last.

        Raises:
            LockLostError: the lock was lost; nothing was moved since.
            ModelRepositoryError: the version has no folder, or one cannot be moved.
        """
        served, withdrawn = self._repository.served, self._repository.withdrawn
        place = self._repository.folder(live)
        make_folder(served)
        if place.parent != served:
            self._move(live, place, served / str(live))
        for version in sorted(self._repository.served_versions()):
            if version > live:
                self._move(version, served / str(version), withdrawn / str(version))
        with _told(self._held, self._repository):
            sync(served)  # also when nothing was moved: whoever moved it may have been stopped before doing so

    def remove(self, version: int) -> None:
        """Delete a version's folder; a server sees it vanish in one step."""
        # First: whoever repeats a removal that was killed in the middle finds the version, and so its copies.
        self._held.check()
        folders.remove(self._repository, version)
        # What is left of a deletion that was killed in the middle must not look like a version.
        staged = self._repository.staging_place(f"removed {version}")
        self._move(version, self._repository.folder(version), staged)
        shutil.rmtree(staged, ignore_errors=True)
        manifest.forget_digest(self._repository.served, version)
        self._repository.card_of(version).unlink(missing_ok=True)

    def _move(self, version: int, source: Path, target: Path) -> None:
        passing, withdrawn = self._own / str(version), self._repository.withdrawn / str(version)
        with _told(self._held, self._repository):
            for left in reversed(range(_TRIES)):
                try:
                    self._rename(source, passing)
                    self._rename(passing, target)
                    break
                except FileNotFoundError:
                    self._reopen()
                    if target.exists():
                        break
                    source = next((place for place in (source, withdrawn) if place.exists()), source)
                    if not left or not source.exists():
                        raise
        _logger.info("version %d: moved from %s to %s", version, source.parent, target.parent)

    def _rename(self, source: Path, target: Path) -> None:
        self._held.check()
        source.rename(target)
        sync(target.parent)
        sync(source.parent)

    def _reopen(self) -> None:
        """Make the folder anew where a process has removed it that lost the lock, and did not know it yet.

        It took the folder for one that was left behind, and withdrew what was in it.
        """
        self._held.check()
        make_folder(self._own)
        self._held.check()  # whoever takes the lock after this finds the folder, and removes it


def _take_from_others(repository: ModelRepository, own: Path) -> None:
    """Withdraw what others were moving, and remove their folders."""
    for other in repository.moving():
        if other != own:
            _take_from(other, repository.withdrawn)
    sync(repository.withdrawn)


def _take_from(other: Path, withdrawn: Path) -> None:
    for _ in range(_TRIES):
        if _is_removed(other, withdrawn):
            return
    raise OSError(errno.ENOTEMPTY, os.strerror(errno.ENOTEMPTY), str(other))


def _is_removed(other: Path, withdrawn: Path) -> bool:
    """Try to empty and remove a folder; its process may be at work, not knowing that it has lost the lock."""
    try:
        for path in sorted(other.iterdir()):
            path.rename(withdrawn / path.name)
            _logger.info("version %s: withdrawn, for the process that was moving it did not end", path.name)
        other.rmdir()
    except OSError as error:
        if error.errno not in (errno.ENOENT, errno.ENOTEMPTY):
            raise
    return not other.is_dir()


@contextmanager
def _told(held: Writing, repository: ModelRepository) -> Iterator[None]:
    """Tell of a folder that cannot be moved: the lock may have been lost, or else it is the disk."""
    with repository.reporting_disk_errors():
        try:
            yield
        except OSError:
            held.check()
            raise
