"""Removes log files that nobody has written to for long."""

import datetime as dt
import os
from collections.abc import Collection, Iterable, Iterator
from pathlib import Path

from tfx_modules.retention.disk import size_of, written_at
from tfx_modules.retention.plan import Item, ItemKind


class Logs:
    """The files below some folders.

    Args:
        folders: Airflow's ``dag_id=...``, say; none below another.
        days: ``keep_log_days``.
        now: the time.
    """

    def __init__(self, folders: Iterable[Path], days: int, now: dt.datetime) -> None:
        self._folders = tuple(folders)
        self._days = days
        self._now = now

    def plan(self) -> list[Item]:
        """List the log files to remove, an item for each folder."""
        return [item for folder in self._folders for item in self._of_folder(folder)]

    def totals(self) -> dict[ItemKind, int]:
        """Return how many files there are."""
        files = (path for folder in self._folders for path in folder.rglob("*"))
        return {ItemKind.LOG: sum(path.is_file() or path.is_symlink() for path in files)}

    def carry_out(self, items: Collection[Item]) -> list[Item]:
        """Remove what nobody has written to meanwhile, and the folders that are empty then.

        Returns:
            The removed items.
        """
        for item in items:
            # Folders have a time of their own; taking a file out of one changes it.
            folders = [folder for folder in _parents(item.paths, self._folders) if self._is_old(folder)]
            for path in item.paths:
                if self._is_old(path):
                    path.unlink(missing_ok=True)
            for folder in folders:
                if not any(folder.iterdir()):
                    folder.rmdir()
        return list(items)

    def _of_folder(self, folder: Path) -> Iterator[Item]:
        groups: dict[str, list[Path]] = {}
        for path in sorted(folder.rglob("*")):
            if self._days and (path.is_file() or path.is_symlink()) and self._is_old(path):
                name = "/".join(path.relative_to(folder).parts[:-1][:1])  # a line of the plan for a folder
                groups.setdefault(name, []).append(path)
        for name, paths in groups.items():
            yield Item(
                kind=ItemKind.LOG,
                name=f"{folder.name}/{name}".rstrip("/"),
                age=self._now - max(map(written_at, paths)),
                size=sum(map(size_of, paths)),
                reason=f"{len(paths)} file{'s' if len(paths) > 1 else ''} without a line for {self._days} days",
                paths=tuple(paths),
                count=len(paths),
            )

    def _is_old(self, path: Path) -> bool:
        return os.path.lexists(path) and self._now - written_at(path) > dt.timedelta(days=self._days)


def _parents(paths: Iterable[Path], roots: Collection[Path]) -> list[Path]:
    """Return the folders above some files, below the roots, the deepest first."""
    found = {folder for path in paths for folder in path.parents if any(root in folder.parents for root in roots)}
    return sorted(found, key=lambda folder: len(folder.parts), reverse=True)
