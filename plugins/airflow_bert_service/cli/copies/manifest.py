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
    files: Mapping[str, tuple[int, str]]
    """Size in bytes and SHA-256 by path below the version's folder; the manifest itself is not in it."""

    @classmethod
    def read(cls, text: str, where: str) -> "Manifest":
        """Read a manifest.

        Raises:
            ModelCopyError: It is none, or names a file outside the version's folder.
        """
        try:
            listed = json.loads(text)["files"].items()
            files = {str(name): (int(facts["size"]), str(facts["sha256"])) for name, facts in listed}
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

    def sizes(self) -> dict[str, int]:
        """Return the size in bytes of each file, the manifest itself too."""
        return {**{name: size for name, (size, _) in self.files.items()}, PLACE: len(self.text.encode())}

    def check(self, folder: Path, where: str, advice: str) -> None:
        """Compare a folder's files with the manifest.

        Args:
            folder: Has the files.
            where: What the error says of where they come from.
            advice: What the error says is to be done.

        Raises:
            ModelCopyError: A file is missing, or is another.
        """
        for name, (_, digest) in self.files.items():
            file = folder / name
            if not file.is_file() or sha256(file) != digest:
                raise ModelCopyError(
                    f"{where}: {name} is missing, or is not the file that the version's manifest lists. {advice}"
                )
