"""Digests of source folders: whether something was made from what stands there now."""

import hashlib
from collections.abc import Collection, Iterator
from pathlib import Path

_SKIPPED_FOLDERS = frozenset({"__pycache__"})
# Compiled bytecode, and what editors keep beside a file while it is open.
_SKIPPED_SUFFIXES = frozenset({".pyc", ".pyo", ".swp", ".swo", ".swx"})


def source_files(folder: Path, *, without: Collection[str] = ()) -> Iterator[Path]:
    """Yield a source folder's files in a fixed order, without compiled bytecode and editors' swap files.

    Args:
        folder: The folder; a missing one has no files.
        without: Names of entries right in the folder that do not belong to the sources.
    """
    for path in sorted(folder.rglob("*"), key=lambda item: item.relative_to(folder).as_posix()):
        inside = path.relative_to(folder)
        if inside.parts[0] in without or _SKIPPED_FOLDERS & set(inside.parts) or path.suffix in _SKIPPED_SUFFIXES:
            continue
        if path.is_file():
            yield path


def sources_digest(folder: Path, *, without: Collection[str] = ()) -> str:
    """Return the SHA-256, as hex digits, of the names and contents of a folder's source files.

    Args:
        folder: The folder; a missing one has the digest of an empty one.
        without: As for :func:`source_files`.
    """
    digest = hashlib.sha256()
    for path in source_files(folder, without=without):
        content = path.read_bytes()
        digest.update(f"{path.relative_to(folder).as_posix()}\0{len(content)}\0".encode())
        digest.update(content)
    return digest.hexdigest()
