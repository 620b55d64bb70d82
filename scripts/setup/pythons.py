"""Finds a Python of a wanted version: on PATH, then among pyenv's versions."""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path
from typing import Iterator, Mapping

# Interpreters built without these exist (pyenv builds what it finds headers for) and fail long after set-up.
PROBE = (
    "import bz2, ctypes, lzma, sqlite3, ssl, sys; print('%s %d.%d' % (sys.implementation.name, *sys.version_info[:2]))"
)
PROBE_SECONDS = 20


def find_python(version: str, environ: Mapping[str, str]) -> Path | None:
    """Return the first interpreter that runs and is CPython `version` ("3.12"), or None.

    A pyenv shim for a version that is not selected exists and exits non-zero: it does not count.
    """
    for candidate in candidates(version, environ):
        if probe(candidate) == "cpython " + version:
            return candidate
    return None


def candidates(version: str, environ: Mapping[str, str]) -> Iterator[Path]:
    """Yield the files that may be Python `version`, best first, each once."""
    seen = set()
    for path in [*_on_path(version, environ), *_in_pyenv(version, environ)]:
        if path not in seen and os.access(path, os.X_OK) and path.is_file():
            seen.add(path)
            yield path


def probe(python: Path) -> str | None:
    """Return `"<implementation> <major>.<minor>"` as the interpreter itself says, or None if it does not run."""
    try:
        done = subprocess.run(
            [str(python), "-c", PROBE],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            timeout=PROBE_SECONDS,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout.decode("utf-8", "replace").strip() if done.returncode == 0 else None


def _on_path(version: str, environ: Mapping[str, str]) -> list[Path]:
    folders = [Path(entry) for entry in environ.get("PATH", "").split(os.pathsep) if entry]
    return [folder / name for name in ("python" + version, "python3", "python") for folder in folders]


def _in_pyenv(version: str, environ: Mapping[str, str]) -> list[Path]:
    """The interpreters of pyenv, of that version, newest patch release first."""
    root = Path(environ.get("PYENV_ROOT") or Path(environ.get("HOME", "/nonexistent")) / ".pyenv")
    found = [folder for folder in root.glob("versions/" + version + "*") if _patch(folder.name, version)]
    found.sort(key=lambda folder: _patch(folder.name, version) or (), reverse=True)
    return [folder / "bin" / "python" for folder in found]


def _patch(name: str, version: str) -> tuple[int, ...] | None:
    """(3, 12, 10) for "3.12.10" when `version` is "3.12"; None for "3.1.4" and for "3.12-dev"."""
    if not re.fullmatch(re.escape(version) + r"(\.\d+)?", name):
        return None
    return tuple(int(part) for part in name.split("."))
