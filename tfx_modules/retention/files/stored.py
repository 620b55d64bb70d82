"""The pipeline's folder where artifacts are kept on a store: this machine's copies, and what is stored."""

import datetime as dt
from pathlib import Path

from tfx_modules.artifact_store.copies import Copies
from tfx_modules.artifact_store.store import ArtifactStore, StoredObject
from tfx_modules.promotion.environment import MARKER, Place, place_of_store, usable_store
from tfx_modules.retention.files.folder import PipelineFolder, by_number

_DEPTH = 3
"""Parts of the path of a folder that is named after an execution: ``NODE/OUTPUT/7``."""


class StoredFolder(PipelineFolder):
    """The folder of this machine together with the artifact store.

    The store is listed by :meth:`numbered`; until the next time, the other methods go by that list. Copies on other
    machines are not removed: they go when they are used no longer.

    Args:
        root: the folder.
        store: the artifact store.
    """

    def __init__(self, root: Path, store: ArtifactStore) -> None:
        super().__init__(root)
        self._store = store
        self._objects: dict[str, dict[str, StoredObject]] = {}
        """What was listed: by the path of the folder that is named after an execution, by the object's own."""

    @property
    def is_there(self) -> bool:
        """Whether something can be in it: the store is there always."""
        return True

    def numbered(self) -> dict[int, list[Path]]:
        """List the store anew, and return the folders in either place that are named after an execution, by its id."""
        self._objects = {}
        for name, item in self._store.objects().items():
            self._objects.setdefault(_folder_of(name), {})[name] = item
        stored = {self.root / name for name in self._objects}
        here = {path for paths in super().numbered().values() for path in paths}
        return by_number(sorted(stored | here))

    def exists(self, path: Path) -> bool:
        """Return whether there is something of an artifact, here or in the store."""
        return super().exists(path) or bool(self._of(path))

    def size_of(self, path: Path) -> int:
        """Return the bytes of all that is stored, or of what is only here."""
        stored = self._of(path)
        return sum(item.size for item in stored) if stored else super().size_of(path)

    def changed_at(self, path: Path) -> dt.datetime:
        """Return when something of it was stored last, or when it changed here."""
        stored = self._of(path)
        return max(item.written for item in stored) if stored else super().changed_at(path)

    def remove(self, path: Path) -> None:
        """Remove it from the store, and then here."""
        place = self._place(path)
        if self._of(path):
            self._store.remove(place)
            listed = self._objects[_folder_of(place)]
            for name in [name for name in listed if name.startswith(f"{place}/")]:
                del listed[name]
        Copies(self.root, 0).forget(place)
        super().remove(path)

    def store(self) -> Place:
        """Return the artifact store with the environment's id."""
        return place_of_store(self._store)

    def usable_store(self) -> Place:
        """Return it as :meth:`store` does; without an id, it has to be empty."""
        return usable_store(self._store)

    def mark_store(self, environment: str) -> None:
        """Give the artifact store the environment's id."""
        self._store.write_text(MARKER, f"{environment}\n")

    def _place(self, path: Path) -> str:
        return path.relative_to(self.root).as_posix()

    def _of(self, path: Path) -> list[StoredObject]:
        if not self.is_ours(path):
            return []
        below = f"{self._place(path)}/"
        listed = self._objects.get(_folder_of(below), {})
        return [item for name, item in listed.items() if name.startswith(below)]


def _folder_of(place: str) -> str:
    return "/".join(place.split("/")[:_DEPTH])
