"""A model's versions on an object store: ``ADDRESS/VERSION/...``, through Airflow's connections.

A store renames no folder. So a version counts when its manifest is there, which is written last and removed first.
``ADDRESS/.copies.json`` names the pipeline whose versions are copied there: all other versions are removed.
"""

import json
from contextlib import suppress
from pathlib import Path
from typing import Any

from airflow_bert_service.addresses import without_credentials
from airflow_bert_service.cli.copies.manifest import PLACE, Manifest
from airflow_bert_service.exceptions import ModelCopyError

_OWNER = ".copies.json"


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

    def claim(self, pipeline: str) -> None:
        """Make the address that of a pipeline's copies, if it has no versions yet.

        Raises:
            ModelCopyError: It has versions already, or is that of another pipeline.
        """
        place = f"{self._root}/{_OWNER}"
        try:
            owner = self._store.cat_file(place).decode(errors="replace")
        except FileNotFoundError:
            if there := self.versions():
                raise ModelCopyError(
                    f"{self.address} has folders with numbers, like {max(there)}, and no {_OWNER}, so that this "
                    "command did not write them and might remove what you need; allowed: an address without such "
                    "folders. Name another one."
                ) from None
            self._store.pipe_file(place, _owned_by(pipeline).encode())
            return
        if owner != _owned_by(pipeline):
            raise ModelCopyError(
                f"{self.address} is not for copies of the pipeline {pipeline}: its {_OWNER} has {owner[:200]!r}; "
                f"allowed: {_owned_by(pipeline)!r}. Name another address, or remove what is at this one if nobody "
                "needs it."
            )

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

    def sizes(self, version: int) -> dict[str, int]:
        """Return the size in bytes of each of a version's files."""
        folder = f"{self._root}/{version}/"
        self._store.invalidate_cache()
        found = self._store.find(folder, detail=True)
        return {str(name).removeprefix(folder): int(facts["size"]) for name, facts in found.items()}

    def put(self, file: Path, version: int, name: str) -> None:
        """Copy a file into a version."""
        self._store.put_file(str(file), self._place(version, name))

    def get(self, version: int, name: str, file: Path) -> None:
        """Copy a file out of a version."""
        file.parent.mkdir(parents=True, exist_ok=True)
        self._store.get_file(self._place(version, name), str(file))

    def remove_manifest(self, version: int) -> None:
        """Make a version one that is not complete."""
        with suppress(FileNotFoundError):
            self._store.rm_file(self._place(version, PLACE))

    def remove(self, version: int) -> None:
        """Remove a version, its manifest first."""
        self.remove_manifest(version)
        with suppress(FileNotFoundError):  # it had nothing else
            self._store.rm(f"{self._root}/{version}", recursive=True)

    def _place(self, version: int, name: str) -> str:
        return f"{self._root}/{version}/{name}"


def _owned_by(pipeline: str) -> str:
    return json.dumps({"pipeline": pipeline})
