"""Fetches the artifacts that a node reads, and stores those that it has made."""

import logging
import time
from collections.abc import Iterable
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Self

from tfx_modules.artifact_store.copies import Copies
from tfx_modules.artifact_store.store import ArtifactStore, Stored
from tfx_modules.common.files import write_atomically
from tfx_modules.exceptions import ArtifactStoreError

if TYPE_CHECKING:
    from tfx.types import Artifact

STORED_AS = "stored_as"
"""The artifact's custom property in ML Metadata that names what was stored of it."""
_MEGABYTE = 1e6

_logger = logging.getLogger(__name__)


class LocalStaging:
    """A node's artifacts where there is no store, or no longer: they are in the pipeline's folder alone.

    Args:
        root: the pipeline's folder on this machine.
        most_bytes: the largest size of the copies of stored artifacts in it; 0: no limit.
    """

    store: ArtifactStore | None = None

    def __init__(self, root: Path, most_bytes: int = 0) -> None:
        self._root = root
        self._copies = Copies(root, most_bytes)

    @property
    def kept_in(self) -> str:
        """Where artifacts are kept, for messages."""
        return self.store.address if self.store else f"{self._root} on this machine"

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Do nothing: nothing was locked."""

    def fetch(self, uri: str, stored_as: str) -> None:
        """Check that an artifact may be read from the pipeline's folder; harmless for one that is elsewhere.

        Args:
            uri: the artifact's, a path.
            stored_as: its property :data:`STORED_AS`; empty: it was made without a store.

        Raises:
            ArtifactStoreError: it was stored, and this machine has no whole copy.
        """
        place = self.place_of(uri)
        if place is None or not stored_as or self.is_kept(uri, stored_as):
            return
        there = "what is there was left by a try that did not end" if Path(uri).exists() else "it is not there"
        raise ArtifactStoreError(
            f"{uri} is on an artifact store, [bert_service] artifact_store is empty, and this machine has no whole "
            f"copy: {there}; allowed: artifacts that were made without a store, and whole copies. Set artifact_store "
            "where the node runs, or start a run with use_cache = false, which makes the artifact anew."
        )

    def is_kept(self, uri: str, stored_as: str) -> bool:
        """Return whether an artifact of the pipeline's folder can be fetched.

        Raises:
            ArtifactStoreError: the store does not answer.
        """
        place = self.place_of(uri)
        if place is None or not stored_as:
            return Path(uri).exists()
        return self._copies.has(Stored(place, stored_as))

    def reserve(self, uris: Iterable[str]) -> None:
        """Forget the copies that were at paths that a node is about to write."""
        for place in filter(None, map(self.place_of, uris)):
            self._copies.forget(place)

    def keep(self, uri: str) -> str:
        """Store an artifact that a node has made, where there is a store.

        Returns:
            The value of its property :data:`STORED_AS`; empty: it was not stored.
        """
        del uri
        return ""

    def fetch_beside(self, uri: str, stored_as: str, name: str) -> None:
        """Have a file for people beside the files of an artifact, where there is a store."""

    def keep_beside(self, stored_as: str, file: Path) -> None:
        """Store a file for people that is in an artifact's folder, where there is a store."""

    def place_of(self, uri: str) -> str | None:
        """Return an artifact's path below the pipeline's folder; None: it is elsewhere."""
        path = Path(uri)
        if self._root not in path.parents or ".." in path.parts:
            return None
        return path.relative_to(self._root).as_posix()


class Staging(LocalStaging):
    """The store's artifacts for one node. What was fetched, or is being made, stays until the block ends.

    Args:
        root: the pipeline's folder on this machine.
        store: where artifacts are kept.
        most_bytes: the largest size of the copies in the folder; 0: no limit.
    """

    store: ArtifactStore

    def __init__(self, root: Path, store: ArtifactStore, most_bytes: int) -> None:
        super().__init__(root, most_bytes)
        self.store = store

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._copies.release()

    def fetch(self, uri: str, stored_as: str) -> None:
        """Have an artifact in the pipeline's folder; harmless for one that is elsewhere.

        Args:
            uri: the artifact's, a path.
            stored_as: its property :data:`STORED_AS`; empty: it was made without a store.

        Raises:
            ArtifactStoreError: it is not in the store, or the store does not answer.
        """
        place = self.place_of(uri)
        if place is None:
            return
        if not stored_as:
            self._require_here(uri)
            return
        stored = Stored(place, stored_as)
        began = time.monotonic()
        if self._copies.use(stored, lambda path: self.store.get(stored, path)):
            _logger.info("copied %s from %s in %.1f s", place, self.store.address, time.monotonic() - began)

    def reserve(self, uris: Iterable[str]) -> None:
        """Keep other processes of this machine from the paths that a node is about to write."""
        for place in filter(None, map(self.place_of, uris)):
            self._copies.reserve(place)

    def keep(self, uri: str) -> str:
        """Store an artifact that a node has made, whose path is reserved.

        Returns:
            The value of its property :data:`STORED_AS`; empty: it is not in the pipeline's folder.

        Raises:
            ArtifactStoreError: the store refuses, or does not answer.
        """
        place = self.place_of(uri)
        if place is None:
            return ""
        began = time.monotonic()
        stored, contents = self.store.put(Path(uri), place)
        self._copies.add(stored, contents)
        took = time.monotonic() - began
        _logger.info("stored %s at %s: %.1f MB in %.1f s", place, self.store.address, contents.size / _MEGABYTE, took)
        return stored.stored_as

    def fetch_beside(self, uri: str, stored_as: str, name: str) -> None:
        """Have a file for people, such as a report, beside the files of an artifact that was fetched, if there is one.

        Raises:
            ArtifactStoreError: the store does not answer.
        """
        place, file = self.place_of(uri), Path(uri, name)
        if place is None or not stored_as or file.exists():
            return
        found = self.store.beside(Stored(place, stored_as), name)
        if found is not None:
            write_atomically(file, found.decode())

    def keep_beside(self, stored_as: str, file: Path) -> None:
        """Store a file for people that is in an artifact's folder.

        Raises:
            ArtifactStoreError: the store refuses, or does not answer.
        """
        place = self.place_of(str(file.parent))
        if place is not None and stored_as:
            self.store.put_beside(Stored(place, stored_as), file)

    def is_kept(self, uri: str, stored_as: str) -> bool:
        """Return whether an artifact of the pipeline's folder can be fetched.

        Raises:
            ArtifactStoreError: the store does not answer.
        """
        place = self.place_of(uri)
        if place is None or not stored_as:
            return Path(uri).exists()
        return self.store.contents(Stored(place, stored_as)) is not None

    def _require_here(self, uri: str) -> None:
        if not Path(uri).exists():
            raise ArtifactStoreError(
                f"{uri} was made when [bert_service] artifact_store was empty, and is not on this machine; allowed: "
                f"artifacts of {self.store.address}, and those in the folder of this machine. Copy it here, or start "
                "a run with use_cache = false, which makes it anew."
            )


def stored_as(artifact: "Artifact") -> str:
    """Return an artifact's property :data:`STORED_AS`; empty: it was made without a store."""
    return str(artifact.get_string_custom_property(STORED_AS)) if artifact.has_custom_property(STORED_AS) else ""
