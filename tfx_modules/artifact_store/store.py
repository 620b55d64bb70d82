"""Writes artifacts to an object store, and reads them from it.

What is stored of an artifact is in a folder of its own, ``ADDRESS/NODE/OUTPUT/ID/STORED_AS``: ``files/...`` (of an
artifact that is a file: ``file``), and ``contents.json``, which is written last. Credentials are those that the store's
library finds itself: environment variables, configuration files, the machine's role.
"""

import datetime as dt
import glob
import re
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from tfx_modules.artifact_store.contents import Contents, describe
from tfx_modules.artifact_store.exceptions import DamagedArtifactError
from tfx_modules.artifact_store.trying import is_local, try_again
from tfx_modules.exceptions import ArtifactStoreError

_CONTENTS = "contents.json"
_FILES = "files"
_FILE = "file"
_WRITTEN = re.compile(
    r"(?P<stored>[^./][^/]*/[^./][^/]*/[0-9]+/(?:[^/]+/)*?[0-9a-f]{32})/"
    rf"(?:{re.escape(_CONTENTS)}|{_FILE}|{_FILES}/.+|[^/]+\.html)",
    re.DOTALL,
)
"""Paths of what this module writes for artifacts: ``NODE/OUTPUT/ID/STORED_AS/...``, the ID an execution's."""
_OPTIONS: dict[str, dict[str, Any]] = {"file": {"auto_mkdir": True}, "s3": {"max_concurrency": 2}}
"""What file systems are made with, by protocol. S3: parts of a large file that are copied at once, of 50 MB each. A
folder as a store is for tests: it is not flushed to a disk, and made where it is missing."""
_AT_ONCE = 8
"""Files that are copied at once, each of which takes memory; the library's own default is some thousands."""


@dataclass(frozen=True)
class Stored:
    """What of an artifact is in the store."""

    place: str
    """The artifact's path below the pipeline's folder."""
    stored_as: str
    """The name that the artifact's property has."""

    @property
    def key(self) -> str:
        """Its path below the store's address."""
        return f"{self.place}/{self.stored_as}"


@dataclass(frozen=True)
class StoredObject:
    """An object of the store."""

    size: int
    """Bytes."""
    written: dt.datetime
    """When, in UTC."""


class ArtifactStore:
    """The artifacts at an address.

    Args:
        address: like ``s3://bucket/folder``; it has no credentials.
    """

    def __init__(self, address: str) -> None:
        self.address = address.rstrip("/")
        protocol, _, path = self.address.partition("://")
        self._protocol = protocol
        self._root = path

    @cached_property
    def _fs(self) -> Any:
        """The library's file system; its first use begins a thread, and Beam's workers are forked before that."""
        import fsspec

        return fsspec.filesystem(self._protocol, **_OPTIONS.get(self._protocol, {}))

    def check(self) -> None:
        """Check that the store answers, and that the bucket exists.

        Raises:
            ArtifactStoreError: one of these is not so.
        """
        bucket = self._root if self._protocol == "file" else self._root.partition("/")[0]
        with self._asking(f"{self.address} cannot be used"):
            there = self._fs.exists(bucket)
        if not there:
            raise ArtifactStoreError(
                f"{self.address} cannot be used: {bucket} does not exist, or may not be looked at with the credentials "
                "that are found. Make it, or correct [bert_service] artifact_store."
            )

    def put(self, path: Path, place: str) -> tuple[Stored, Contents]:
        """Store a file, or a folder with all that is in it, as something new.

        Args:
            path: what is stored.
            place: the artifact's path below the pipeline's folder.

        Returns:
            What was stored. Nothing of it counts before all of it is there.

        Raises:
            ArtifactStoreError: the store refuses, or does not answer; or the artifact cannot be stored.
        """
        stored, what = Stored(place, uuid.uuid4().hex), f"{place} was not stored at {self.address}"
        try:
            contents = describe(path)
        except OSError as error:
            raise ArtifactStoreError(
                f"{what}: {path}, which the node has made, cannot be read: {type(error).__name__}: {error}. Look at "
                "what the component writes, and at this machine's disk."
            ) from error
        names = sorted(contents.files)
        here, there = [str(path / name) for name in names], [self._file(stored, name) for name in names]

        def upload() -> None:
            if names:
                self._fs.put(here, there, batch_size=_AT_ONCE)
            self._fs.pipe_file(self._path(f"{stored.key}/{_CONTENTS}"), contents.to_json().encode())

        with self._asking(what):
            try_again(what, upload)
        return stored, contents

    def contents(self, stored: Stored) -> Contents | None:
        """Return the description of what was stored; None: it is not there.

        Raises:
            ArtifactStoreError: the store does not answer, or the description is damaged.
        """
        text = self._read(f"{stored.key}/{_CONTENTS}")
        return None if text is None else Contents.from_json(text, f"{self.address}/{stored.key}")

    def get(self, stored: Stored, path: Path) -> Contents:
        """Copy what was stored to a path that does not exist yet, and compare the copy with the description.

        Raises:
            DamagedArtifactError: it is not there, incomplete or damaged.
            ArtifactStoreError: the store does not answer.
        """
        address = f"{self.address}/{stored.key}"
        name = f"{stored.key}/{_CONTENTS}"
        with self._asking(f"{self.address}/{name} cannot be read"):
            text = try_again(f"{self.address}/{name} cannot be read", lambda: self._bytes(name))
        if text is None:
            raise DamagedArtifactError(
                f"{address} is not there, or is incomplete: somebody has removed it. Start a run with use_cache = "
                "false, which makes its artifact anew."
            )
        contents = Contents.from_json(text, address)
        with self._asking(f"{address} was not copied"):
            if not contents.is_file:
                path.mkdir(parents=True)
            for folder in contents.folders:
                (path / folder).mkdir(parents=True, exist_ok=True)
            if names := sorted(contents.files):
                there, here = [self._file(stored, name) for name in names], [str(path / name) for name in names]
                try:
                    try_again(f"{address} was not copied", lambda: self._fs.get(there, here, batch_size=_AT_ONCE))
                except FileNotFoundError as error:
                    raise DamagedArtifactError(
                        f"{address} is incomplete: somebody has removed a file ({error}). Start a run with use_cache "
                        "= false, which makes its artifact anew."
                    ) from error
            found = describe(path)
        if found.files != contents.files:
            wrong = sorted(name for name in contents.files if found.files.get(name) != contents.files[name])
            raise DamagedArtifactError(
                f"{address} is damaged: {', '.join(wrong[:3]) or 'its files'} is not what the node has stored. Start "
                "a run with use_cache = false, which makes its artifact anew."
            )
        return contents

    def put_beside(self, stored: Stored, file: Path) -> None:
        """Add a file for people to what was stored; copies do not have it.

        Raises:
            ArtifactStoreError: the store refuses, or does not answer.
        """
        what = f"{file.name} was not stored beside {stored.place} at {self.address}"
        with self._asking(what):
            try_again(what, lambda: self._fs.put_file(str(file), self._path(f"{stored.key}/{file.name}")))

    def beside(self, stored: Stored, name: str) -> bytes | None:
        """Return such a file; None: there is none.

        Raises:
            ArtifactStoreError: the store does not answer.
        """
        return self._read(f"{stored.key}/{name}")

    def read_text(self, name: str) -> str | None:
        """Read a small file beside the nodes' folders; None: it is not there.

        Raises:
            ArtifactStoreError: the store does not answer.
        """
        text = self._read(name)
        return None if text is None else text.decode(errors="replace")

    def write_text(self, name: str, text: str) -> None:
        """Write a small file beside the nodes' folders, in one step.

        Raises:
            ArtifactStoreError: the store refuses, or does not answer.
        """
        with self._asking(f"{self.address}/{name} was not written"):
            self._fs.pipe_file(self._path(name), text.encode())

    def objects(self, place: str = "") -> dict[str, StoredObject]:
        """Return what was stored of artifacts at a place and below, by its paths below the store's address.

        Objects that nodes do not write, such as reviews in the same bucket, are not among them.

        Raises:
            ArtifactStoreError: the store does not answer.
        """
        above = f"{self._root}/"
        with self._asking(f"{self.address} cannot be listed"):
            self._fs.invalidate_cache()
            found = self._fs.find(self._path(f"{place}/") if place else self._root, detail=True)
            named = ((str(name).removeprefix(above), facts) for name, facts in found.items())
            return {name: _object(facts) for name, facts in named if _WRITTEN.fullmatch(name)}

    def is_empty(self) -> bool:
        """Return whether nothing at all is at the address, by whomever it was written.

        Raises:
            ArtifactStoreError: the store does not answer.
        """
        with self._asking(f"{self.address} cannot be listed"):
            self._fs.invalidate_cache()
            try:
                found = self._fs.ls(self._root, detail=False)
            except FileNotFoundError:
                return True
            # The consoles of stores make an object with the folder's own name.
            return all(str(name).rstrip("/") == self._root for name in found)

    def remove(self, place: str) -> None:
        """Remove all that was stored of an artifact; descriptions first, so that nothing looks complete meanwhile.

        Nothing else that is there is removed; see :meth:`objects`.

        Raises:
            ArtifactStoreError: the store refuses, or does not answer.
        """
        written = filter(None, map(_WRITTEN.fullmatch, self.objects(place)))
        tries = sorted({found["stored"] for found in written})
        with self._asking(f"{self.address}/{place} was not removed"):
            for key in tries:
                with suppress(FileNotFoundError):
                    self._fs.rm_file(self._path(f"{key}/{_CONTENTS}"))
            for key in tries:
                with suppress(FileNotFoundError):
                    self._remove_all(self._path(key))

    def _remove_all(self, path: str) -> None:
        if path == glob.escape(path):
            self._fs.rm(path, recursive=True)
            return
        # The library would take it for a pattern.
        for name in self._fs.find(path):
            self._fs.rm_file(name)

    def _read(self, key: str) -> bytes | None:
        with self._asking(f"{self.address}/{key} cannot be read"):
            return self._bytes(key)

    def _bytes(self, key: str) -> bytes | None:
        try:
            return bytes(self._fs.cat_file(self._path(key)))
        except FileNotFoundError:
            return None

    def _file(self, stored: Stored, name: str) -> str:
        return self._path(f"{stored.key}/{_FILES}/{name}" if name else f"{stored.key}/{_FILE}")

    def _path(self, key: str) -> str:
        return f"{self._root}/{key}"

    @contextmanager
    def _asking(self, what: str) -> Iterator[None]:
        """Turn the errors of the store's library, which has one of its own for each thing, into this project's."""
        try:
            yield
        except ArtifactStoreError:
            raise
        except ImportError as error:
            raise ArtifactStoreError(f"{what}: {error}. Add the package to the TFX environment.") from error
        except Exception as error:
            if is_local(error):
                raise ArtifactStoreError(f"{what}: {error}. Look at this machine's disk, and at its limits.") from error
            raise ArtifactStoreError(
                f"{what}: {type(error).__name__}: {error}. Look at [bert_service] artifact_store, at the store, and "
                "at the credentials that the node's process finds."
            ) from error


def _object(facts: dict[str, Any]) -> StoredObject:
    # Each library has names of its own for the time.
    written = next(facts[name] for name in ("LastModified", "mtime", "updated") if name in facts)
    if isinstance(written, (int, float)):
        written = dt.datetime.fromtimestamp(written, tz=dt.UTC)
    elif isinstance(written, str):
        written = dt.datetime.fromisoformat(written)
    return StoredObject(int(facts["size"]), written.astimezone(dt.UTC))
