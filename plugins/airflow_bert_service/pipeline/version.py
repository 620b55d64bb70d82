"""Names the version of a compiled pipeline, in a file beside it: which sources it is of, and when it was compiled.

Nothing is decided by it. Logs, notes and the ledger name it, so that people can tell which sources a run used.
"""

import datetime as dt
import json
from dataclasses import dataclass
from pathlib import Path

from airflow_bert_service.exceptions import CompiledPipelineError

DIGITS = 16
"""Hex digits of a digest that a version's name has."""


@dataclass(frozen=True)
class PipelineVersion:
    """The version of a compiled pipeline."""

    name: str
    """The DAG bundle's name of it; in a plain DAGs folder, the first digits of the digest of what was compiled."""
    compiled: dt.datetime
    """When the compiler wrote the pipeline, UTC."""

    def __str__(self) -> str:
        return f"{self.name}, compiled {self.compiled:%Y-%m-%d %H:%M:%S} UTC"


def version_file(ir: Path) -> Path:
    """Return the path of the file with the version of an IR."""
    return ir.with_suffix(".version.json")


def write_version(ir: Path, name: str, compiled: dt.datetime) -> None:
    """Write an IR's version."""
    document = {"version": name, "compiled": compiled.isoformat(timespec="seconds")}
    version_file(ir).write_text(json.dumps(document) + "\n", encoding="ascii")


def read_version(ir: Path) -> PipelineVersion | None:
    """Return an IR's version; None: it was compiled by a release that wrote none.

    Raises:
        CompiledPipelineError: The file is there, and is not a version.
    """
    path = version_file(ir)
    try:
        document = json.loads(path.read_text(encoding="ascii"))
        return PipelineVersion(str(document["version"]), dt.datetime.fromisoformat(document["compiled"]))
    except FileNotFoundError:
        return None
    except (ValueError, KeyError, TypeError) as error:
        raise CompiledPipelineError(
            f"{path} is not the version of a compiled pipeline ({type(error).__name__}: {error}); allowed: a JSON "
            "object with version and compiled. Remove it."
        ) from error


def compiled_at(ir: Path) -> dt.datetime:
    """Return when an IR was compiled: as its version says, else when its file was written."""
    version = read_version(ir)
    return version.compiled if version else dt.datetime.fromtimestamp(ir.stat().st_mtime, dt.timezone.utc)
