"""Stores snapshots of the pipeline's sources by version, and records which version is in service.

::

    <folder>/
    ├── versions/<version>/    dags/ with compiled pipelines, tfx_modules/: appears by one rename, complete
    ├── current                the version in service; replaced by rename
    ├── building/              unfinished versions; no other process reads them
    ├── nothing/               an empty folder, shown while there is no version
    └── lock                   held by the one process that builds

A version's sources and compiled pipeline never change. Only these may change: the modification times of DAG files, the
text of the import error in a failed version, and the bytecode that Python keeps beside modules.

This module removes no old versions, because runs may be pinned to them. When Airflow's ``[dag_processor]
dag_bundle_storage_path`` is the folder above this one, as in this project's airflow.cfg, Airflow itself removes
versions that no task has used for long (``stale_bundle_cleanup_*``).
"""

import datetime as dt
import hashlib
import os
import shutil
import tempfile
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

from airflow_bert_service.bundle.error_file import error_file, message_of
from airflow_bert_service.exceptions import CompileError, SettingsError
from airflow_bert_service.files import publishing, sync
from airflow_bert_service.installation import MODULES
from airflow_bert_service.pipeline.compiler import compiled_pipeline, digest_file
from airflow_bert_service.pipeline.folders import COMPILED, compiled_folders, error_file_of, pipeline_folders
from airflow_bert_service.pipeline.source_digest import SETTINGS, source_files, sources_digest
from airflow_bert_service.pipeline.version import DIGITS, version_file

DAGS = "dags"
ERROR_FILE = "pipeline_does_not_compile.py"
"""The DAG file that stands in a version for newer sources that cannot be compiled, or in the folder of a further
pipeline for its newer settings."""

_NOTHING = "nothing"
_FAILED = "-failed-"


@dataclass(frozen=True)
class Version:
    """A bundle version as Airflow gets it: ``1f3a``, or ``1f3a-failed-77c0`` while newer sources do not compile.

    Both are versions of their own, because Airflow looks for DAG files only when the version is another.
    """

    served: str
    """Digest of the sources that the DAG files and the compiled pipeline are from; empty: there are none yet."""
    failed: str = ""
    """Digest of newer sources that cannot be compiled; empty: there are none."""

    def __str__(self) -> str:
        return f"{self.served or _NOTHING}{_FAILED}{self.failed}" if self.failed else self.served

    @classmethod
    def parse(cls, text: str) -> "Version":
        """Return the version of a name."""
        served, _, failed = text.partition(_FAILED)
        return cls("" if served == _NOTHING else served, failed)


def sources_version(root: Path) -> str:
    """Return the digest, 16 hex digits, of all the sources below a root: DAG files and TFX modules."""
    parts = (sources_digest(root / DAGS, without=compiled_folders(root / DAGS)), sources_digest(root / MODULES))
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()[:DIGITS]


def sources_on_disk(root: Path) -> str:
    """Return the version of the sources below a root, for people.

    Returns:
        The version; empty where there are no such folders, or where they cannot be read.
    """
    if not ((root / DAGS).is_dir() and (root / MODULES).is_dir()):
        return ""
    try:
        return sources_version(root)
    except OSError:  # of another user's; or a file went away while it was read
        return ""


class SnapshotStore:
    """Keeps one DAG bundle's snapshots in a folder. Reading needs no lock; only one process at a time may write."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._versions = folder / "versions"
        self._building = folder / "building"
        self._pointer = folder / "current"
        self.lock_file = folder / "lock"

    def current(self) -> Version | None:
        """Return the version in service; None: there is none, or it has been removed."""
        if not self._pointer.is_file():
            return None
        version = Version.parse(self._pointer.read_text(encoding="ascii").strip())
        return version if self.has(version) else None

    def put_in_service_at(self) -> dt.datetime | None:
        """Return when the version in service was put in service, UTC; None: there is none."""
        if not self._pointer.is_file():
            return None
        return dt.datetime.fromtimestamp(self._pointer.stat().st_mtime, dt.timezone.utc)

    def failure(self, version: Version) -> str:
        """Return why a version's newer sources do not compile; empty where it has no such sources."""
        file = self.dags_of(version) / ERROR_FILE
        if not file.is_file():
            return ""
        return message_of(file.read_text(encoding="utf-8"))

    def has(self, version: Version) -> bool:
        """Whether there is a snapshot of a version."""
        return str(version) in self.names()

    def names(self) -> list[str]:
        """Return the names of all versions."""
        return sorted(path.name for path in self._versions.iterdir()) if self._versions.is_dir() else []

    def root_of(self, version: Version) -> Path:
        """Return the folder that holds a version's ``dags`` and ``tfx_modules``."""
        return self._versions / str(version)

    def dags_of(self, version: Version | None) -> Path:
        """Return the folder of a version's DAG files; for None, an empty folder."""
        if version is not None:
            return self.root_of(version) / DAGS
        nothing = self._folder / "nothing"
        nothing.mkdir(parents=True, exist_ok=True)
        return nothing

    def copy_sources(self, root: Path) -> Path:
        """Copy the sources below a root, without the compiled pipelines; return the folder of the copy."""
        self._building.mkdir(parents=True, exist_ok=True)
        copy = Path(tempfile.mkdtemp(dir=self._building))
        copy.chmod(0o755)  # tasks may run as other users
        _copy(root / DAGS, copy / DAGS, without=compiled_folders(root / DAGS))
        _copy(root / MODULES, copy / MODULES)
        return copy

    def discard_copies(self) -> None:
        """Remove copies that were not published, such as those of a process that was killed."""
        if self._building.is_dir():
            shutil.rmtree(self._building)

    def publish(self, copy: Path, version: Version) -> None:
        """Turn a complete copy into a version, and put that in service."""
        if not self.has(version):
            self._versions.mkdir(parents=True, exist_ok=True)
            for path in copy.rglob("*"):
                sync(path)  # or, after a power failure, the version might be there without its content
            copy.rename(self.root_of(version))
            sync(self._versions)
        self.put_in_service(version)

    def publish_failure(self, failed: str, message: str) -> None:
        """Put a version in service that has the current DAG files, and an import error beside them.

        Args:
            failed: Digest of the sources that cannot be compiled.
            message: What the import error says.
        """
        present = self.current()
        version = Version(present.served if present else "", failed)
        if present is None:
            copy = self.copy_sources(self.dags_of(None))
            (copy / DAGS).mkdir()
        else:
            copy = self.copy_sources(self.root_of(present))
            copy_compiled(self.root_of(present), copy)
        file = copy / DAGS / ERROR_FILE
        text = error_file(CompileError, message, what="newer sources are not in service")
        file.write_text(text, encoding="utf-8")
        if self.has(version):  # the same sources failed before, perhaps for another reason
            file.replace(self.root_of(version) / DAGS / ERROR_FILE)
        self.publish(copy, version)

    def put_in_service(self, version: Version) -> None:
        """Make a version the current one."""
        self.touch(version)
        with publishing(self._pointer) as part:
            part.write_text(f"{version}\n", encoding="ascii")

    def touch(self, version: Version) -> None:
        """Make a version's DAG files new: Airflow reads a file at once that is newer than the last time it did."""
        for path in source_files(self.dags_of(version)):
            os.utime(path)


def copy_compiled(root: Path, copy: Path) -> None:
    """Copy the compiled pipelines of a source root, as far as there are some, into a copy of the sources."""
    for folder in pipeline_folders(root / DAGS):
        target = copy / DAGS / folder.relative_to(root / DAGS)
        (target / COMPILED).mkdir(parents=True, exist_ok=True)
        _copy_file(error_file_of(folder), error_file_of(target))
        try:
            ir = compiled_pipeline(folder)
        except SettingsError:
            continue  # it was never compiled
        # The digest first: it is written last, so the IR that is copied after it is as new, or makes the copy stale.
        for name in (digest_file, version_file, Path):
            _copy_file(name(ir), target / COMPILED / name(ir).name)


def keep_compiled(before: Path, folder: Path) -> None:
    """Give a pipeline the settings and the compiled pipeline of an earlier version.

    Args:
        before: The pipeline's folder in that version.
        folder: Its folder in a copy of the sources.
    """
    (folder / SETTINGS).unlink(missing_ok=True)
    _copy_file(before / SETTINGS, folder / SETTINGS)
    shutil.rmtree(folder / COMPILED, ignore_errors=True)
    shutil.copytree(before / COMPILED, folder / COMPILED)


def _copy_file(source: Path, target: Path) -> None:
    if source.is_file():
        shutil.copyfile(source, target)


def _copy(source: Path, target: Path, *, without: Collection[str] = ()) -> None:
    for path in source_files(source, without=without):
        copy = target / path.relative_to(source)
        copy.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(path, copy)
