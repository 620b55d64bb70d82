"""Computes digests of the pipeline's sources, to tell whether a compiled pipeline is fresh."""

import hashlib
from collections.abc import Collection, Iterator
from pathlib import Path

_SKIPPED_FOLDERS = frozenset({"__pycache__"})
SETTINGS = "settings.toml"
"""The pipeline's settings, where a file of this name stands beside the DAG files; else those of ``tfx_modules``."""
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


def own_settings(ir: Path) -> Path | None:
    """Return the settings file that stands beside the DAG files of a compiled pipeline; None: there is none.

    Args:
        ir: The compiled pipeline, ``<DAG files>/compiled/<pipeline>.json``.
    """
    settings = ir.parents[1] / SETTINGS
    return settings if settings.is_file() else None


def pipeline_digest(modules: Path, settings: Path | None) -> str:
    """Return the digest of all sources and settings that a pipeline is compiled from, as hex digits.

    Args:
        modules: The folder ``tfx_modules``.
        settings: The settings file that takes precedence over the one in ``modules``; None: there is none.
    """
    digest = sources_digest(modules)
    if settings is None:
        return digest
    return hashlib.sha256(f"{digest}\0".encode() + settings.read_bytes()).hexdigest()
