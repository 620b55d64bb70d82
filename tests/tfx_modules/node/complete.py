"""Reads what ML Metadata says is complete, and what is in the folders of it."""

import sqlite3
from contextlib import closing
from pathlib import Path

from ml_metadata.proto import metadata_store_pb2 as proto

from tfx_modules.report_page import document

COMPLETE_OUTPUTS = """
    SELECT DISTINCT Artifact.uri FROM Execution
    JOIN Event ON Event.execution_id = Execution.id AND Event.type = ?
    JOIN Artifact ON Artifact.id = Event.artifact_id AND Artifact.state = ?
    WHERE Execution.last_known_state IN (?, ?)
"""
STATES = (proto.Event.OUTPUT, proto.Artifact.LIVE, proto.Execution.COMPLETE, proto.Execution.CACHED)

Contents = dict[str, bytes]
"""The files below a folder, by their paths."""


def complete_outputs(state: Path) -> dict[str, Contents]:
    """Return the contents of the outputs of all executions that are complete, by their addresses."""
    store = state / "metadata" / "mlmd.db"
    if not store.exists() or not store.stat().st_size:
        return {}
    with closing(sqlite3.connect(store)) as connection:
        if not connection.execute("SELECT 1 FROM sqlite_master WHERE name = 'Event'").fetchone():
            return {}
        return {uri: contents(Path(uri)) for (uri,) in connection.execute(COMPLETE_OUTPUTS, STATES)}


def contents(folder: Path) -> Contents:
    """Read the files of a folder, but for the report: it is written when the outputs are complete already."""
    assert folder.is_dir(), folder
    files = [path for path in folder.rglob("*") if path.is_file() and document.FILE not in path.name]
    return {str(path.relative_to(folder)): path.read_bytes() for path in files}


def check_whole(state: Path, reference: dict[str, Contents]) -> dict[str, Contents]:
    """Check that what is complete has the contents that it should have."""
    found = complete_outputs(state)
    for uri, files in found.items():
        assert files.keys() == reference[uri].keys(), uri
        assert all(reference[uri][name] == content for name, content in files.items()), f"{uri}: cut or changed"
    return found
