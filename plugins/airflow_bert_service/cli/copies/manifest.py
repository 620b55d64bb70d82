"""Reads the manifest of a version, which the TFX side has written (``tfx_modules/promotion/manifest.py``)."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from airflow_bert_service.exceptions import ModelCopyError
from airflow_bert_service.files import sha256

PLACE = "assets.extra/manifest.json"
GRAPH = "saved_model.pb"
"""What a stock TensorFlow Serving looks for: without it, it loads no version."""


@dataclass(frozen=True)
class Manifest:
    """The files of a version."""

    text: str
    """As it is written."""
    files: Mapping[str, str]
    """SHA-256 by path below the version's folder; the manifest itself is not in it."""

    @classmethod
    def read(cls, text: str, where: str) -> "Manifest":
        """Read a manifest.

        Raises:
            ModelCopyError: It is none, or names a file outside the version's folder.
        """
        try:
            files = {str(name): str(facts["sha256"]) for name, facts in json.loads(text)["files"].items()}
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise ModelCopyError(
                f"{where} is no manifest of a model ({error!r}); allowed: what the Pusher writes. Copy the "
                "version anew."
            ) from error
        if wrong := [name for name in files if name.startswith("/") or ".." in name.split("/")]:
            raise ModelCopyError(f"{where} lists {wrong[0]!r}, which is outside the version's folder. Do not use it.")
        return cls(text, files)

    def in_order(self) -> list[str]:
        """Return the files as they are to be copied: the graph after what it needs, and the manifest last."""
        return [*sorted(self.files, key=lambda name: (name == GRAPH, name)), PLACE]

    def check(self, folder: Path) -> None:
        """Compare a folder's files with the manifest.

        Raises:
            ModelCopyError: A file is another.
            OSError: A file is missing, or cannot be read.
        """
        for name, digest in self.files.items():
            if sha256(folder / name) != digest:
                raise ModelCopyError(
                    f"{folder / name} is not the file that the version's manifest lists. Put the version's own files "
                    "back, or roll back to another version; nothing was copied from it."
                )
