"""Computes digests of the pipeline's sources, to tell whether a compiled pipeline is fresh."""

import hashlib
import os
from collections.abc import Collection, Iterator
from pathlib import Path

from airflow_bert_service.installation import PIPELINES

_SKIPPED_FOLDERS = frozenset({"__pycache__"})
SETTINGS = "settings.toml"
"""The pipeline's settings, where a file of this name stands beside the DAG files; else those of ``tfx_modules``."""
# Compiled bytecode, and what editors keep beside a file while it is open.
_SKIPPED_SUFFIXES = (".pyc", ".pyo", ".swp", ".swo", ".swx")


def source_files(folder: Path, *, without: Collection[str] = ()) -> Iterator[Path]:
    """Yield a source folder's files in a fixed order, without compiled bytecode and editors' swap files.

    Args:
        folder: The folder; a missing one has no files.
        without: Entries that do not belong to the sources, by their paths in the folder, like ``compiled``.
    """
    return (folder / name for name in _names(folder, without))


def sources_digest(folder: Path, *, without: Collection[str] = ()) -> str:
    """Return the SHA-256, as hex digits, of the names and contents of a folder's source files.

    Args:
        folder: The folder; a missing one has the digest of an empty one.
        without: As for :func:`source_files`.
    """
    digest = hashlib.sha256()
    for name in _names(folder, without):
        content = (folder / name).read_bytes()
        digest.update(os.fsencode(name) + f"\0{len(content)}\0".encode())  # a name need not be UTF-8
        digest.update(content)
    return digest.hexdigest()


def _names(folder: Path, without: Collection[str]) -> list[str]:
    # Texts: each parse of a DAG file computes a digest, and comparing a Path for each entry took a third of the parse.
    return sorted(_walk(folder, "", frozenset(without))) if folder.is_dir() else []


def _walk(folder: Path | str, prefix: str, left_out: Collection[str]) -> Iterator[str]:
    with os.scandir(folder) as entries:
        for entry in entries:
            if entry.name in _SKIPPED_FOLDERS or f"{prefix}{entry.name}" in left_out:
                continue
            # The folder of a further pipeline may be a link, as Airflow has it. Deeper ones could lead in circles.
            if entry.is_dir(follow_symlinks=prefix == f"{PIPELINES}/" or f"{prefix}{entry.name}" == PIPELINES):
                yield from _walk(entry.path, f"{prefix}{entry.name}/", left_out)
            elif entry.is_file() and not entry.name.endswith(_SKIPPED_SUFFIXES):
                yield f"{prefix}{entry.name}"


def own_settings(ir: Path) -> Path | None:
    """Return the settings file that stands beside the DAG files of a compiled pipeline; None: there is none.

    Args:
        ir: The compiled pipeline, ``<DAG files>/compiled/<pipeline>.json``; of a further pipeline,
            ``<DAG files>/bert_pipelines/<pipeline>/compiled/<pipeline>.json``.
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
