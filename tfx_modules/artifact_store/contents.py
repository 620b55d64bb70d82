"""Describes the files of an artifact: the description is stored with them, and a copy is compared with it."""

import json
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from tfx_modules.artifact_store.exceptions import DamagedArtifactError
from tfx_modules.common.files import digest_of
from tfx_modules.exceptions import ArtifactStoreError

FORMAT = 1


@dataclass(frozen=True)
class Contents:
    """What an artifact's path has: a folder with files and folders, or a file, as TFX's value artifacts are."""

    files: Mapping[str, tuple[int, str]]
    """Size in bytes and SHA-256 by path below the artifact's; of a file there is one, with an empty name."""
    folders: tuple[str, ...]
    """All folders below the artifact's, the empty ones too."""

    @property
    def size(self) -> int:
        """Bytes of all files together."""
        return sum(size for size, _ in self.files.values())

    @property
    def is_file(self) -> bool:
        """Whether the artifact is a file."""
        return "" in self.files

    def to_json(self) -> str:
        """Return the description's text."""
        files = {name: {"size": size, "sha256": digest} for name, (size, digest) in sorted(self.files.items())}
        return json.dumps({"format": FORMAT, "folders": sorted(self.folders), "files": files}, indent=1) + "\n"

    @classmethod
    def from_json(cls, text: str | bytes, what: str) -> "Contents":
        """Read a description.

        Args:
            text: the stored text.
            what: whose it is, for the error.

        Raises:
            DamagedArtifactError: it is no description, or names a path that is not below the artifact's.
        """
        try:
            document = json.loads(text)
            files = {str(name): (int(item["size"]), str(item["sha256"])) for name, item in document["files"].items()}
            made = cls(files, tuple(map(str, document["folders"])))
            good = document["format"] == FORMAT and all(map(_is_below, (*files, *made.folders)))
        except (ValueError, KeyError, TypeError, AttributeError):
            good = False
        if not good:
            raise DamagedArtifactError(
                f"the description of {what} is damaged; allowed: what the node that made the artifact has written. "
                "Start a run with use_cache = false, which makes the artifact anew."
            )
        return made


def describe(path: Path) -> Contents:
    """Take the digests of a file, or of all files below a folder; links count as what they lead to.

    Raises:
        ArtifactStoreError: something in it is neither a file nor a folder, or a link leads to a folder that it is in: a
            store could not give it back.
        OSError: it cannot be read, or is not there.
    """
    if path.is_file():
        return Contents({"": digest_of(path)}, ())
    files: dict[str, tuple[int, str]] = {}
    folders: list[str] = []
    for found in _below(path, ()):
        name = found.relative_to(path).as_posix()
        if found.is_dir():
            folders.append(name)
        elif found.is_file():
            files[name] = digest_of(found)
        else:
            raise ArtifactStoreError(
                f"{found} is neither a file nor a folder, and cannot be kept on the artifact store; allowed: files "
                "and folders. Have the component write these alone."
            )
    return Contents(files, tuple(sorted(folders)))


def _below(folder: Path, above: tuple[Path, ...]) -> Iterator[Path]:
    real = folder.resolve()
    if real in above:
        raise ArtifactStoreError(
            f"{folder} is a link to a folder that it is in itself, {real}, and cannot be kept on the artifact store; "
            "allowed: links to files, and to folders elsewhere. Have the component write no such link."
        )
    with os.scandir(folder) as entries:
        names = sorted(entry.name for entry in entries)
    for path in (folder / name for name in names):
        yield path
        if path.is_dir():
            yield from _below(path, (*above, real))


def _is_below(name: str) -> bool:
    return not name.startswith("/") and "\0" not in name and ".." not in PurePosixPath(name).parts
