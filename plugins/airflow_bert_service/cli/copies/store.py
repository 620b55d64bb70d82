"""A model's versions on an object store: ``ADDRESS/VERSION/...``, through Airflow's connections.

A store renames no folder. So a version counts when its manifest is there, which is written last and removed first.
"""

from pathlib import Path
from typing import Any

from airflow_bert_service.addresses import without_credentials
from airflow_bert_service.cli.copies.manifest import PLACE, Manifest
from airflow_bert_service.exceptions import ModelCopyError


class ModelStore:
    """The versions of one model.

    Args:
        address: Like ``s3://bucket/models/bert_sentiment``.
        conn_id: The Airflow connection; empty: none.

    Raises:
        Exception: The store's library has one of its own for each thing that can be wrong.
    """

    def __init__(self, address: str, conn_id: str) -> None:
        # Imported here: it takes seconds, and --help does without.
        from airflow.sdk import BaseHook, ObjectStoragePath

        if conn_id:
            # Fails where there is none; some stores would go on as somebody else.
            BaseHook.get_connection(conn_id)
        path = ObjectStoragePath(address.rstrip("/"), conn_id=conn_id or None)
        self._store: Any = path.fs
        self._root = str(path.path)
        self.address = without_credentials(address)

    def versions(self) -> set[int]:
        """Return the numbers of all versions, the incomplete ones too."""
        self._store.invalidate_cache()  # or what another process has written since stays unseen
        try:
            names = [str(name).rstrip("/").rpartition("/")[2] for name in self._store.ls(self._root, detail=False)]
        except FileNotFoundError:
            return set()
        return {int(name) for name in names if name.isascii() and name.isdecimal()}

    def manifest(self, version: int) -> Manifest | None:
        """Return a version's manifest; None: it is not complete."""
        try:
            text = self._store.cat_file(self._place(version, PLACE)).decode()
        except FileNotFoundError:
            return None
        except UnicodeDecodeError as error:
            raise ModelCopyError(f"the manifest of {version} at {self.address} is no text. Copy it anew.") from error
        return Manifest.read(text, f"the manifest of {version} at {self.address}")

    def put(self, file: Path, version: int, name: str) -> None:
        """Copy a file into a version."""
        self._store.put_file(str(file), self._place(version, name))

    def get(self, version: int, name: str, file: Path) -> None:
        """Copy a file out of a version."""
        file.parent.mkdir(parents=True, exist_ok=True)
        self._store.get_file(self._place(version, name), str(file))

    def remove(self, version: int) -> None:
        """Remove a version, its manifest first."""
        if self.manifest(version) is not None:
            self._store.rm_file(self._place(version, PLACE))
        self._store.rm(f"{self._root}/{version}", recursive=True)

    def _place(self, version: int, name: str) -> str:
        return f"{self._root}/{version}/{name}"
