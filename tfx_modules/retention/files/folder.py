"""The pipeline's folder: what is in it of executions, and how it is removed."""

import datetime as dt
import os
from collections.abc import Iterable
from pathlib import Path

from tfx_modules.promotion.environment import Place
from tfx_modules.retention import disk

SCRATCH = ".system"
_WORKING = f"*/{SCRATCH}/stateful_working_dir/*"
NUMBERED = ("[!.]*/[!.]*/*", f"[!.]*/{SCRATCH}/executor_execution/*")
"""Folders that are named after an execution: ``NODE/OUTPUT/7`` and ``NODE/.system/executor_execution/7``."""


class PipelineFolder:
    """The folder in which TFX keeps artifacts.

    Args:
        root: the folder.
    """

    def __init__(self, root: Path) -> None:
        self.root = root

    @property
    def is_there(self) -> bool:
        """Whether something can be in it."""
        return self.root.is_dir()

    def numbered(self) -> dict[int, list[Path]]:
        """Return the folders that are named after an execution, by its id."""
        return by_number(path for path in self._named_after_executions() if path.is_dir() and self.is_ours(path))

    def on_disk(self) -> dict[int, list[Path]]:
        """Return those of them that are on this machine's disk."""
        return PipelineFolder.numbered(self)

    def working(self) -> list[Path]:
        """Return the working folders of nodes, also of killed ones."""
        return list(self.root.glob(_WORKING))

    def is_ours(self, path: Path) -> bool:
        """Return whether a path is in the folder by itself, and not by way of a link that leads elsewhere."""
        return disk.is_own(path, self.root)

    def exists(self, path: Path) -> bool:
        """Return whether there is something of an artifact."""
        return os.path.lexists(path)

    def size_of(self, path: Path) -> int:
        """Return the bytes of all files of an artifact or folder."""
        return disk.size_of(path)

    def changed_at(self, path: Path) -> dt.datetime:
        """Return when it changed last; the latest possible time for what is gone."""
        return disk.changed_at(path)

    def remove(self, path: Path) -> None:
        """Remove it; a reader sees it vanish in one step."""
        disk.remove(path, self.root)

    def empty_trash(self) -> None:
        """Delete what a killed retention has left."""
        disk.empty_trash(self.root)

    def store(self) -> Place | None:
        """Return the artifact store with the environment's id; None: there is none."""
        return None

    def usable_store(self) -> Place | None:
        """Return it as :meth:`store` does.

        Raises:
            EnvironmentMismatchError: it has no id, and is not empty.
        """
        return self.store()

    def mark_store(self, environment: str) -> None:
        """Give the artifact store the environment's id, where there is a store."""

    def _named_after_executions(self) -> Iterable[Path]:
        return (path for pattern in NUMBERED for path in self.root.glob(pattern))


def by_number(paths: Iterable[Path]) -> dict[int, list[Path]]:
    """Return those of some paths whose names are numbers, by these."""
    found: dict[int, list[Path]] = {}
    for path in paths:
        if path.name.isascii() and path.name.isdecimal():
            found.setdefault(int(path.name), []).append(path)
    return found
