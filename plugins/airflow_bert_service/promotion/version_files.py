"""Reads which files a version has, from the manifest that the promotion command leaves in its folder."""

import errno
import json
import stat
from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import Any

MANIFEST = "assets.extra/manifest.json"
MOST_BYTES = 4 << 20
"""The largest manifest that is read; a real one has a line for each of some dozen files."""
_FORMAT = 1


class Whereabouts(str, Enum):
    """Where a version's folder is."""

    SERVED = "served"
    """In the folder that model servers watch."""
    WITHDRAWN = "withdrawn"
    """Beside it: the version can be put in service again."""
    REMOVED = "removed"
    """Nowhere: retention has removed it, or it cannot be seen from here."""


@dataclass(frozen=True, kw_only=True)
class ModelFile:
    """A file of a version, by its manifest."""

    name: str
    """Its path below the version's folder."""
    size: int
    """Bytes."""
    sha256: str


@dataclass(frozen=True, kw_only=True)
class VersionFiles:
    """A version's folder."""

    where: Whereabouts
    folder: Path | None = None
    digest: str = ""
    """The digest of all files, by the manifest; empty: it has none that can be read."""
    files: tuple[ModelFile, ...] = ()
    problem: str = ""
    """Why there are no files; empty: there are."""


def version_files(served: Path, version: int) -> VersionFiles:
    """Return what a version's folder has, by its manifest; the files themselves are not read.

    Args:
        served: The folder that model servers watch.
        version: The version.
    """
    if found := folder_of(served, version):
        return _described(*found)
    return VersionFiles(where=Whereabouts.REMOVED, problem=f"it has no folder in {served} or beside it")


def card_of(served: Path, version: int) -> Path | None:
    """Return the model card of a version, one HTML page beside the versions' folders; None: none that can be seen.

    Args:
        served: The folder that model servers watch.
        version: The version.
    """
    card = served.with_name(f"{served.name}.cards") / f"{version}.html"
    try:
        return card if card.is_file() else None
    except OSError:  # it may be there, and cannot be seen from here
        return None


def read_card(served: Path, version: int) -> bytes | None:
    """Read the model card of a version; None: it has none, or none that can be read.

    Args:
        served: The folder that model servers watch.
        version: The version.
    """
    card = card_of(served, version)
    try:
        return card.read_bytes() if card else None
    except OSError:  # retention has removed it since, or it may not be read from here
        return None


def folder_of(served: Path, version: int) -> tuple[Whereabouts, Path] | None:
    """Return where a version's folder is; None: it has none."""
    places = {Whereabouts.SERVED: served, Whereabouts.WITHDRAWN: served.with_name(f"{served.name}.withdrawn")}
    found = ((where, place / str(version)) for where, place in places.items())
    return next(((where, folder) for where, folder in found if _is_folder(folder)), None)


def _is_folder(path: Path) -> bool:
    try:
        return path.is_dir()
    except OSError:  # it may be there, and cannot be seen from here
        return False


def _described(where: Whereabouts, folder: Path) -> VersionFiles:
    try:
        manifest = json.loads(_content(folder / MANIFEST))
        files = tuple(_file(name, item) for name, item in sorted(manifest["files"].items()))
        if manifest["format"] != _FORMAT:
            return VersionFiles(where=where, folder=folder, problem=f"{MANIFEST} has another format than {_FORMAT}")
        return VersionFiles(where=where, folder=folder, digest=str(manifest["digest"]), files=files)
    except OSError as error:
        problem = f"{MANIFEST} cannot be read ({error.strerror})"
    except (ValueError, KeyError, TypeError, AttributeError, OverflowError, RecursionError):
        # Without the error's text, which may have all of the file in it.
        problem = f"{MANIFEST} cannot be read: it is no list of files in JSON"
    return VersionFiles(where=where, folder=folder, problem=problem)


def _content(path: Path) -> bytes:
    if not stat.S_ISREG(path.stat().st_mode):  # a pipe would be waited for, until somebody writes to it
        raise OSError(errno.EINVAL, "it is not a file")
    with path.open("rb") as file:
        content = file.read(MOST_BYTES + 1)
    if len(content) > MOST_BYTES:
        raise OSError(errno.EFBIG, f"it has over {MOST_BYTES} bytes")
    return content


def _file(name: str, item: Mapping[str, Any]) -> ModelFile:
    return ModelFile(name=name, size=int(item["size"]), sha256=str(item["sha256"]))
